#!/usr/bin/env bash
# tests/system/exchanged.sh [COUNT] -- more machines come and go than a node can know at once, as they do over the years
# of a cluster: the next one is still added, becomes a voter, and counts; before a restart and after it. Each that is
# added is waited for half a second, so several are at a time.
COUNT=${1:-72}
AT_ONCE=6
. "$(dirname "$0")/lib.sh"
HERE=$(dirname "$0")
TEST=0

ok() { TEST=$((TEST + 1)); echo "ok $TEST - exchanged: $*"; }
cli() { "$BUILD/aspen" --endpoints "$(url "$1" | sed 's,http://,,')" "${@:2}"; }
address() { url "$1" | sed 's,http://,,'; }
writes() { [ "$(curl -s -m 6 -o /dev/null -w '%{http_code}' "$(url "$1")/write" \
    -d '{"command":{"Set":{"key":"k","value":"v"}}}')" = 200 ]; }

start 1
start 2
init_cluster 1 2 >/dev/null
wait_for 10 has_leader 2 || fail "no leader"
exchangers=()
for ((i = 0; i < AT_ONCE; i++)); do
    "$HERE/exchanger.py" "$(url 1)" $((100 + i * COUNT)) $((COUNT / AT_ONCE)) &
    exchangers+=($!)
done
for pid in "${exchangers[@]}"; do
    wait "$pid" || fail "one of many is refused"
done
ok "$COUNT machines have come and gone"

start 3
cli 2 cluster add 3="$(address 3)" >/dev/null || fail "the next one is not added"
wait_for 15 cli 2 cluster promote 3 || fail "the next one does not become a voter"
wait_for 10 has_leader 3 || fail "it hears no leader"
ok "the next one is a voter"

lead=$(leader_by 3) || fail "no leader"
stop "$lead" KILL
for id in 1 2 3; do
    [ "$id" = "$lead" ] || survivor=$id
done
wait_for 15 other_leads "$survivor" "$lead" || fail "two of three do not elect: $(get "$survivor" /raft-metrics)"
wait_for 10 writes "$survivor" || fail "two of three do not write"
ok "it counts when the leader is gone"

start "$lead"
wait_for 15 converged 1 2 3 || fail "the leader of before is not back"
"$HERE/exchanger.py" "$(url "$lead")" 1000 5 || fail "after a restart one more is refused"
ok "so it is after a restart"
echo "1..$TEST"
