#!/usr/bin/env bash
# tests/sim/sides.sh DIR -- who knows whom in the simulator's sources: faults and judges are strangers.
set -u
ROOM=$1/src/sim
. "$(dirname "$0")/lib.sh"

# nobody PATTERN FILE... -- no line of code of these files, which must exist, says it.
nobody() {
    local pattern=$1
    shift
    [ -f "$1" ] || return 1
    ! grep -nE "$pattern" "$@"
}

# Faults that asked the judges would spare what a judge is mistaken about.
faults() {
    nobody '\bjudge\.|->judge\b|sim_judge|sim_written|sim_promise' "$ROOM"/fault*.[ch] || return 1
    echo "of $(cat "$ROOM"/fault*.[ch] | wc -l) lines"
}

judges() {
    nobody '\bfaults?\.(deposed|treason|on)\b|sim_fault_|->doom\b' "$ROOM"/judge*.[ch] || return 1
    echo "of $(cat "$ROOM"/judge*.[ch] | wc -l) lines"
}

check "no fault knows a judge" faults
check "no judge tells a fault anything but that it is over" judges
echo "1..$TEST"
exit $FAILED
