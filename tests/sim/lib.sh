#!/usr/bin/env bash
# tests/sim/lib.sh -- one TAP line for one command; sourced by the scripts here.

TEST=0
FAILED=0

# check NAME COMMAND... -- one TAP line; what a failing command said follows it.
check() {
    local name=$1 said
    shift
    TEST=$((TEST + 1))
    if said=$("$@" 2>&1); then
        echo "ok $TEST - sim: $name"
        echo "# $(tail -n 1 <<<"$said")"
    else
        echo "not ok $TEST - sim: $name"
        sed 's/^/# /' <<<"$said"
        FAILED=1
    fi
}
