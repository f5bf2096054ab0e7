#!/usr/bin/env bash
# tests/system/full.sh -- a disk without a free byte, in a mount namespace of its own: writes are refused by
# name, a killed node starts all the same, and goes on by itself when there is space again. And a disk with
# room for half of a value, on which a write ends in the middle: it is as full as the other one.
DISK=${1:-}
if [ -z "$DISK" ]; then
    if ! unshare -rm true 2>/dev/null; then
        echo "ok 1 - full: a node on a full disk # SKIP no mount namespace here"
        echo "1..1"
        exit 0
    fi
    DISK=$(mktemp -d "${TMPDIR:-/tmp}/aspen-full-XXXXXX")
    unshare -rm "$0" "$DISK"
    rc=$?
    rmdir "$DISK"
    exit $rc
fi
mount -t tmpfs -o size=7m none "$DISK" || exit 1
TMPDIR=$DISK
NODE_FLAGS="--heartbeat-interval-ms 50 --election-timeout-min-ms 200 --election-timeout-max-ms 400"
. "$(dirname "$0")/lib.sh"

large=$(head -c 60000 /dev/zero | tr '\0' v)
NODE=1
write() { post "$NODE" /write "{\"command\":{\"Set\":{\"key\":\"$1\",\"value\":\"$large\"}}}"; }
writes() { write "$1" | grep -q revision; }
reads() { post "$NODE" /read "{\"key\":\"$1\"}" | grep -q mod_revision; }
waits() { grep -q 'no space for the state machine' "$WORK/node-2.log"; }
refuses() { write "$1" | grep -q DISK_FULL; }

start 1
init_cluster 1 >/dev/null
wait_for 10 has_leader 1 || fail "no leader"
last=0
for ((i = 1; i < 200; i++)); do
    writes "key-$i" || break
    last=$i
done
[ "$i" -lt 200 ] || fail "the disk did not fill"
refuses it || fail "a write on a full disk is not refused by name"
stop 1 KILL
cat /dev/zero >"$DISK/rest" 2>/dev/null
[ "$(df --output=avail "$DISK" | tail -1)" -eq 0 ] || fail "there is space left"
# not `start`: it would remove http.addr and so make room
# shellcheck disable=SC2086
"$BUILD/aspen-node" --node-id 1 --data-dir "$(node_dir 1)" --cookie "$COOKIE" --http-addr 127.0.0.1:0 \
    --bind 127.0.0.1:0 --port 0 $NODE_FLAGS 2>/dev/null &
PID[1]=$!
wait_for 15 answers 1 || fail "the node does not start on a full disk"
refuses it || fail "the restarted node does not refuse"
rm "$DISK/rest"
mount -o remount,size=64m "$DISK"
wait_for 15 reads "key-$last" || fail "the last acknowledged write is gone"
wait_for 15 writes again || fail "the node does not write again"
stop 1

NODE=2
mkdir "$DISK/state"
mount -t tmpfs -o size=900k none "$DISK/state" || fail "no second disk"
start 2 --state-machine-path "$DISK/state"
init_cluster 2 >/dev/null
for ((i = 1; i <= 20; i++)); do
    wait_for 10 writes "key-$i" || fail "a write is refused too early"
done
wait_for 15 waits || fail "the state machine found room"
refuses it || fail "a write is not refused while the state machine waits for room"
for how in KILL TERM; do
    sleep 1.5 # it is tried again meanwhile
    reads key-20 || fail "no reads on a full disk"
    stop 2 "$how"
    : >"$WORK/node-2.log"
    start 2 --state-machine-path "$DISK/state"
    wait_for 15 waits || fail "the restarted node found room for the state machine"
done
mount -o remount,size=64m "$DISK/state"
wait_for 15 writes again || fail "the node does not write again"
stop 2 || fail "the node has not ended well"
start 2 --state-machine-path "$DISK/state"
wait_for 10 reads key-20 || fail "the last acknowledged write is gone"
stop 2
umount "$DISK/state"
echo "ok 1 - full: writes are refused, reads and a start work, and it passes by itself"
echo "1..1"
