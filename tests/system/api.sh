#!/usr/bin/env bash
# tests/system/api.sh -- five nodes driven with curl through the whole HTTP interface, to the letter:
# start, /node-info, /add-peer, /init, /write, /read, /metrics, /leader, errors, forwarding, restarts.
NODE_FLAGS="--heartbeat-interval-ms=100 --election-timeout-min-ms=1000 --election-timeout-max-ms=1500"
. "$(dirname "$0")/lib.sh"
ALL="1 2 3 4 5"
TEST=0
FAILED=0

# check NAME COMMAND... -- one TAP line.
check() {
    local name=$1
    shift
    TEST=$((TEST + 1))
    if "$@"; then
        echo "ok $TEST - api: $name"
    else
        echo "not ok $TEST - api: $name"
        echo "# last answer: status $STATUS, $(head -c 300 "$WORK/body")"
        FAILED=1
    fi
}

# launch ID -- as specs of the interface start a node: default UDP addresses, aliases of flags.
launch() {
    rm -f "$(node_dir "$1")/http.addr"
    # shellcheck disable=SC2086
    "$BUILD/aspen-node" --node-id "$1" --data-dir="$(node_dir "$1")" --cookie "$COOKIE" --host 127.0.0.1 \
        --ractor-port 0 --http-addr=127.0.0.1:0 --control-backend raft_actor --storage-backend redb \
        --disable-mdns --disable-gossip $NODE_FLAGS >>"$WORK/node-$1.log" 2>&1 &
    PID[$1]=$!
    wait_for 15 test -s "$(node_dir "$1")/http.addr" || fail "node $1 did not start"
    wait_for 15 answers "$1" || fail "node $1 does not answer"
}

