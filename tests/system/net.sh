# tests/system/net.sh -- a network of its own for every node: namespaces, and faults between them; sourced.
#
# The script that sources it runs again inside of a network and a mount namespace of its own, which is the router.
# Each node has a namespace (n1, n2, ...) and a veth pair to it (eth0 there, p1, p2, ... here), and reaches the others
# through it. Clients live in the router: they reach a node whatever becomes of the links between nodes. Nothing is
# seen from outside, names included, so runs do not collide; all of it ends with the process that began it.
#
# A directed link is cut by a rule of the router, and packets vanish without a word. Delay, loss, duplication and
# reordering are sch_netem's; a kernel without it sends the packets between nodes through netem.py.
# Without the right to make namespaces all nodes are on loopback, and these functions do nothing.
#
# A fault that was not made proves nothing. Each kind is tried on packets once (net_probe), and a command that fails
# says so and is counted in NET_FAILURES: whoever counts faults must look there in the end.

NET=loopback # or namespaces
SHAPER=none  # netem, netem.py
CUT_PREFERENCE=100
CUTS_MAX=100 # more than there are links
SHAPE_PREFERENCE=200
SHAPE_TABLE=100
NET_FAILURES=0
PROBE_DELAY_MS=60
PROBE_LOSS=50 # %

# net_enter SCRIPT ARGUMENTS... -- go on inside of new namespaces where that is possible. CHAOS_NET=loopback: do not.
# The processes are in a namespace too, whose first one is the script: when that ends, the kernel ends all others. It
# ends when the process here does, even by kill -9. Who is told to end here passes it on, for unshare does not.
net_enter() {
    local inside=(setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child) pid rc
    [ -z "${CHAOS_NET:-}" ] || { NET=$CHAOS_NET; return; }
    [ "$(id -u)" = 0 ] || inside=(unshare --map-root-user "${inside[@]}")
    command -v ip >/dev/null || return
    "${inside[@]}" true 2>/dev/null || return
    CHAOS_NET=namespaces "${inside[@]}" "$@" &
    pid=$!
    trap 'net_tell_inside "$pid"' INT TERM
    wait "$pid"
    rc=$?
    while kill -0 "$pid" 2>/dev/null; do # a signal came first
        wait "$pid"
        rc=$?
    done
    exit "$rc"
}

# net_tell_inside PID -- the script inside, which is the only child of unshare, is to end.
net_tell_inside() {
    local script
    read -r script _ <"/proc/$1/task/$1/children" && kill -TERM "$script" || kill -9 "$1"
} 2>/dev/null

net_address() { if [ "$NET" = loopback ]; then echo 127.0.0.1; else echo "10.77.$1.2"; fi; }

# net_run ID COMMAND... -- in the namespace of a node; replaces the shell, so that the pid is the command's.
net_run() {
    local id=$1
    shift
    [ "$NET" = loopback ] || exec ip netns exec "n$id" "$@"
    exec "$@"
}

net_begin_nodes() {
    local id
    ip link set lo up || return
    mount -t tmpfs none /run && mkdir /run/netns || return
    echo 1 >/proc/sys/net/ipv4/ip_forward || return
    echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter || return
    echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter || return
    for id in "$@"; do
        ip netns add "n$id" && ip link add "p$id" type veth peer name eth0 netns "n$id" || return
        ip addr add "10.77.$id.1/24" dev "p$id" && ip link set "p$id" up || return
        ip -n "n$id" link set lo up && ip -n "n$id" addr add "10.77.$id.2/24" dev eth0 || return
        net_plug "$id" || return
    done
    net_cut "$1" "$2" || return # a kernel that cannot says so here
    net_heal || return 0 # counted
}

# net_begin ID... -- build it; falls back to loopback, and says in lines of TAP what there is.
net_begin() {
    if [ "$NET" = namespaces ] && ! net_begin_nodes "$@" 2>"$WORK/net.log"; then
        NET=loopback
        NET_FAILURES=0
        ip link set lo up
    fi
    [ "$NET" = namespaces ] && net_begin_shaper "$@" 2>>"$WORK/net.log"
    case $NET-$SHAPER in
    loopback-*) echo "# network: no namespaces here: all nodes on loopback, faults of processes alone" ;;
    *-none) echo "# network: namespaces; neither sch_netem nor TUN here: links are cut and unplugged, not shaped" ;;
    *) echo "# network: namespaces, links shaped by $SHAPER" ;;
    esac
}

