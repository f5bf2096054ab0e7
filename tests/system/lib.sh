# tests/system/lib.sh -- starting, asking and ending real nodes on loopback; sourced by the scripts here.
#
# Every node has its own directory under $WORK; HTTP and UDP ports are chosen by the system. Only
# processes started here are ended, by pid. Waiting is for a state, with a bound.

set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$ROOT/build}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/aspen-XXXXXX")
COOKIE="cookie-$$-$RANDOM"
declare -A PID=()
declare -A UDP_PORT=() # of a node that must come back on the port it had
NODE_FLAGS=${NODE_FLAGS:-}
START_SECONDS=${START_SECONDS:-15}

cleanup() {
    local id
    for id in "${!PID[@]}"; do
        kill -9 "${PID[$id]}" 2>/dev/null
        wait "${PID[$id]}" 2>/dev/null
    done
    rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() {
    echo "FAILED: $*" >&2
    local log
    for log in "$WORK"/*.log; do
        [ -e "$log" ] && { echo "--- $(basename "$log")" >&2; tail -n 15 "$log" >&2; }
    done
    exit 1
}

# wait_for SECONDS COMMAND... -- until the command succeeds; false when the bound is reached.
wait_for() {
    local end=$(($(date +%s%N) + $1 * 1000000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s%N)" -lt "$end" ] || return 1
        sleep 0.02
    done
}

node_dir() { echo "$WORK/node-$1"; }
url() { echo "http://$(cat "$(node_dir "$1")/http.addr")"; }
get() { curl -s -m 10 "$(url "$1")$2"; }
post() { curl -s -m 10 "$(url "$1")$2" -d "$3"; }
answers() { curl -s -m 2 -o /dev/null "$(url "$1")/leader"; }

# start ID [FLAGS...] -- a node; returns when it answers.
start() {
    local id=$1
    shift
    rm -f "$(node_dir "$id")/http.addr"
    # shellcheck disable=SC2086
    "$BUILD/aspen-node" --node-id "$id" --data-dir "$(node_dir "$id")" --cookie "$COOKIE" \
        --http-addr 127.0.0.1:0 --bind "127.0.0.1:${UDP_PORT[$id]:-0}" --port 0 $NODE_FLAGS "$@" \
        >>"$WORK/node-$id.log" 2>&1 &
    PID[$id]=$!
    wait_for "$START_SECONDS" test -s "$(node_dir "$id")/http.addr" || fail "node $id did not start"
    wait_for "$START_SECONDS" answers "$id" || fail "node $id does not answer"
}

# stop ID [SIGNAL] -- end a node and wait for its end.
stop() {
    kill "-${2:-TERM}" "${PID[$1]}" 2>/dev/null
    wait "${PID[$1]}" 2>/dev/null
    local rc=$?
    unset "PID[$1]"
    return $rc
}

# keep_port ID -- from now on it starts on the UDP port that it has.
keep_port() {
    UDP_PORT[$1]=$(get "$1" /node-info | sed 's/.*"Ip":"[^"]*:\([0-9]*\)".*/\1/')
}

# introduce ID... -- every node learns every other one's endpoint.
introduce() {
    local a b
    for a in "$@"; do
        for b in "$@"; do
            [ "$a" = "$b" ] || post "$a" /add-peer "$(get "$b" /node-info)" >/dev/null
        done
    done
}

# init_cluster ID... -- introduce the nodes and start the cluster on the first.
init_cluster() {
    local id members=""
    introduce "$@"
    for id in "$@"; do
        members="$members${members:+,}{\"id\":$id,\"addr\":\"127.0.0.1:0\"}"
    done
    post "$1" /init "{\"initial_members\":[$members]}"
}

leader_of() { get "$1" /leader | sed -n 's/.*"leader":\([0-9]*\).*/\1/p'; }
has_leader() { [ -n "$(leader_of "$1")" ]; }
# other_leads ID OLD -- node ID knows a leader, and another one than OLD: it may name the old one for a while.
other_leads() { local lead; lead=$(leader_of "$1"); [ -n "$lead" ] && [ "$lead" != "$2" ]; }
# leader_by ID -- who leads, as soon as node ID knows; false when it does not come to know.
leader_by() {
    local lead=""
    knows_leader() { lead=$(leader_of "$1"); [ -n "$lead" ]; }
    wait_for 10 knows_leader "$1" && echo "$lead"
}
metric() { get "$1" /raft-metrics | /usr/bin/python3 -c "import json,sys; m=json.load(sys.stdin); print($2)"; }
applied() { metric "$1" 'm["last_applied"]["index"] if m["last_applied"] else 0'; }
state_hash() { metric "$1" 'm["state_hash"]'; }

# converged ID... -- all have applied the same index and have the same state.
converged() {
    local id first="" now
    for id in "$@"; do
        now=$(metric "$id" '(m["last_applied"], m["last_log_index"], m["state_hash"])') || return 1
        [ -n "$now" ] || return 1
        [ -n "$first" ] || first=$now
        [ "$now" = "$first" ] || return 1
    done
}
