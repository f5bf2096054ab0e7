#!/usr/bin/env bash
# tests/system/idle.sh [SECONDS] -- what an idle cluster of three costs: memory, processor, disk writes.
# Default settings, a fresh cluster first, then one that has been at work; prints TAP and the figures.
WINDOW=${1:-60}
RSS_KIB_MAX=10240
RSS_KIB_WORK_MAX=12288 # what work leaves behind: indexes of the log, tables of LMDB, buffers of connections
CPU_PER_MILLE_MAX=5 # of one core, where a wake-up costs what this many say
WAKE_UP_NS=100000   # of an empty program (yardstick.py); dearer ones raise the bound with them
WAKE_UPS_MAX=20     # a second, of all threads of a node
unset MALLOC_PERTURB_ # meson sets it; it touches memory that nobody would
. "$(dirname "$0")/lib.sh"
HERE=$(dirname "$0")
TEST=0
FAILED=0

# check NAME COMMAND... -- one TAP line.
check() {
    local name=$1
    shift
    TEST=$((TEST + 1))
    if "$@"; then
        echo "ok $TEST - idle: $name"
    else
        echo "not ok $TEST - idle: $name"
        FAILED=1
    fi
}

kib_of() { awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/$3"; }
cpu_ns() { cat /proc/"$1"/task/*/schedstat | awk '{ ns += $1 } END { print ns }'; }
wake_ups() { cat /proc/"$1"/task/*/status | awk '/^voluntary_ctxt/ { n += $2 } END { print n }'; }
written() { sed -n 's/^write_bytes: //p' "/proc/$1/io"; }
tree_of() { find "$(node_dir "$1")" -printf '%p %T@ %s\n' | sort; }

all_under() { # all_under LIMIT NUMBER...
    local limit=$1 n
    shift
    for n in "$@"; do [ "$n" -le "$limit" ] || return 1; done
}

# window NAME RSS_KIB -- watch for $WINDOW seconds and judge.
window() {
    local id pid cpu=() woke=() disk=() tree=() rss=() wrote=() touched=0 wake_up
    local cpu_max=$((CPU_PER_MILLE_MAX * WINDOW * 1000 * 1000)) # ns
    for id in 1 2 3; do
        pid=${PID[$id]}
        cpu[id]=$(cpu_ns "$pid")
        woke[id]=$(wake_ups "$pid")
        disk[id]=$(written "$pid")
        tree[id]=$(tree_of "$id")
    done
    wake_up=$("$HERE/yardstick.py" "$WINDOW") # the measurement itself
    [ "$wake_up" -le "$WAKE_UP_NS" ] || cpu_max=$((cpu_max * wake_up / WAKE_UP_NS))
    echo "# $1: a wake-up of an empty program costs $wake_up ns"
    for id in 1 2 3; do
        pid=${PID[$id]}
        rss[id]=$(kib_of "$pid" VmRSS status)
        cpu[id]=$(($(cpu_ns "$pid") - cpu[id]))
        woke[id]=$(($(wake_ups "$pid") - woke[id]))
        wrote[id]=$(($(written "$pid") - disk[id]))
        [ "$(tree_of "$id")" = "${tree[id]}" ] || touched=1
        echo "# $1: node $id: ${rss[id]} KiB resident" \
            "($(kib_of "$pid" Pss smaps_rollup) KiB with shared pages divided)," \
            "$((cpu[id] / 1000)) us of processor, ${woke[id]} wake-ups" \
            "and ${wrote[id]} bytes written in $WINDOW s"
    done
    check "$1: at most $2 KiB resident" all_under "$2" "${rss[@]}"
    check "$1: at most $CPU_PER_MILLE_MAX per mille of a core" all_under "$cpu_max" "${cpu[@]}"
    check "$1: at most $WAKE_UPS_MAX wake-ups a second" all_under $((WAKE_UPS_MAX * WINDOW)) "${woke[@]}"
    check "$1: no disk write in $WINDOW s" all_under 0 "${wrote[@]}"
    check "$1: no file was touched" [ "$touched" = 0 ]
}

# settle -- all have the same state, and three seconds long nobody writes: a node flushes its state
# machine once after work has paused.
settle() {
    local i quiet=0 last="" now
    wait_for 15 converged 1 2 3 || fail "the nodes did not converge"
    for ((i = 0; i < 120; i++)); do
        now=$(for id in 1 2 3; do written "${PID[$id]}"; done)
        quiet=$((quiet + 1))
        [ "$now" = "$last" ] || quiet=0
        [ "$quiet" -lt 12 ] || return 0
        last=$now
        sleep 0.25
    done
    fail "the nodes write on and on"
}

for id in 1 2 3; do
    start $id
done
init_cluster 1 2 3 >/dev/null
wait_for 10 has_leader 1 || fail "no leader"
settle
window "fresh" "$RSS_KIB_MAX"
"$HERE/writer.py" 2 16 "$WORK/acked" "$(url 1)" "$(url 2)" "$(url 3)"
echo "# $(wc -l <"$WORK/acked") writes"
settle
window "after work" "$RSS_KIB_WORK_MAX"
echo "1..$TEST"
exit $FAILED
