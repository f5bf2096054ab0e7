#!/usr/bin/env bash
# tests/system/members.sh [SECONDS] -- a cluster changes its members under load: learners, promotion, a new node in
# the place of another, the leader removed, shrunk to one, grown again. Whatever is asked is asked on a node that
# does not lead. Nothing that was acknowledged is lost, and writes never pause for two election timeouts.
SECONDS_LOAD=${1:-30}
ELECTION_MS=1500
NODE_FLAGS="--heartbeat-interval-ms 100 --election-timeout-min-ms 1000 --election-timeout-max-ms $ELECTION_MS"
. "$(dirname "$0")/lib.sh"
HERE=$(dirname "$0")
TEST=0

ok() { TEST=$((TEST + 1)); echo "ok $TEST - members: $*"; }

# others ID... -- those that do not lead.
others() {
    local id lead
    lead=$(leader_of "$1")
    for id in "$@"; do
        [ "$id" = "$lead" ] || echo "$id"
    done
}
any_other() { others "$@" | shuf -n 1; }

# members_are LIST LEARNERS ID -- as node ID sees them, not on the way to something else.
members_are() {
    [ "$(metric "$3" '(sorted(m["members"]), sorted(m["learners"]), m["joint"])')" = "([$1], [$2], False)" ]
}

# change ID PATH BODY -- must be done; the answer is kept.
change() {
    ANSWER=$(curl -s -m 20 -w ' %{http_code}' "$(url "$1")$2" -d "$3")
    case $ANSWER in
    *" 200") return 0 ;;
    *) fail "$2 $3 on node $1: $ANSWER" ;;
    esac
}

cluster() {
    "$BUILD/aspen" --endpoints "$ENDPOINTS" cluster "$@" >"$WORK/cli.log" 2>&1 ||
        fail "aspen cluster $*: $(cat "$WORK/cli.log")"
}

for id in 1 2 3 4 5 6; do
    start $id
done
introduce 1 2 3 4 5 # nobody knows 6: the request that adds it says where it is, and the log tells all others
init_cluster 1 2 3 >/dev/null
wait_for 10 has_leader 1 || fail "no leader"
wait_for 10 has_leader 2 || fail "no leader on node 2"
ENDPOINTS="$(url 1),$(url 2),$(url 3),$(url 4),$(url 5),$(url 6)"
"$HERE/writer.py" "$SECONDS_LOAD" 8 "$WORK/acked" "$(url 1)" "$(url 2)" "$(url 3)" "$(url 4)" >"$WORK/pause" &
WRITER=$!
wait_for 5 test -s "$WORK/acked" || fail "nothing is written"

asked=$(any_other 1 2 3)
change "$asked" /add-learner '{"learner":{"id":4,"addr":"127.0.0.1:21004","raft_addr":null}}'
change "$asked" /add-learner '{"learner":{"id":5,"addr":"127.0.0.1:21005"}}'
wait_for 5 members_are "1, 2, 3" "4, 5" "$asked" || fail "two learners: $(get "$asked" /raft-metrics)"
ok "two learners are added under load"

asked=$(any_other 1 2 3)
change "$asked" /change-membership '{"members":[1,2,3,4,5]}'
for id in 1 2 3 4 5; do
    wait_for 5 members_are "1, 2, 3, 4, 5" "" $id || fail "five voters: $(get $id /raft-metrics)"
done
ok "three voters become five"

cluster replace 5 "6=$(url 6)"
for id in 1 2 3 4 6; do
    wait_for 5 members_are "1, 2, 3, 4, 6" "" $id || fail "replaced: $(get $id /raft-metrics)"
done
ok "a new node takes the place of another in one step"

before=$(leader_by 1) || fail "no leader before one is removed"
cluster remove "$before"
left=$(for id in 1 2 3 4 6; do [ $id = "$before" ] || echo $id; done)
# shellcheck disable=SC2086
set -- $left
list=$(echo "$left" | paste -sd, | sed 's/,/, /g')
for id in $left; do
    wait_for 5 members_are "$list" "" "$id" || fail "leader removed: $(get "$id" /raft-metrics)"
done
wait_for 10 other_leads "$1" "$before" || fail "after $before was removed node '$(leader_of "$1")' leads"
ok "the leader is removed and another one leads"

lead=$(leader_by "$1") || fail "no leader before a transfer"
cluster transfer
wait_for 5 other_leads "$1" "$lead" || fail "after $lead gave its office away node '$(leader_of "$1")' leads"
ok "the office is given to another voter"

alone=$(any_other "$@")
change "$(any_other "$@")" /change-membership "{\"members\":[$alone]}"
wait_for 10 members_are "$alone" "" "$alone" || fail "alone: $(get "$alone" /raft-metrics)"
wait_for 10 has_leader "$alone" || fail "node $alone does not lead alone"
ok "shrunk to one that did not lead"

grown=$(for id in $left; do [ "$id" = "$alone" ] || echo "$id"; done | head -n 2)
for id in $grown; do
    change "$alone" /add-learner "{\"learner\":{\"id\":$id,\"addr\":\"127.0.0.1:2100$id\"}}"
done
change "$alone" /change-membership "{\"members\":[$(echo "$alone $grown" | xargs | tr ' ' ',')]}"
# shellcheck disable=SC2086
sorted=$(printf '%s\n' $alone $grown | sort -n | paste -sd, | sed 's/,/, /g')
for id in $alone $grown; do
    wait_for 10 members_are "$sorted" "" "$id" || fail "grown: $(get "$id" /raft-metrics)"
done
ok "grown to three again"

wait $WRITER
# shellcheck disable=SC2086
wait_for 30 converged $alone $grown || fail "the nodes did not converge"
# shellcheck disable=SC2046
"$HERE/verify.py" "$WORK/acked" $(for id in $alone $grown; do url "$id"; done) || fail "acknowledged writes are missing"
ok "no acknowledged write is lost"
pause=$(sed -n 's/^pause \([0-9]*\) ms/\1/p' "$WORK/pause")
echo "# longest time without an acknowledgement: $pause ms"
[ "$pause" -le $((2 * ELECTION_MS)) ] || fail "writes paused for $pause ms"
ok "writes never paused for two election timeouts"
echo "1..$TEST"
