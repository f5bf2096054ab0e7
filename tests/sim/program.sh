#!/usr/bin/env bash
# tests/sim/program.sh ASPEN_SIM -- what the program takes and says: where it stops, lines that replay a world.
set -u
SIM=$1
. "$(dirname "$0")/lib.sh"
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
STOP_S=20 # a world that was told where to stop takes milliseconds

# The story of a seed ends with the event that was named, wherever that is: in the end game too.
stops() {
    local events at
    events=$("$SIM" --seed 42 --minutes 0.5 | sed -n 's/.*nodes, \([0-9]*\) events.*/\1/p') || return 1
    for at in $((events / 2)) $((events - 60)) $((events - 20)) $((events - 1)); do
        timeout "$STOP_S" "$SIM" --seed 42 --minutes 0.5 --until "$at" --trace >"$DIR/trace" || return 1
        awk -v at="$at" '$1 == at { found = 1 } END { exit !found }' "$DIR/trace" || return 1
    done
    echo "of $events events"
}

# A directory that is not there is made; a file in its place is told once, and nothing runs.
artifacts() {
    "$SIM" --seed 1 --seeds 2 --minutes 0.1 --artifact "$DIR/new/deep" >"$DIR/said" || return 1
    [ "$(find "$DIR/new/deep" -name 'sim-*.json' | wc -l)" -eq 2 ] || return 1
    : >"$DIR/file"
    "$SIM" --seed 1 --seeds 2 --minutes 0.1 --artifact "$DIR/file" >"$DIR/said" 2>&1
    [ $? -eq 2 ] && [ "$(wc -l <"$DIR/said")" -eq 1 ]
}

check "--artifact makes its directory, or says that it cannot" artifacts
check "--until stops anywhere, in the end game too" stops
echo "1..$TEST"
exit $FAILED
