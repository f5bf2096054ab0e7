#!/usr/bin/env bash
# tests/system/lost.sh -- parts of a node's directory are gone: without vote and log it is another incarnation, with
# something left that only the old one can use it is refused; so it is with its log in a directory of its own.
. "$(dirname "$0")/lib.sh"
NODE_FLAGS="--heartbeat-interval-ms 50 --election-timeout-min-ms 200 --election-timeout-max-ms 400"
TEST=0
ok() { TEST=$((TEST + 1)); echo "ok $TEST - lost: $*"; }
life_of() { metric "$1" 'm["incarnation"]'; }

# lose PATTERN... -- the directory as it was, without these.
lose() {
    rm -rf "$(node_dir 1)" "$WORK/log"
    cp -rp "$WORK/whole" "$(node_dir 1)"
    cp -rp "$WORK/whole-log" "$WORK/log"
    # shellcheck disable=SC2068
    (cd "$(node_dir 1)" && rm -rf $@)
    : >"$WORK/node-1.log"
}

# refused CODE TEXT -- the node does not start, and says why.
refused() {
    local code=0
    # shellcheck disable=SC2086
    timeout 10 "$BUILD/aspen-node" --node-id 1 --data-dir "$(node_dir 1)" --cookie test --http-addr 127.0.0.1:0 \
        --bind 127.0.0.1:0 --port 0 $NODE_FLAGS >"$WORK/refused" 2>&1 || code=$?
    [ "$code" = "$1" ] || fail "exit code $code, not $1: $(cat "$WORK/refused")"
    grep -q "$2" "$WORK/refused" || fail "nothing of '$2': $(cat "$WORK/refused")"
}

NODE_FLAGS="$NODE_FLAGS --log-path $WORK/log"
start 1
init_cluster 1 >/dev/null
wait_for 10 has_leader 1 || fail "no leader"
life=$(life_of 1)
stop 1
cp -rp "$(node_dir 1)" "$WORK/whole"
cp -rp "$WORK/log" "$WORK/whole-log"

lose vote ../log state snap
start 1
[ "$(life_of 1)" != "$life" ] || fail "it is the incarnation that it was"
grep -q "another incarnation" "$WORK/node-1.log" || fail "nobody says so: $(cat "$WORK/node-1.log")"
life=$(life_of 1)
stop 1
start 1
[ "$(life_of 1)" = "$life" ] || fail "it is another incarnation again"
stop 1
ok "without vote and log a node is another incarnation"

lose vote ../log
refused 4 "data.mdb, the state machine"
lose vote '../log/*.seg' state
refused 4 "start, where the log begins"
lose ../log state snap
refused 4 "no segment is there"
lose vote state snap
refused 4 "the file is missing"
ok "with something left of the old one it is refused, and says what"

lose vote state snap identity nodes LOCK
refused 4 "at --log-path, has to be put aside with it"
lose vote state snap identity nodes LOCK ../log
start 1
[ "$(life_of 1)" != "$life" ] || fail "it is the incarnation that it was"
stop 1
ok "a new directory with the old key needs a new log, and says so"
echo "1..$TEST"
