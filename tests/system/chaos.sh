#!/usr/bin/env bash
# tests/system/chaos.sh [SECONDS] [SEED] -- five nodes, each in a network of its own, under faults of network and
# processes, and under clients that record what they saw. In the end the faults stop, the nodes must have a leader,
# the same state and answers for everybody, and aspen-lincheck judges the history.
# The seed gives which faults come in which order; what they hit is a matter of time. On failure the directory stays.
RUN_S=${1:-60}
SEED=${2:-$RANDOM$RANDOM}
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/net.sh"
net_enter "$HERE/chaos.sh" "$RUN_S" "$SEED"
. "$HERE/lib.sh"
LINCHECK=${LINCHECK:-$BUILD/aspen-lincheck}
ALL="1 2 3 4 5"
ELECTION_MAX_MS=1500
NODE_FLAGS="--heartbeat-interval-ms 100 --election-timeout-min-ms 1000 --election-timeout-max-ms $ELECTION_MAX_MS"
LEADER_WITHIN_S=$((ELECTION_MAX_MS * 10 / 1000)) # ten election timeouts
CONVERGE_WITHIN_S=60
STOP_WITHIN_S=10
KILLED_RC=137 # what a shell says of a process that SIGKILL ended
TICK_S=0.1
HISTORY=$WORK/history.jsonl
RANDOM=$((SEED % 32768))
BEGIN_US=${EPOCHREALTIME/./}
declare -A STOPPED=() INJECTED=()
DIED=""
UNMADE=0 # faults of processes that failed; net.sh counts those of the network
TEST=0
FAILED=0

end() {
    local id
    [ -z "${HISTORIAN:-}" ] || kill "$HISTORIAN" 2>/dev/null
    for id in "${!PID[@]}"; do
        kill -9 "${PID[$id]}" 2>/dev/null
        wait "${PID[$id]}" 2>/dev/null
    done
    net_end
    if [ "$FAILED" = 0 ]; then
        rm -rf "$WORK"
    else
        echo "# kept: $WORK (history.jsonl, node-N.log, node-N/); again: tests/system/chaos.sh $RUN_S $SEED"
    fi
}
trap end EXIT

