#!/usr/bin/env bash
# tests/system/demo.sh -- a real three-node cluster, step by step: the commands a person would type, what
# came back, and how long it took. Exits non-zero when anything is not as it should be.
NODE_FLAGS="--heartbeat-interval-ms 100 --election-timeout-min-ms 1000 --election-timeout-max-ms 1500"
. "$(dirname "$0")/lib.sh"

BOLD="" PLAIN=""
[ ! -t 1 ] || BOLD=$(printf '\033[1m') PLAIN=$(printf '\033[0m')
step() { printf '\n%s%s%s\n' "$BOLD" "$*" "$PLAIN"; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }
told() { sed "s#$BUILD/##g; s#$WORK#DIR#g; s#$COOKIE#SECRET#g"; }

# launch ID... -- start nodes; show the command of each as it really runs, what it says, and the time.
launch() {
    local id begin
    for id in "$@"; do
        begin=$(now_ms)
        start "$id"
        printf '  $ %s&\n' "$(tr '\0' ' ' <"/proc/${PID[$id]}/cmdline" | told)"
        printf '    %s\n' "$(grep ' ready ' "$WORK/node-$id.log" | tail -n 1 | told)"
        printf '    (%d ms)\n' $(($(now_ms) - begin))
    done
}

# end ID SIGNAL EXPECTED -- signal a node, show how it ended and the time.
end() {
    local begin rc
    begin=$(now_ms)
    printf '  $ kill -%s %s\n' "$2" "${PID[$1]}"
    stop "$1" "$2"
    rc=$?
    printf '    node %s ended with %d\n    (%d ms)\n' "$1" $rc $(($(now_ms) - begin))
    [ $rc -eq "$3" ] || fail "node $1 ended with $rc, not $3"
}

# run EXPECTED COMMAND... -- show a command, run it, show the answer and the time; the answer must contain
# EXPECTED (a fixed text).
run() {
    local expected=$1 out rc begin ms
    shift
    printf '  $ %s\n' "$(printf '%s' "$*" | told)"
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
launch 1 2 3

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
lost=$(now_ms)
end "$leader" KILL 137
new_leader() { local l; l=$(leader_of "$first"); [ -n "$l" ] && [ "$l" != "$leader" ]; }
wait_for 10 new_leader || fail "nobody took over"
printf '    node %s leads, %d ms after the kill\n' "$(leader_of "$first")" $(($(now_ms) - lost))
run "{\"leader\":$(leader_of "$first")}" "curl -s $(url "$first")/leader"
run "revision" "$BUILD/aspen --endpoints $(url "$first"),$(url "$second") put color blue"

step "Restart the killed node: it catches up"
begin=$(now_ms)
launch "$leader"
wait_for 15 converged 1 2 3 || fail "node $leader did not catch up"
printf '    all three have the same state, %d ms after the start\n' $(($(now_ms) - begin))
hash=$(state_hash "$first")
for id in 1 2 3; do
    run "$hash" "curl -s $(url $id)/raft-metrics | grep -o '\"state_hash\":\"[0-9a-f]*\"'"
done
run '"value":"blue"' "curl -s $(url "$leader")/read -d '{\"key\":\"color\",\"consistency\":\"serializable\"}'"

step "Stop all three, start all three, read everything back"
for id in 1 2 3; do
    end $id TERM 0
done
launch 1 2 3
wait_for 20 has_leader 1 || fail "no leader after the restart"
run "blue" "$BUILD/aspen --endpoints $(endpoints) get color"
run "round" "$BUILD/aspen --endpoints $(endpoints) get shape"
run "Leader" "$BUILD/aspen --endpoints $(endpoints) status"

step "Everything was as it should be."
