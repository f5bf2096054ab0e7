#!/usr/bin/env bash
# tests/system/bytes.sh -- a new data directory is small, and what a node writes is what docs/DISK.md says:
# a reader made from its tables alone finds everything.
. "$(dirname "$0")/lib.sh"
HERE=$(dirname "$0")
NODE_FLAGS="--heartbeat-interval-ms 50 --election-timeout-min-ms 200 --election-timeout-max-ms 400"

# write KEY VALUE -- acknowledged, or the test fails.
write() {
    post 1 /write "{\"command\":{\"Set\":{\"key\":\"$1\",\"value\":\"$2\"}}}" | grep -q revision || fail "write $1"
}

start 1
used=$(du -sk "$(node_dir 1)" | cut -f1)
[ "$used" -le 8192 ] || fail "a new data directory takes $used KiB"
echo "# a new data directory takes $used KiB"
init_cluster 1 >/dev/null
wait_for 10 has_leader 1 || fail "no leader"
large=$(head -c 100000 /dev/zero | tr '\0' v)
for i in $(seq 1 25); do
    write "large-$i" "$large" # into a second segment
done
write key needle-in-the-log
stop 1
start 1
wait_for 10 has_leader 1 || fail "no leader after the restart"
write last value
index=$(metric 1 'm["last_log_index"]')
term=$(metric 1 'm["current_term"]')
stop 1
[ -e "$(node_dir 1)/wal/0000000000000002.seg" ] || fail "there is no second segment"
"$HERE/bytes.py" "$(node_dir 1)" "$index" "$term"