# check NAME COMMAND... -- one TAP line.
check() {
    local name=$1
    shift
    TEST=$((TEST + 1))
    if "$@"; then
        echo "ok $TEST - chaos: $name"
    else
        echo "not ok $TEST - chaos: $name"
        FAILED=1
    fi
}
elapsed_ms() { echo $(((${EPOCHREALTIME/./} - BEGIN_US) / 1000)); }
draw() { DRAWN=$((RANDOM % $1)); } # no subshell: it would draw the same number again and again
shuffle() { # shuffle WORD... -- in ORDER, an array
    local i swap
    ORDER=("$@")
    for ((i = ${#ORDER[@]} - 1; i > 0; i--)); do
        draw $((i + 1))
        swap=${ORDER[i]} ORDER[i]=${ORDER[DRAWN]} ORDER[DRAWN]=$swap
    done
}

# --- nodes

launch() {
    local port=0
    [ "$NET" = loopback ] || port=7000 # alone there; on loopback any port that is free
    rm -f "$(node_dir "$1")/http.addr"
    # shellcheck disable=SC2086
    (net_run "$1" "$BUILD/aspen-node" --node-id "$1" --data-dir "$(node_dir "$1")" --cookie "$COOKIE" \
        --http-addr "$(net_address "$1"):$port" --bind "$(net_address "$1"):$port" --port 0 $NODE_FLAGS) \
        >>"$WORK/node-$1.log" 2>&1 &
    PID[$1]=$!
}
ready() { test -s "$(node_dir "$1")/http.addr" && answers "$1"; }

# bury ID -- a node that ended although nobody killed it, or that could not be stopped.
bury() {
    wait "${PID[$1]}"
    DIED="$DIED node $1 ended with $?, $(elapsed_ms) ms into the run;"
    unset "PID[$1]"
}
roll_call() {
    local id
    for id in $ALL; do
        [ -z "${PID[$id]:-}" ] || kill -0 "${PID[$id]}" 2>/dev/null || bury "$id"
    done
}
murder() {
    local rc
    roll_call
    unset "STOPPED[$1]"
    [ -n "${PID[$1]:-}" ] || return 0
    stop "$1" KILL
    rc=$?
    [ "$rc" = $KILLED_RC ] || DIED="$DIED node $1 ended with $rc before it was killed, $(elapsed_ms) ms into the run;"
}
signal() { # SIGNAL ID -- to a node that must be there
    kill "-$1" "${PID[$2]:-none}" 2>/dev/null && return
    UNMADE=$((UNMADE + 1))
    echo "# failed: SIG$1 to node $2"
    return 1
}
pause() { signal STOP "$1" && STOPPED[$1]=1; }
resume() { signal CONT "$1"; unset "STOPPED[$1]"; }

# find_leader -- in LEADER; somebody where nobody is known. Draws equally often in both cases.
find_leader() {
    local id
    draw 5
    LEADER=$((DRAWN + 1))
    for id in $ALL; do
        [ -z "${STOPPED[$id]:-}" ] && [ -s "$(node_dir "$id")/http.addr" ] || continue
        id=$(curl -s -m 0.5 "$(url "$id")/leader" | sed -n 's/.*"leader":\([0-9]*\).*/\1/p')
        [ -z "$id" ] || { LEADER=$id; return; }
    done
}

# --- faults of the network; each is over with calm_network

cut_both() { net_cut "$1" "$2"; net_cut "$2" "$1"; }
isolate() { local id; for id in $ALL; do [ "$id" = "$1" ] || cut_both "$1" "$id"; done; }

network_fault() {
    local a b
    FLAP="" UNPLUGGED=""
    shuffle $ALL
    find_leader
    case $1 in
    isolate-one) isolate "${ORDER[0]}" ;;
    isolate-leader) isolate "$LEADER" ;;
    halves) for a in "${ORDER[@]:0:2}"; do for b in "${ORDER[@]:2}"; do cut_both "$a" "$b"; done; done ;;
    bridge) for a in "${ORDER[@]:0:2}"; do for b in "${ORDER[@]:2:2}"; do cut_both "$a" "$b"; done; done ;;
    ring) for a in 0 1 2 3 4; do cut_both "${ORDER[a]}" "${ORDER[(a + 2) % 5]}"; done ;;
    mute-leader) for b in $ALL; do [ "$b" = "$LEADER" ] || net_cut "$LEADER" "$b"; done ;;
    deaf-leader) for b in $ALL; do [ "$b" = "$LEADER" ] || net_cut "$b" "$LEADER"; done ;;
    mute-one) for b in "${ORDER[@]:1}"; do net_cut "${ORDER[0]}" "$b"; done ;;
    one-way) for a in 0 1 2; do net_cut "${ORDER[a]}" "${ORDER[a + 1]}"; done ;;
    flap-leader) FLAP=$LEADER ;;
    unplug-one) UNPLUGGED=${ORDER[0]} && net_unplug "$UNPLUGGED" ;;
    unplug-leader) UNPLUGGED=$LEADER && net_unplug "$UNPLUGGED" ;;
    esac
}

calm_network() {
    net_heal
    FLAP=""
    [ -z "$UNPLUGGED" ] || net_plug "$UNPLUGGED"
    UNPLUGGED=""
}

