#!/usr/bin/env bash
# tests/system/catchup.sh -- a node is away while more is written than the log keeps; it comes back, is sent a snapshot
# while writes go on, and has the same state as the others; so it has after being killed meanwhile.
ROUNDS_MAX=20 # of writing, until the log is shortened
export VALUE_BYTES=16000
NODE_FLAGS="--heartbeat-interval-ms 100 --election-timeout-min-ms 1000 --election-timeout-max-ms 1500"
. "$(dirname "$0")/lib.sh"
HERE=$(dirname "$0")

installed() { get "$1" /metrics | sed -n 's/^aspen_snapshots_installed_total{[^}]*} //p'; }
has_installed() { [ "$(installed "$1")" -gt 0 ] 2>/dev/null; }
purged() { metric "$1" 'm["purged"]["index"] if m["purged"] else 0'; }
has_purged() { [ "$(purged 1)" -gt "$1" ] && [ "$(purged 2)" -gt "$1" ]; }

for id in 1 2 3; do
    start $id
done
init_cluster 1 2 3 >/dev/null
wait_for 10 has_leader 1 || fail "no leader"
wait_for 10 has_leader 3 || fail "no leader on node 3"
last=$(metric 3 'm["last_log_index"]')
stop 3 KILL
for ((round = 1; round <= ROUNDS_MAX; round++)); do
    "$HERE/writer.py" 2 32 "$WORK/acked" "$(url 1)" "$(url 2)" >/dev/null
    post 1 /trigger-snapshot '{}' >"$WORK/snapshot-1"
    post 2 /trigger-snapshot '{}' >"$WORK/snapshot-2"
    wait_for 1 has_purged "$last" && break
done
has_purged "$last" || fail "the log was not shortened: $(get 1 /raft-metrics)"
echo "ok 1 - catchup: the log is shortened behind a snapshot, to entry $(purged 1) of $(metric 1 'm["last_log_index"]')"
"$HERE/writer.py" 8 8 "$WORK/acked" "$(url 1)" "$(url 2)" >"$WORK/pause" &
writer=$!
start 3
wait_for 20 has_installed 3 || fail "no snapshot was installed: $(get 3 /raft-metrics)"
stop 3 KILL
start 3
wait $writer
wait_for 30 converged 1 2 3 || fail "the nodes did not converge: $(for i in 1 2 3; do get $i /raft-metrics; echo; done)"
echo "ok 2 - catchup: a node that lacks the log is sent a snapshot while writes go on ($(cat "$WORK/pause"))"
"$HERE/verify.py" "$WORK/acked" "$(url 1)" "$(url 2)" "$(url 3)" || fail "acknowledged writes are missing"
echo "ok 3 - catchup: it has every acknowledged write, after kill -9 too"
for id in 1 2 3; do
    stop $id || fail "node $id did not stop cleanly"
    start $id
done
wait_for 30 converged 1 2 3 || fail "the nodes did not converge after a restart"
echo "ok 4 - catchup: all start again from shortened logs"
echo "1..4"