# ask ID PATH [BODY [CURL-FLAGS...]] -- GET, or POST where there is a body; STATUS, $WORK/head, $WORK/body.
ask() {
    local id=$1 path=$2
    shift 2
    if [ $# -gt 0 ]; then
        local body=$1
        shift
        STATUS=$(printf '%s' "$body" | curl -s -m 15 -o "$WORK/body" -D "$WORK/head" -w '%{http_code}' \
            --data-binary @- "$@" "$(url "$id")$path")
    else
        STATUS=$(curl -s -m 15 -o "$WORK/body" -D "$WORK/head" -w '%{http_code}' "$(url "$id")$path")
    fi
}

# says STATUS [PYTHON] -- the answer has this status, and the expression about r, its JSON, holds.
says() {
    [ "$STATUS" = "$1" ] || return 1
    [ $# -lt 2 ] || /usr/bin/python3 -c "
import json, sys
r = json.load(open('$WORK/body'))
sys.exit(0 if ($2) else 1)"
}
# refuses STATUS CODE -- an error of the interface.
refuses() { says "$1" "isinstance(r['error'], str) and r['error'] and r['code'] == '$2'"; }
has_header() { grep -qi "^$1" "$WORK/head"; }
has_line() { grep -qx "$1" "$WORK/body"; }
set_of() { printf '{"command":{"Set":{"key":"%s","value":"%s"}}}' "$1" "$2"; }
x_times() { head -c "$1" /dev/zero | tr '\0' x; }

state_of() { metric "$1" 'm["state"]'; }
one_leader() { # every node given names the same leader
    local id first
    first=$(leader_of "$1")
    [ -n "$first" ] || return 1
    for id in "$@"; do [ "$(leader_of "$id")" = "$first" ] || return 1; done
}
endpoint_of() { get "$1" /node-info | sed -n 's/.*"endpoint_addr":{"id":"\([0-9a-f]*\)".*/\1/p'; }
declare -A ENDPOINT
STATUS=0
: >"$WORK/body"
: >"$WORK/head"

# ---- before the cluster exists ----
for id in $ALL; do launch "$id"; done
check "a node says ready in its log" grep -q ready "$WORK/node-1.log"
ask 1 /node-info
check "/node-info names the node and its endpoint" says 200 \
    "r['node_id'] == 1 and len(r['endpoint_addr']['id']) == 64 \
and all(list(a) in (['Ip'], ['Relay']) for a in r['endpoint_addr']['addrs'])"
check "/node-info lists addresses with ports, never the wildcard" says 200 \
    "r['endpoint_addr']['addrs'] and not any(a['Ip'].startswith(('0.0.0.0', '[::]')) \
or a['Ip'].endswith(':0') for a in r['endpoint_addr']['addrs'])"
for id in $ALL; do ENDPOINT[$id]=$(endpoint_of "$id"); done
check "endpoints have different ids" [ "$(printf '%s\n' "${ENDPOINT[@]}" | sort -u | wc -l)" = 5 ]
ask 1 /leader
check "/leader is null" says 200 "r == {'leader': None}"
ask 1 /health
check "/health is 503 and unhealthy" says 503 \
    "r['status'] == 'unhealthy' and r['node_id'] == 1 and r['raft_node_id'] == 1 \
and isinstance(r['ractor_port'], int) and isinstance(r['checks'], dict)"
ask 1 /raft-metrics
check "/raft-metrics has every field" says 200 \
    "r['node_id'] == 1 and r['current_leader'] is None \
and not {'state','current_term','last_log_index','last_applied','committed','snapshot','purged','replication',\
'millis_since_quorum_ack','members','learners'} - set(r) and r['members'] == []"
ask 1 /metrics
check "/metrics names the node, and no leader" says 200
check "aspen_node_info is there" has_line 'aspen_node_info{node_id="1"} 1'
check "aspen_current_leader is absent or 0" sh -c "! grep -q '^aspen_current_leader{.*} [1-9]' '$WORK/body'"
ask 2 /write "$(set_of k v)"
check "/write is 412" refuses 412 NOT_INITIALIZED
ask 2 /read '{"key":"k"}'
check "/read is 412" refuses 412 NOT_INITIALIZED

# ---- init ----
ask 1 /init '{"initial_members":[{"id":2,"addr":"127.0.0.1:1"},{"id":3,"addr":"127.0.0.1:2"}]}'
check "/init without the node itself is 400" says 400
ask 1 /init '{"initial_members":[{"id":1,"addr":"a:1"},{"id":1,"addr":"a:1"}]}'
check "/init with a member named twice is 400" says 400
ask 1 /init '{"initial_members":[]}'
check "/init without members is 400" refuses 400 BAD_REQUEST
ask 1 /init '{"initial_members":[{"id":1,"addr":"a:1"},{"id":77,"addr":"a:2"}]}'
check "/init says which endpoints are not known" refuses 400 UNKNOWN_ENDPOINT
check "... by their ids" says 400 "'77' in r['error']"
for a in $ALL; do
    for b in $ALL; do
        if [ "$a" != "$b" ]; then
            ask "$a" /add-peer "$(get "$b" /node-info)"
            [ "$STATUS" = 200 ] || fail "/add-peer of $b at $a: $STATUS $(cat "$WORK/body")"
        fi
    done
done
check "/add-peer takes what /node-info gives, and answers {}" says 200 "r == {}"
ask 1 /add-peer '{"node_id":2,"endpoint_addr":{"id":"00","addrs":[]}}'
check "/add-peer with a short key is 400" refuses 400 BAD_REQUEST
MEMBERS=""
for id in $ALL; do
    raft_addr=$([ "$id" = 1 ] && echo null || echo "\"127.0.0.1:2600$id\"")
    MEMBERS="$MEMBERS${MEMBERS:+,}{\"id\":$id,\"addr\":\"127.0.0.1:2100$id\",\"raft_addr\":$raft_addr}"
done
ask 1 /init "{\"initial_members\":[$MEMBERS]}"
check "/init answers the state of the cluster" says 200 \
    "sorted(r['members']) == [1,2,3,4,5] and r['learners'] == [] \
and sorted(r['nodes'], key=lambda n: n['id'])[:2] == [{'id':1,'addr':'127.0.0.1:21001','raft_addr':None},\
{'id':2,'addr':'127.0.0.1:21002','raft_addr':'127.0.0.1:26002'}]"
# shellcheck disable=SC2086
check "all five name the same leader" wait_for 15 one_leader $ALL
ask 1 /init "{\"initial_members\":[$MEMBERS]}"
check "a second /init is 400" refuses 400 ALREADY_INITIALIZED
ask 4 /init "{\"initial_members\":[$MEMBERS]}"
check "... at a node that was not asked before as well" refuses 400 ALREADY_INITIALIZED
LEADER=$(leader_of 1)
ask 3 /leader
check "/leader is a number" says 200 "r == {'leader': $LEADER}"
ask 5 /health
check "/health is 200 and healthy" says 200 "r['status'] == 'healthy' and r['node_id'] == 5"
check "one is the leader, by /raft-metrics" [ "$(state_of "$LEADER")" = Leader ]
ask "$LEADER" /raft-metrics
check "the leader knows how far each follower is" says 200 \
    "sorted(r['replication']) == [str(i) for i in range(1, 6) if i != $LEADER] \
and isinstance(r['millis_since_quorum_ack'], int) and r['members'] == [1,2,3,4,5]"

# ---- writes and reads, through every node ----
for id in $ALL; do
    ask "$id" /write "$(set_of "key-$id" "value-$id")" -H 'Content-Type: application/json'
    check "/write through node $id" says 200 \
        "r['command'] == {'Set': {'key': 'key-$id', 'value': 'value-$id'}} and r['revision'] > 0"
    REVISION=$(sed -n 's/.*"revision":\([0-9]*\).*/\1/p' "$WORK/body")
    check "... with its revision in a header" has_header "Aspen-Revision: $REVISION"
    next=$((id % 5 + 1))
    ask $next /read "{\"key\":\"key-$id\"}"
    check "... read through node $next at once" says 200 \
        "r['key'] == 'key-$id' and r['value'] == 'value-$id' and r['mod_revision'] == $REVISION"
done
check "an answer names the term" has_header "Aspen-Term: [1-9]"
check "an answer names the node" has_header "Aspen-Node: [1-5]"
check "an answer is JSON" has_header "Content-Type: application/json"
ask 2 /write '{"command":{"SetMulti":{"pairs":[["k1","v1"],["k2","v2"]]}},"unknown":[1]}'
check "SetMulti writes several keys" says 200 "r['command'] == {'SetMulti': {'pairs': [['k1','v1'],['k2','v2']]}}"
ask 3 /read '{"key":"k1"}'
REVISION=$(sed -n 's/.*"mod_revision":\([0-9]*\).*/\1/p' "$WORK/body")
ask 4 /read '{"key":"k2"}'
check "... at one revision" says 200 "r['value'] == 'v2' and r['mod_revision'] == $REVISION"
ask 1 /write "$(set_of 'grün €' 'a\n\"b\"\u0000\ud83d\ude00')"
check "any text is a value" says 200
ask 2 /read '{"key":"grün €"}'
check "... and comes back as it was" says 200 "r['value'] == 'a\n\"b\"\0\U0001f600'"
ask 5 /read '{"key":"k1","consistency":"linearizable"}'
check "a linearizable read by name" says 200 "r['value'] == 'v1'"
ask "$LEADER" /read '{"key":"k1","consistency":"serializable"}'
check "a serializable read" says 200 "r['value'] == 'v1'"
ask 3 /read '{"key":"nothing"}'
check "a key that is not there is 404" refuses 404 NOT_FOUND
check "... with the store's revision" has_header "Aspen-Revision: [1-9]"
ask 1 /write "$(set_of large "$(x_times 1048576)")" -H 'Expect:'
check "a value of 1 MiB" says 200
ask 4 /read '{"key":"large"}'
check "... comes back whole" says 200 "r['value'] == 'x' * 1048576"

# ---- errors ----
ask 1 /write "$(set_of large "$(x_times 1048577)")"
check "a larger one is 413" refuses 413 VALUE_TOO_LARGE
ask 1 /write "$(set_of "$(x_times 2049)" v)"
check "a key beyond 2 KiB is 413" refuses 413 KEY_TOO_LARGE
ask 1 /write "$(x_times 4194305)"
check "a body beyond 4 MiB is 413" refuses 413 BODY_TOO_LARGE
ask 1 /write "$(set_of '' v)"
check "an empty key is 400" refuses 400 KEY_EMPTY
ask 1 /write "{\"command\":{\"SetMulti\":{\"pairs\":[$(seq -s, 1 129 | sed 's/[0-9]\+/["&","v"]/g')]}}}"
check "129 pairs are 400" refuses 400 TOO_MANY_OPS
ask 1 /write '{"command":'
check "a body that is no JSON is 400" refuses 400 BAD_JSON
ask 1 /write '{"command":{"Set":{"key":1,"value":"v"}}}'
check "a mistyped field is 400" refuses 400 BAD_REQUEST
ask 1 /read '{}'
check "a missing field is 400" refuses 400 BAD_REQUEST
ask 1 /read '{"key":"k1","consistency":"perhaps"}'
check "an unknown consistency is 400" refuses 400 BAD_REQUEST
ask 1 /nowhere
check "an unknown route is 404" refuses 404 NO_ROUTE
ask 1 /write
check "a wrong method is 405" refuses 405 BAD_METHOD
check "... with Allow" has_header "Allow: POST"
ask 1 /leader '{}'
check "POST where GET belongs is 405" refuses 405 BAD_METHOD
check "... with Allow, too" has_header "Allow: GET"
ask 1 "/$(x_times 5000)"
check "a long target is 414" refuses 414 TARGET_TOO_LONG
ask 1 /read '{"key":"k1"}' -H "X-Long: $(x_times 9000)"
check "a large header is 431" refuses 431 HEADER_TOO_LARGE
not_built() { refuses 501 NOT_BUILT && says 501 "'not available in this version' in r['error']"; }
ask 1 /add-learner '{"learner":{"id":6,"addr":"a:1","raft_addr":null}}'
check "a learner whose endpoint nobody knows is refused with advice" \
    says 400 "r['code'] == 'UNKNOWN_ENDPOINT' and '/add-peer' in r['error']"
ask 1 /add-learner '{"learner":{"id":1,"addr":"a:1","raft_addr":null}}'
check "a voter is no learner, and that is what it says" \
    says 400 "r['code'] == 'BAD_REQUEST' and 'node 1 is a voter' in r['error'] and 'too many' not in r['error']"
ask 1 /change-membership '{"members":[1,2,9]}'
check "a voter that is no member is refused with advice" \
    says 400 "r['code'] == 'UNKNOWN_NODE' and 'aspen cluster add' in r['error']"
ask 1 /change-membership '{"members":[1,2,2]}'
check "a voter that is named twice is refused" refuses 400 BAD_REQUEST
ask 1 /change-membership '{"members":[1,2,3],"expect":999}'
check "a change of another configuration than was meant is 409" refuses 409 CONF_CHANGED
ask 1 /remove-member '{"id":5,"expect":999}'
check "a removal from another configuration than was meant is 409" refuses 409 CONF_CHANGED
ask 1 /remove-member '{"id":9}'
check "/remove-member of nobody is refused" refuses 400 UNKNOWN_NODE
check "... and is told no more than that" says 400 "'node 9 is no member' in r['error'] and ' add' not in r['error']"
ask 1 /transfer-leadership '{"to":9}'
check "/transfer-leadership to nobody is refused" refuses 400 UNKNOWN_NODE
ask 1 /trigger-snapshot '{}'
check "/trigger-snapshot tells of one" says 200 "r['snapshot']['index'] > 0 and r['snapshot']['term'] > 0"
ask 1 /trigger-snapshot ''
check "... without a body as well" says 200 "r['snapshot']['index'] > 0"
ask 1 /raft-metrics
check "/raft-metrics tells of it too" says 200 "r['snapshot']['index'] > 0"
ask 1 /cluster-ticket
check "/cluster-ticket says that it is not built" not_built
ask 1 /change-membership '{"members":["1"]}'
check "and yet a mistyped field is 400" refuses 400 BAD_REQUEST

# ---- metrics ----
ask 2 /metrics
for name in aspen_node_info aspen_current_leader aspen_current_term aspen_state aspen_last_log_index \
    aspen_last_applied_index aspen_committed_index aspen_http_requests_total; do
    check "/metrics has $name" grep -q "^$name{node_id=\"2\"[^}]*} [0-9]" "$WORK/body"
done
check "/metrics says who leads" has_line "aspen_current_leader{node_id=\"2\"} $LEADER"
check "every family of /metrics stands once" [ -z "$(grep '^# TYPE' "$WORK/body" | sort | uniq -d)" ]
check "no series of /metrics stands twice" [ -z "$(grep -v '^#' "$WORK/body" | sed 's/ [^ ]*$//' | sort | uniq -d)" ]
check "/metrics is text for Prometheus" has_header "Content-Type: text/plain"
ask "$LEADER" /metrics
check "the leader's state is Leader" has_line "aspen_state{node_id=\"$LEADER\",state=\"Leader\"} 1"
ask 2 /iroh-metrics
check "/iroh-metrics is there" grep -q '^aspen_transport_' "$WORK/body"

# ---- one connection, many requests ----
curl -s -m 10 "$(url 1)/leader" "$(url 1)/leader" "$(url 1)/node-info" -w '%{num_connects} ' \
    -o /dev/null -o /dev/null -o /dev/null >"$WORK/body"
check "a connection is kept" [ "$(cat "$WORK/body")" = "1 0 0 " ]
STATUS=$(curl -s -m 10 -0 -o "$WORK/body" -D "$WORK/head" -w '%{http_code}' "$(url 1)/leader")
check "HTTP/1.0 is served" says 200 "r == {'leader': $LEADER}"
STATUS=$(curl -s -m 10 -I -o "$WORK/body" -D "$WORK/head" -w '%{http_code}' "$(url 1)/leader")
check "HEAD is served" [ "$STATUS" = 200 ]

# ---- the leader dies; a node comes back ----
stop "$LEADER" KILL
LIVE=${ALL/$LEADER/}
# shellcheck disable=SC2086
set -- $LIVE
moved() { one_leader "$@" && [ "$(leader_of "$1")" != "$LEADER" ]; }
check "another one leads" wait_for 15 moved "$@"
ask "$2" /write "$(set_of after kill)"
check "a write after the leader's death" says 200
launch "$LEADER"
check "the restarted node has its endpoint id again" [ "$(endpoint_of "$LEADER")" = "${ENDPOINT[$LEADER]}" ]
# shellcheck disable=SC2086
check "all five have the same state" wait_for 20 converged $ALL
ask "$LEADER" /read '{"key":"after","consistency":"serializable"}'
check "the restarted node has what it missed" says 200 "r['value'] == 'kill'"
ask "$LEADER" /write "$(set_of from restarted)"
check "... and takes writes" says 200

# ---- no quorum ----
NOW=$(leader_of 1)
LOST=""
for id in $ALL; do
    if [ "$id" != "$NOW" ] && [ "$(echo "$LOST" | wc -w)" -lt 3 ]; then
        stop "$id" KILL
        LOST="$LOST $id"
    fi
done
ask "$NOW" /write "$(set_of no quorum)"
check "without a quorum a write is 502 or 503" sh -c "[ $STATUS = 502 ] || [ $STATUS = 503 ]"
check "... with an error" says "$STATUS" "r['code'] in ('OUTCOME_UNKNOWN', 'NO_QUORUM', 'NO_LEADER', 'TIMEOUT')"
ask "$NOW" /read '{"key":"k1"}'
check "a linearizable read is 503" says 503 "r['code'] in ('NO_QUORUM', 'NO_LEADER', 'TIMEOUT')"
check "... with Retry-After" has_header "Retry-After: "
ask "$NOW" /read '{"key":"k1","consistency":"serializable"}'
check "a serializable read is answered" says 200 "r['value'] == 'v1'"
for id in $LOST; do launch "$id"; done
# shellcheck disable=SC2086
check "all come together again" wait_for 20 converged $ALL
ask 3 /read '{"key":"key-5"}'
check "and everything is there" says 200 "r['value'] == 'value-5'"
for id in $ALL; do
    check "node $id stops cleanly" stop "$id"
done
echo "1..$TEST"
exit $FAILED
