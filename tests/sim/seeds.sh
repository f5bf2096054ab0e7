#!/usr/bin/env bash
# tests/sim/seeds.sh ASPEN_SIM [FRESH] -- the seeds that everybody runs, those that found something before the draws
# moved, and fresh ones; each is run twice and must tell the same story. A failure prints the line that replays it.
set -u
SIM=$1
FRESH=${2:-200}
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/lib.sh"

for seed in 42 123 456 789 1024 2048; do
    check "seed $seed, twice the same story" "$SIM" --seed "$seed" --twice
done
# The pattern that meson lets malloc write into all of a node's memory, at each of its starts, would take most of the
# time from here on: the seeds above had it.
export MALLOC_PERTURB_=0
while read -r line; do
    args=${line%%#*}
    [ -n "${args// /}" ] || continue
    # shellcheck disable=SC2086
    check "a world that found something under older draws: ${line#*# }" "$SIM" $args --twice
done <"$ROOT/seeds/regress.txt"
base=$(date +%s)
check "$FRESH fresh seeds from $base on, twice the same story" \
    "$SIM" --seed "$base" --seeds "$FRESH" --minutes 0.5 --twice
echo "1..$TEST"
exit $FAILED
