#!/usr/bin/env bash
# tests/system/demo.sh -- a real three-node cluster, step by step: the commands a person would type, what
# came back, and how long it took. Exits non-zero when anything is not as it should be.
NODE_FLAGS="--heartbeat-interval-ms 100 --election-timeout-min-ms 1000 --election-timeout-max-ms 1500"
. "$(dirname "$0")/lib.sh"

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# run EXPECTED COMMAND... -- show a command, run it, show the answer and the time; the answer must contain
# EXPECTED (a fixed text).
run() {
    local expected=$1 out rc begin ms
    shift
    printf '  $ %s\n' "$(printf '%s' "$*" | sed "s#$BUILD/##g; s#$WORK#DIR#g")"
    begin=$(date +%s%N)
    out=$(eval "$*" 2>&1)
    rc=$?
    ms=$((($(date +%s%N) - begin) / 1000000))
    printf '%s\n' "$out" | sed 's/^/    /'
    printf '    (%d ms)\n' "$ms"
    [ $rc -eq 0 ] || fail "exit code $rc"
    case "$out" in
    *"$expected"*) ;;
    *) fail "expected: $expected" ;;
    esac
}

endpoints() { echo "$(url 1),$(url 2),$(url 3)"; }
others() { for id in 1 2 3; do [ "$id" = "$1" ] || echo "$id"; done; }

step "Three nodes, each with a fresh key and an empty directory"
for id in 1 2 3; do
    printf '  $ aspen-node --node-id %s --data-dir DIR/node-%s --cookie ... ' $id $id
    printf -- '--http-addr 127.0.0.1:0 --bind 127.0.0.1:0 &\n'
    start $id
    printf '    ready on %s, endpoint %.16s...\n' "$(url $id)" "$(get $id /node-info | sed 's/.*"id":"//')"
done

step "One command makes them a cluster"
run "node 3" "$BUILD/aspen --endpoints $(endpoints) init"
wait_for 10 has_leader 1 || fail "no leader"
wait_for 10 has_leader 2 || fail "no leader on node 2"
wait_for 10 has_leader 3 || fail "no leader on node 3"
run "Leader" "$BUILD/aspen --endpoints $(endpoints) status"
leader=$(leader_of 1)
set -- $(others "$leader")
first=$1 second=$2

step "Write through a follower (node $first), read through the other one (node $second)"
run '"revision":' "curl -s $(url "$first")/write -d '{\"command\":{\"Set\":{\"key\":\"color\",\"value\":\"green\"}}}'"
run '"value":"green"' "curl -s $(url "$second")/read -d '{\"key\":\"color\"}'"
run "revision" "$BUILD/aspen --endpoints $(url "$second") put shape round"
run "round" "$BUILD/aspen --endpoints $(url "$first") get shape"

step "Kill the leader (node $leader) with -9, and write again"
begin=$(date +%s%N)
printf '  $ kill -9 %s\n' "${PID[$leader]}"
stop "$leader" KILL
new_leader() { local l; l=$(leader_of "$first"); [ -n "$l" ] && [ "$l" != "$leader" ]; }
wait_for 10 new_leader || fail "nobody took over"
printf '    node %s leads now (%d ms after the kill)\n' "$(leader_of "$first")" $((($(date +%s%N) - begin) / 1000000))
run "revision" "$BUILD/aspen --endpoints $(url "$first"),$(url "$second") put color blue"

step "Restart the killed node: it catches up"
printf '  $ aspen-node --node-id %s ... &\n' "$leader"
begin=$(date +%s%N)
start "$leader"
wait_for 15 converged 1 2 3 || fail "node $leader did not catch up"
elapsed_ms=$((($(date +%s%N) - begin) / 1000000))
printf '    all three have the same state, hash %s (%d ms after its start)\n' "$(state_hash "$leader")" $elapsed_ms
run '"value":"blue"' "curl -s $(url "$leader")/read -d '{\"key\":\"color\",\"consistency\":\"serializable\"}'"

step "Stop all three, start all three, read everything back"
for id in 1 2 3; do
    printf '  $ kill %s\n' "${PID[$id]}"
    stop $id || fail "node $id ended with $?"
done
for id in 1 2 3; do
    start $id
done
wait_for 20 has_leader 1 || fail "no leader after the restart"
run "blue" "$BUILD/aspen --endpoints $(endpoints) get color"
run "round" "$BUILD/aspen --endpoints $(endpoints) get shape"
run "Leader" "$BUILD/aspen --endpoints $(endpoints) status"

step "Everything was as it should be."