# shape_links -- two nodes in five have bad links, one time in four one has a terrible one.
shape_links() {
    local id delay jitter loss duplicate reorder terrible=""
    draw 4
    [ "$DRAWN" != 0 ] || { draw 5; terrible=$((DRAWN + 1)); }
    for id in $ALL; do
        draw 60 && delay=$DRAWN
        draw 30 && jitter=$DRAWN
        draw 8 && loss=$DRAWN
        draw 5 && duplicate=$DRAWN
        draw 20 && reorder=$DRAWN
        draw 5
        if [ "$id" = "$terrible" ]; then
            net_shape "$id" $((delay * 5)) $((jitter * 5)) $((loss * 5)) "$duplicate" "$reorder"
        elif [ "$DRAWN" -lt 2 ]; then
            net_shape "$id" "$delay" "$jitter" "$loss" "$duplicate" "$reorder"
        else
            net_shape "$id" 0 0 0 0 0
        fi
    done
}

# --- faults of processes; each is over with calm_processes

process_fault() {
    STUTTER=""
    shuffle $ALL
    find_leader
    case $1 in
    pause-one) pause "${ORDER[0]}" ;;
    pause-leader | doze-leader) pause "$LEADER" ;;
    pause-two) pause "${ORDER[0]}" && pause "${ORDER[1]}" ;;
    stutter-leader) STUTTER=$LEADER ;;
    kill-one) murder "${ORDER[0]}" ;;
    kill-leader) murder "$LEADER" ;;
    kill-two) murder "${ORDER[0]}" && murder "${ORDER[1]}" ;;
    restart-leader) murder "$LEADER" && launch "$LEADER" ;;
    kill-all) for id in $ALL; do murder "$id"; done ;;
    esac
}

calm_processes() {
    local id
    STUTTER=""
    roll_call
    for id in $ALL; do
        [ -z "${STOPPED[$id]:-}" ] || resume "$id"
        [ -n "${PID[$id]:-}" ] || launch "$id"
    done
}

# --- the run

NETWORK_FAULTS=(none none isolate-one isolate-leader isolate-leader halves halves bridge ring mute-leader deaf-leader
    mute-one one-way flap-leader unplug-one unplug-leader)
PROCESS_FAULTS=(none none none pause-one pause-leader doze-leader doze-leader pause-two stutter-leader kill-one
    kill-leader kill-leader kill-two restart-leader kill-all)

# hold MS -- let the faults last; those that come and go do so here.
hold() {
    local until=$(($(elapsed_ms) + $1)) tick=0
    while [ "$(elapsed_ms)" -lt "$until" ]; do
        sleep $TICK_S
        tick=$((tick + 1))
        if [ -n "$FLAP" ] && [ $((tick % 3)) = 0 ]; then
            if [ $((tick % 2)) = 0 ]; then isolate "$FLAP"; else net_heal; fi
        fi
        if [ -n "$STUTTER" ]; then
            if [ $((tick % 2)) = 0 ]; then resume "$STUTTER"; else pause "$STUTTER"; fi
        fi
    done
}

