#!/usr/bin/env bash
# tests/system/garbage.sh [SECONDS] -- garbage of every length at the UDP and HTTP ports of three nodes,
# while a well-behaved client writes and reads: nobody crashes, nobody grows, everybody is served.
THROW=${1:-60}
# Over the node before, once it is over. A node grows by 2 to 6 MiB, by half of it without garbage too: the newest
# entries of the client's writes, and buffers and heap that have been in use once. A minute costs no more than twenty
# seconds, in which more than 20,000 datagrams a second come: a hundred bytes lost for each would show.
RSS_KIB_GROWTH_MAX=${RSS_KIB_GROWTH_MAX:-8192}
LOG_LINES_MAX=$((60 + THROW)) # what strangers do is told now and then only
NODE_FLAGS="--heartbeat-interval-ms 100 --election-timeout-min-ms 1000 --election-timeout-max-ms 1500"
unset MALLOC_PERTURB_ # meson sets it; it touches memory that nobody would
. "$(dirname "$0")/lib.sh"
HERE=$(dirname "$0")
SEED=${SEED:-$RANDOM}
TEST=0
FAILED=0
echo "# seed $SEED"

# check NAME COMMAND... -- one TAP line.
check() {
    local name=$1
    shift
    TEST=$((TEST + 1))
    if "$@"; then
        echo "ok $TEST - garbage: $name"
    else
        echo "not ok $TEST - garbage: $name"
        FAILED=1
    fi
}

status_kib() { awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"; }
udp_of() { get "$1" /node-info | sed -n 's/.*"Ip":"\([^"]*\)".*/\1/p'; }
# counter ID PAGE NAME -- value of one series.
counter() { get "$1" "$2" | awk -v name="$3" 'index($1, name "{") == 1 { print $2 }'; }

all_alive() {
    local id
    for id in 1 2 3; do
        kill -0 "${PID[$id]}" || return 1
        answers "$id" || return 1
    done
}

rose() { # rose PAGE NAME -- on every node, from before
    local id now
    for id in 1 2 3; do
        now=$(counter "$id" "$1" "$2")
        [ "${now:-0}" -gt "${BEFORE[$id$2]:-0}" ] || { echo "# node $id: $2 is ${now:-missing}"; return 1; }
    done
}

not_grown() {
    local id rss good=0
    for id in 1 2 3; do
        rss=$(status_kib "${PID[$id]}" VmRSS)
        echo "# node $id: ${RSS[$id]} KiB resident before, $rss after, $(status_kib "${PID[$id]}" VmHWM) at most"
        [ "$rss" -le $((${RSS[$id]} + RSS_KIB_GROWTH_MAX)) ] || good=1
    done
    return $good
}

few_lines() {
    local id lines
    for id in 1 2 3; do
        lines=$(wc -l <"$WORK/node-$id.log")
        echo "# node $id: $lines lines in its log"
        [ "$lines" -le "$LOG_LINES_MAX" ] || return 1
    done
}

same_term() { [ "$(metric 1 'm["current_term"]')" = "$TERM_BEFORE" ]; }
stops() { stop "$1"; }
http_all() { echo "$(url 1),$(url 2),$(url 3)" | sed 's#http://##g'; }

declare -A BEFORE RSS
for id in 1 2 3; do
    start $id
done
init_cluster 1 2 3 >/dev/null
wait_for 10 has_leader 1 || fail "no leader"
"$HERE/client.py" 1 "$(url 1)" "$(url 2)" "$(url 3)" >/dev/null || fail "the client is not served, even without garbage"
for id in 1 2 3; do
    RSS[$id]=$(status_kib "${PID[$id]}" VmRSS)
    for name in aspen_transport_garbage_total; do BEFORE[$id$name]=$(counter "$id" /iroh-metrics $name); done
    for name in aspen_http_refused_total; do BEFORE[$id$name]=$(counter "$id" /metrics $name); done
done
TERM_BEFORE=$(metric 1 'm["current_term"]')

"$HERE/thrower.py" "$THROW" "$SEED" "$(udp_of 1),$(udp_of 2),$(udp_of 3)" "$(http_all)" >"$WORK/thrown" &
thrower=$!
"$HERE/client.py" "$THROW" "$(url 1)" "$(url 2)" "$(url 3)" >"$WORK/served" &
client=$!
wait $thrower
threw=$?
wait $client
served=$?
sed 's/^/# /' "$WORK/thrown" "$WORK/served"
check "nobody crashed" all_alive
check "nothing that must be refused was answered with 200" [ $threw = 0 ]
check "the client was served all the time" [ $served = 0 ]
check "nobody lost the lead over it" same_term
check "datagrams that belong to nobody were counted" rose /iroh-metrics aspen_transport_garbage_total
check "requests that could not be read were counted" rose /metrics aspen_http_refused_total
check "the log was not flooded" few_lines
wait_for 15 converged 1 2 3
check "all three have the same state" converged 1 2 3
check "nobody has grown" not_grown
for id in 1 2 3; do
    check "node $id stops cleanly" stops $id
done
echo "1..$TEST"
exit $FAILED
