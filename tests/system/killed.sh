#!/usr/bin/env bash
# tests/system/killed.sh -- a run of chaos that is killed, or told to end, takes all its processes and networks along.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
DIR=$(mktemp -d "${TMPDIR:-/tmp}/aspen-killed-XXXXXX")
trap 'rm -rf "$DIR"' EXIT
MARK=$(basename "$DIR")
UP_WITHIN_S=60
GONE_WITHIN_S=15
RUN_S=120 # longer than anybody waits here
NETWORKS_LEAST=6 # the router's and one for each node
TEST=0
FAILED=0

# marked -- pids of all that the run has started, and their networks; what was born there has its environment.
marked() {
    local file pid
    for file in /proc/[0-9]*/environ; do
        pid=${file#/proc/} && pid=${pid%/environ}
        if tr '\0' '\n' 2>/dev/null <"$file" | grep -q "^CHAOS_MARK=$MARK$"; then
            echo "$pid $(readlink "/proc/$pid/ns/net")"
        fi
    done 2>/dev/null
}

within() { # SECONDS COMMAND... -- until the command succeeds; false when the bound is reached
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}
nobody() { [ -z "$(marked)" ]; }
up() { grep -q '^ok [0-9]* - chaos: a cluster of five' "$DIR/said"; }

# ends SIGNAL -- a run in full swing is sent it; in the end nothing is left.
ends() {
    local chaos networks
    rm -f "$DIR/said" # the run makes it anew in its own time: nobody is to read the one before
    CHAOS_MARK=$MARK TMPDIR=$DIR "$HERE/chaos.sh" "$RUN_S" 1 >"$DIR/said" 2>&1 &
    chaos=$!
    if ! within "$UP_WITHIN_S" up; then
        echo "# it does not begin: $(tail -n 1 "$DIR/said")"
        kill -9 "$chaos"
        return 1
    fi
    marked >"$DIR/marked"
    networks=$(cut -d ' ' -f 2 "$DIR/marked" | sort -u | wc -l)
    echo "# $(wc -l <"$DIR/marked") processes in $networks networks"
    kill "-$1" "$chaos"
    within "$GONE_WITHIN_S" nobody || marked | cut -d ' ' -f 1 >"$DIR/left"
    wait "$chaos" 2>/dev/null
    if [ -s "$DIR/left" ]; then
        echo "# left: $(wc -l <"$DIR/left") processes"
        xargs kill -9 <"$DIR/left"
        rm "$DIR/left"
        return 1
    fi
    [ "$networks" -ge "$NETWORKS_LEAST" ]
}

for signal in KILL TERM; do
    TEST=$((TEST + 1))
    if ends "$signal"; then
        echo "ok $TEST - chaos: SIG$signal leaves nothing behind"
    elif grep -q '^# network: no namespaces' "$DIR/said"; then
        echo "ok $TEST - chaos: SIG$signal leaves nothing behind # SKIP no namespaces here"
    else
        echo "not ok $TEST - chaos: SIG$signal leaves nothing behind"
        FAILED=1
    fi
done
echo "1..$TEST"
exit $FAILED
