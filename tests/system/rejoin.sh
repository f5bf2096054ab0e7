#!/usr/bin/env bash
# tests/system/rejoin.sh [SECONDS] -- a node loses its disk but not its key, under load: it is not counted, becomes a
# learner and then a voter again by itself; so does the leader. With --no-auto-rejoin it stays outside, and what is to
# be done is said and works. Nothing that was acknowledged is lost.
SECONDS_LOAD=${1:-8}
NODE_FLAGS="--heartbeat-interval-ms 100 --election-timeout-min-ms 1000 --election-timeout-max-ms 1500"
. "$(dirname "$0")/lib.sh"
HERE=$(dirname "$0")
TEST=0
BACK_SECONDS=15 # from the start of an empty node to its vote

ok() { TEST=$((TEST + 1)); echo "ok $TEST - rejoin: $*"; }

# wipe ID -- killed, and everything of it is gone but its key; nobody has to introduce it again.
wipe() {
    keep_port "$1"
    stop "$1" KILL
    mkdir "$WORK/key"
    cp -p "$(node_dir "$1")/secret.key" "$WORK/key/"
    rm -rf "$(node_dir "$1")"
    mv "$WORK/key" "$(node_dir "$1")"
}

# voters_are LIST ID -- as node ID sees them, nobody on the way.
voters_are() {
    [ "$(metric "$2" '(sorted(m["members"]), m["learners"], m["wiped"], m["joint"])')" = "([$1], [], [], False)" ]
}
wiped_is() { [ "$(metric "$2" 'm["wiped"]')" = "[$1]" ]; }
life_of() { metric "$1" 'm["incarnation"]'; }
seen_by_log() { grep -q "$1" "$WORK"/node-*.log; }

# comes_back ID -- start it empty; it is counted again within the bound, as another incarnation.
comes_back() {
    local id before=$2 other
    id=$1
    start "$id"
    other=$((id % 3 + 1))
    wait_for 5 seen_by_log "a voter lost its disk.* id=$id" || fail "nobody noticed that $id lost its disk"
    wait_for "$BACK_SECONDS" seen_by_log "is a voter again.* id=$id" ||
        fail "$id is no voter again: $(get $other /raft-metrics)"
    wait_for 5 voters_are "1, 2, 3" "$other" || fail "voters: $(get $other /raft-metrics)"
    wait_for 5 voters_are "1, 2, 3" "$id" || fail "voters as $id sees them: $(get "$id" /raft-metrics)"
    [ "$(life_of "$id")" != "$before" ] || fail "$id is the incarnation that it was"
    seen_by_log "is a learner now.* id=$id" || fail "$id was no learner before"
}

for id in 1 2 3; do
    start $id
done
introduce 1 2 3
init_cluster 1 2 3 >/dev/null
wait_for 10 has_leader 1 || fail "no leader"
for id in 2 3; do
    wait_for 10 has_leader $id || fail "no leader on node $id"
done
"$HERE/writer.py" "$SECONDS_LOAD" 8 "$WORK/acked" "$(url 1)" "$(url 2)" "$(url 3)" >"$WORK/pause" &
WRITER=$!
wait_for 5 test -s "$WORK/acked" || fail "nothing is written"

lead=$(leader_by 1) || fail "no leader"
follower=$((lead % 3 + 1))
before=$(life_of $follower)
wipe $follower
comes_back $follower "$before"
ok "a follower that lost its disk is a learner, then a voter again"

lead=$(leader_by $follower) || fail "node $follower knows no leader"
before=$(life_of "$lead")
wipe "$lead"
other=$((lead % 3 + 1))
wait_for 10 other_leads $other "$lead" || fail "no leader without $lead"
comes_back "$lead" "$before"
ok "so does the leader"

# both other nodes: only with the two that came back is there a majority
wait "$WRITER" || fail "writers: $(cat "$WORK/pause")"
WRITER=
last=$((6 - follower - lead))
[ "$follower" != "$lead" ] || last=$((lead % 3 + 1))
stop "$last" KILL
for id in 1 2 3; do
    [ "$id" = "$last" ] || wait_for 10 other_leads $id $last || fail "no leader on $id"
done
for id in 1 2 3; do
    [ "$id" = "$last" ] || left="${left:-} $(url $id)"
done
# shellcheck disable=SC2086
"$HERE/verify.py" "$WORK/acked" $left || fail "acknowledged writes are lost"
start "$last"
introduce 1 2 3
ok "nothing that was acknowledged is lost, and the two that came back decide without the third"

for id in 1 2 3; do
    stop $id
done
for id in 1 2 3; do
    start $id --no-auto-rejoin
done
introduce 1 2 3
lead=$(leader_by 1) || fail "no leader"
follower=$((lead % 3 + 1))
wipe $follower
start $follower --no-auto-rejoin
wait_for 10 wiped_is $follower "$lead" || fail "not noticed: $(get "$lead" /raft-metrics)"
caught_up() { [ "$(metric $follower 'm["last_applied"]["index"]')" = "$(metric "$lead" 'm["committed"]["index"]')" ]; }
wait_for 10 caught_up || fail "it does not get the log"
[ "$(metric "$lead" 'sorted(m["members"])')" = "[1, 2, 3]" ] || fail "somebody changed the members"
wiped_is $follower "$lead" || fail "it is counted"
wait_for 3 seen_by_log "next=.*aspen cluster remove $follower, then aspen cluster add" || fail "no line says what to do"
ENDPOINTS="$(url 1),$(url 2),$(url 3)"
cluster() { "$BUILD/aspen" --endpoints "$ENDPOINTS" cluster "$@"; }
cluster status | grep -q "aspen cluster remove $follower, then" || fail "status does not say what to do"
for step in "remove $follower" "add $follower=$(url $follower)" "promote $follower"; do
    # shellcheck disable=SC2086
    cluster $step >"$WORK/cli.log" 2>&1 || fail "aspen cluster $step: $(cat "$WORK/cli.log")"
done
wait_for 10 voters_are "1, 2, 3" "$lead" || fail "not back by hand: $(get "$lead" /raft-metrics)"
ok "with --no-auto-rejoin it stays outside, what to type is said, and helps"
# data in memory ends with the process: each start is another incarnation, and nobody need empty anything
for id in 4 5 6; do
    start $id --storage-backend inmemory
done
introduce 4 5 6
init_cluster 4 5 6 >/dev/null
lead=$(leader_by 4) || fail "no leader of those in memory"
follower=$((4 + (lead - 3) % 3))
other=$((15 - lead - follower))
ENDPOINTS="$(url 4),$(url 5),$(url 6)"
"$BUILD/aspen" --endpoints "$ENDPOINTS" put kept here >/dev/null || fail "no write"
for id in "$follower" "$lead"; do
    before=$(life_of "$id")
    stop "$id" KILL
    wait_for 10 other_leads "$other" "$id" || fail "no leader without $id"
    start "$id" --storage-backend inmemory
    introduce 4 5 6
    wait_for "$BACK_SECONDS" voters_are "4, 5, 6" "$id" || fail "$id is no voter again: $(get "$other" /raft-metrics)"
    [ "$(life_of "$id")" != "$before" ] || fail "$id is the incarnation that it was"
done
ENDPOINTS="$(url 4),$(url 5),$(url 6)"
[ "$("$BUILD/aspen" --endpoints "$ENDPOINTS" -o raw get kept)" = here ] || fail "what was written is lost"
ok "nodes that keep their data in memory come back by themselves after each start"
echo "1..$TEST"
