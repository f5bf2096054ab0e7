#!/usr/bin/env bash
# tests/system/full.sh -- a disk without a free byte, in a mount namespace of its own: writes are refused by
# name, a killed node starts all the same, and goes on by itself when there is space again.
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
write() { post 1 /write "{\"command\":{\"Set\":{\"key\":\"$1\",\"value\":\"$large\"}}}"; }
writes() { write "$1" | grep -q revision; }
reads() { post 1 /read "{\"key\":\"$1\"}" | grep -q mod_revision; }

start 1
init_cluster 1 >/dev/null
wait_for 10 has_leader 1 || fail "no leader"
last=0
for ((i = 1; i < 200; i++)); do
    writes "key-$i" || break
    last=$i
done
[ "$i" -lt 200 ] || fail "the disk did not fill"
write refused | grep -q DISK_FULL || fail "a write on a full disk is not refused by name"
stop 1 KILL
cat /dev/zero >"$DISK/rest" 2>/dev/null
[ "$(df --output=avail "$DISK" | tail -1)" -eq 0 ] || fail "there is space left"
# not `start`: it would remove http.addr and so make room
# shellcheck disable=SC2086
"$BUILD/aspen-node" --node-id 1 --data-dir "$(node_dir 1)" --cookie "$COOKIE" --http-addr 127.0.0.1:0 \
    --bind 127.0.0.1:0 --port 0 $NODE_FLAGS 2>/dev/null &
PID[1]=$!
wait_for 15 answers 1 || fail "the node does not start on a full disk"
write refused | grep -q DISK_FULL || fail "the restarted node does not refuse"
rm "$DISK/rest"
mount -o remount,size=64m "$DISK"
wait_for 15 reads "key-$last" || fail "the last acknowledged write is gone"
wait_for 15 writes again || fail "the node does not write again"
echo "ok 1 - full: writes are refused, a start works, and it passes by itself"
echo "1..1"
