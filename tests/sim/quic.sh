#!/usr/bin/env bash
# tests/sim/quic.sh ASPEN_SIM [SEEDS] -- real QUIC endpoints under a seed: no finding, and the same story again
# in the same process, in another one, elsewhere in memory, and after other seeds.
set -u
SIM=$1
SEEDS=${2:-4}
FIRST=42
. "$(dirname "$0")/lib.sh"
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT

quic() { "$SIM" --quic --minutes 0.5 "$@"; }

# The stories of all seeds, by seed; each in a process of its own, or all in one.
alone() {
    local i
    for ((i = FIRST; i < FIRST + SEEDS; i++)); do
        "$@" "$SIM" --quic --minutes 0.5 --seed "$i" --artifact "$DIR/alone" >"$DIR/said" || return 1
    done
    ls "$DIR/alone"
}
together() {
    quic --seed "$FIRST" --seeds "$SEEDS" --artifact "$DIR/together" >"$DIR/said" || return 1
    ls "$DIR/together"
}
same() {
    local one other
    one=$("$@") && other=$(together) && [ "$one" = "$other" ] && [ "$(wc -l <<<"$one")" -eq "$SEEDS" ]
}
unshuffled() { setarch -R true 2>/dev/null; }

check "quic: $SEEDS seeds from $FIRST on, twice the same story" quic --seed "$FIRST" --seeds "$SEEDS" --twice
check "quic: five nodes and all fault classes" "$SIM" --quic --seed 7 --nodes 5 --minutes 1 --all-faults --twice
check "quic: a seed tells its story alone as after others" same alone
if unshuffled; then
    rm -rf "$DIR/alone"
    check "quic: no address of memory is in a story" same alone setarch -R
fi
echo "1..$TEST"
exit $FAILED