# round -- one fault of each kind, together, for about as long as some elections; then a pause of drawn length.
round() {
    local network=none process fault
    draw ${#NETWORK_FAULTS[@]}
    [ "$NET" = loopback ] || network=${NETWORK_FAULTS[DRAWN]}
    draw ${#PROCESS_FAULTS[@]}
    process=${PROCESS_FAULTS[DRAWN]}
    echo "# $(elapsed_ms) ms: $network, $process"
    for fault in $network $process; do
        [ "$fault" = none ] || INJECTED[$fault]=$((${INJECTED[$fault]:-0} + 1))
    done
    shape_links
    network_fault "$network"
    draw 500
    STUTTER=""
    hold "$DRAWN" # a process fault comes when the one of the network has begun to tell
    process_fault "$process"
    draw 1500
    hold $((ELECTION_MAX_MS + DRAWN))
    [ "$process" != doze-leader ] || resume "$LEADER" # awake again while the network is still bad
    draw 1500
    hold "$DRAWN"
    calm_processes
    calm_network
    draw 1500
    hold "$DRAWN"
}

all_ready() { local id; for id in $ALL; do ready "$id" || return; done; }
agreed() { # all know one leader
    local id first="" now
    for id in $ALL; do
        now=$(leader_of "$id")
        [ -n "$now" ] && [ "${first:=$now}" = "$now" ] || return
    done
}
ADDR_FILES=()
for id in $ALL; do
    ADDR_FILES+=("$(node_dir "$id")/http.addr")
done
nobody_died() {
    roll_call
    [ -z "$DIED" ] || { echo "#$DIED"; return 1; }
}
faults_made() {
    [ "$UNMADE" = 0 ] || echo "# $UNMADE signals reached no node"
    net_sound && [ "$UNMADE" = 0 ]
}
# served FILE -- the clients had answers of both kinds, at least one a second.
served() {
    local puts gets
    read -r _ puts _ _ _ gets _ < <(tail -n 1 "$1") || return
    echo "# clients (ok, fail, unknown): $(tail -n 1 "$1")"
    [ "$puts" -ge "$RUN_S" ] && [ "$gets" -ge "$RUN_S" ]
}
# promised FILE CODE -- no client died, or had an answer that the interface does not know; the last line only counts.
promised() {
    [ "$2" = 0 ] && return
    echo "# the clients ended with $2"
    sed '$d; s/^/# /' "$1"
    return 1
}
calm_served() {
    "$HERE/historian.py" --calm "$HISTORY" "${ADDR_FILES[@]}" >"$WORK/calm" && return
    sed 's/^/# /' "$WORK/calm"
    return 1
}
stop_cleanly() {
    local id rc=0
    for id in $ALL; do
        [ -n "${PID[$id]:-}" ] || return
        kill -TERM "${PID[$id]}"
    done
    for id in $ALL; do
        wait_for $STOP_WITHIN_S eval "! kill -0 ${PID[$id]}" || { echo "# node $id does not stop"; rc=1; continue; }
        wait "${PID[$id]}" || { echo "# node $id ended with $?"; rc=1; }
        unset "PID[$id]"
    done
    return $rc
}
linearizable() {
    local said rc
    said=$("$LINCHECK" "$HISTORY" 2>&1)
    rc=$?
    echo "# ${said//$WORK\//}"
    return $rc
}

echo "# seed $SEED, $RUN_S s"
net_begin $ALL
check "the network is what it is said to be" net_probe $ALL
[ "$FAILED" = 0 ] || exit 1
for id in $ALL; do
    launch "$id"
done
wait_for 20 all_ready || echo "# not all nodes answer"
init_cluster $ALL >/dev/null
check "a cluster of five finds its leader" wait_for 20 agreed
[ "$FAILED" = 0 ] || exit 1

"$HERE/historian.py" --seed "$SEED" "$RUN_S" "$HISTORY" "${ADDR_FILES[@]}" >"$WORK/clients" &
HISTORIAN=$!
UNPLUGGED="" FLAP="" STUTTER=""
BEGIN_US=${EPOCHREALTIME/./}
while [ "$(elapsed_ms)" -lt $((RUN_S * 1000)) ]; do
    round
done
for id in $ALL; do
    net_shape "$id" 0 0 0 0 0
done
kill "$HISTORIAN" 2>/dev/null
echo "# faults:$(for name in "${!INJECTED[@]}"; do echo " $name ${INJECTED[$name]}"; done | sort | paste -sd,)"

check "every fault was made, and taken back" faults_made
check "no node ends that nobody killed" nobody_died
check "a leader within ten election timeouts after the last fault" wait_for $LEADER_WITHIN_S agreed
wait "$HISTORIAN"
HISTORIAN_RC=$?
HISTORIAN=""
check "clients live, and have no answer that the interface does not know" promised "$WORK/clients" $HISTORIAN_RC
check "clients were served in the midst of faults" served "$WORK/clients"
check "all nodes come to the same state" wait_for $CONVERGE_WITHIN_S converged $ALL
check "without faults every request succeeds on every node" calm_served
check "the history of all clients is linearizable" linearizable
check "all nodes end when they are told to" stop_cleanly
echo "1..$TEST"
exit $FAILED
