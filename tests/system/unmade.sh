#!/usr/bin/env bash
# tests/system/unmade.sh -- a run of chaos whose faults of the network are not made says so before it begins: tools that
# claim to have done it, and did nothing, stand before the real ones.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
DIR=$(mktemp -d "${TMPDIR:-/tmp}/aspen-unmade-XXXXXX")
trap 'rm -rf "$DIR"' EXIT
WITHIN_S=30
REAL=$(command -v ip)
TEST=0
FAILED=0

# sound PATTERN -- does chaos find its network sound, when ip does nothing where its arguments are such?
sound() {
    printf '#!/bin/sh\ncase "$*" in %s) exit 0 ;; esac\nexec "%s" "$@"\n' "$1" "$REAL" >"$DIR/ip"
    chmod +x "$DIR/ip"
    PATH=$DIR:$PATH TMPDIR=$DIR timeout $WITHIN_S "$HERE/chaos.sh" 1 1 >"$DIR/said" 2>&1
}

# unmade NAME PATTERN WHY -- it must not, and for this reason.
unmade() {
    local rc=0
    TEST=$((TEST + 1))
    if [ -n "$REAL" ]; then
        sound "$2"
        rc=$?
        grep -q '^# network: no namespaces' "$DIR/said" && REAL=""
    fi
    if [ -z "$REAL" ]; then
        echo "ok $TEST - chaos: $1 # SKIP no namespaces here"
    elif [ "$rc" = 1 ] && grep -q '^not ok 1 - chaos' "$DIR/said" && grep -q "^# $3" "$DIR/said"; then
        echo "ok $TEST - chaos: $1"
    else
        echo "not ok $TEST - chaos: $1"
        sed 's/^/# /' "$DIR/said"
        FAILED=1
    fi
}

unmade "links that are not cut are told" '*blackhole' "cut, and passes: "
unmade "cuts that stay are told" '"rule del pref"*' "failed: net_healed"
unmade "a node that is not unplugged is told" '*"eth0 down"' "cut, and passes: "
unmade "links that are not shaped are told" '"rule add pref"*"lookup"*' "to be "
echo "1..$TEST"
exit $FAILED