net_begin_shaper() {
    local id
    if tc qdisc replace dev "p$1" root netem delay 1ms; then
        tc qdisc del dev "p$1" root
        SHAPER=netem
        return
    fi
    [ -w /dev/net/tun ] && mkfifo "$WORK/shaper" || return
    "$HERE/netem.py" shape "$SEED" <"$WORK/shaper" 2>>"$WORK/net.log" &
    SHAPER_PID=$!
    exec {SHAPER_FD}>"$WORK/shaper"
    wait_for 5 ip link set shape up || return
    ip route add default dev shape table $SHAPE_TABLE || return
    for id in "$@"; do
        ip rule add pref $SHAPE_PREFERENCE iif "p$id" lookup $SHAPE_TABLE || return
    done
    SHAPER=netem.py
}

# net_must COMMAND... -- one that makes or ends a fault: that it failed is said and counted.
net_must() {
    "$@" && return
    NET_FAILURES=$((NET_FAILURES + 1))
    echo "# failed: $*"
    return 1
}

# net_probe ID... -- before nodes are there: packets say whether links are cut, unplugged and shaped when these
# functions say so, and whether that ends. Three nodes at least.
net_probe() {
    local ids=("$@") all="$*" id next n ring=() off=()
    [ "$NET" = namespaces ] || return 0
    all=${all// /,}
    for ((n = 0; n < $#; n++)); do
        id=${ids[n]} next=${ids[(n + 1) % $#]}
        net_cut "$id" "$next" && ring+=("$id-$next") || return
        [ "$n" = 0 ] || off+=("$1-$id" "$id-$1")
    done
    "$HERE/links.py" "$all" open "${ring[@]}" || return
    net_heal && "$HERE/links.py" "$all" open || return
    net_unplug "$1" && "$HERE/links.py" "$all" open "${off[@]}" || return
    net_plug "$1" && "$HERE/links.py" "$all" open || return
    [ "$SHAPER" != none ] || return 0
    net_shape "$1" $PROBE_DELAY_MS 0 0 0 0 && "$HERE/links.py" "$all" late "$1" $PROBE_DELAY_MS || return
    net_shape "$1" 0 0 $PROBE_LOSS 0 0 && "$HERE/links.py" "$all" lossy "$1" $PROBE_LOSS || return
    net_shape "$1" 0 0 0 0 0 && "$HERE/links.py" "$all" lossy "$1" 0
}

# net_sound -- no command failed, and the helper process is still there.
net_sound() {
    [ "$NET_FAILURES" = 0 ] || { echo "# $NET_FAILURES commands failed that make faults of the network"; return 1; }
    [ -z "${SHAPER_PID:-}" ] || kill -0 "$SHAPER_PID"
}

# net_end -- the helper process ends; the kernel does the rest.
net_end() {
    [ -z "${SHAPER_PID:-}" ] || { kill "$SHAPER_PID"; wait "$SHAPER_PID"; } 2>/dev/null
}

# net_shape ID DELAY-MS JITTER-MS LOSS-% DUPLICATE-% REORDER-% -- how packets from and to a node fare.
net_shape() {
    local id=$1 how=()
    case $SHAPER in
    netem.py) net_must net_order "$(net_address "$id") $2 $3 $4 $5 $6" ;;
    netem)
        # reordering needs a delay to overtake
        [ "$2" = 0 ] || how+=(delay "$2ms" "$3ms" reorder "$6%")
        how+=(loss "$4%" duplicate "$5%")
        net_must tc qdisc replace dev "p$id" root netem "${how[@]}" &&
            net_must tc -n "n$id" qdisc replace dev eth0 root netem "${how[@]}"
        ;;
    esac
}

# net_order LINE -- to netem.py; that it ended is no reason to end as well.
net_order() {
    local rc
    trap : PIPE
    echo "$1" >&"$SHAPER_FD"
    rc=$?
    trap - PIPE
    return $rc
}

# net_cut FROM TO -- packets of one node to another one vanish; the other way is another link.
net_cut() {
    net_must ip rule add pref $CUT_PREFERENCE iif "p$1" to "$(net_address "$2")" blackhole
}

# net_heal -- no link is cut.
net_heal() {
    local n
    [ "$NET" = namespaces ] || return 0
    for ((n = 0; n <= CUTS_MAX; n++)); do
        ip rule del pref $CUT_PREFERENCE 2>/dev/null || break
    done
    net_must net_healed
}
net_healed() { local rules; rules=$(ip rule list pref $CUT_PREFERENCE) && [ -z "$rules" ]; }

# net_unplug ID, net_plug ID -- the node's own interface goes down, and up: its sends fail, clients too are cut off.
net_unplug() { net_must ip -n "n$1" link set eth0 down; }
net_plug() {
    net_must ip -n "n$1" link set eth0 up && net_must ip -n "n$1" route replace default via "10.77.$1.1"
}
