#!/usr/bin/env bash
# tests/system/crash.sh [ROUNDS] [SECONDS] -- writes from 16 clients, kill -9 of a random node at a random
# moment, restart; at the end every acknowledged write is in every node, and all have the same state.
ROUNDS=${1:-3}
SECONDS_EACH=${2:-5}
START_SECONDS=60 # two hundred rounds leave a log of gigabytes, which a start reads
NODE_FLAGS="--heartbeat-interval-ms 100 --election-timeout-min-ms 1000 --election-timeout-max-ms 1500"
. "$(dirname "$0")/lib.sh"
HERE=$(dirname "$0")
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "# seed $SEED"

for id in 1 2 3; do
    start $id
done
init_cluster 1 2 3 >/dev/null
wait_for 10 has_leader 1 || fail "no leader"
for ((round = 1; round <= ROUNDS; round++)); do
    victim=$((RANDOM % 3 + 1))
    "$HERE/writer.py" "$SECONDS_EACH" 16 "$WORK/acked" "$(url 1)" "$(url 2)" "$(url 3)" &
    writer=$!
    sleep "$(/usr/bin/python3 -c "print($RANDOM % 1000 / 1000 * $SECONDS_EACH * 0.8)")" # the random moment
    stop $victim KILL
    start $victim
    wait $writer
    [ $((round % 10)) -ne 0 ] || echo "# round $round: $(wc -l <"$WORK/acked") writes acknowledged"
done
wait_for 30 converged 1 2 3 || fail "the nodes did not converge: $(for i in 1 2 3; do get $i /raft-metrics; echo; done)"
"$HERE/verify.py" "$WORK/acked" "$(url 1)" "$(url 2)" "$(url 3)" || fail "acknowledged writes are missing"
echo "ok 1 - crash: $ROUNDS rounds of kill -9 under 16 writers lose nothing"
echo "1..1"
