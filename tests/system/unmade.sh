#!/usr/bin/env bash
# tests/system/unmade.sh -- a run of chaos whose faults of the network are not made says so before it begins: tools that
# claim to have done it, and did nothing, stand before the real ones. All runs are at once, each in its own networks.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
DIR=$(mktemp -d "${TMPDIR:-/tmp}/aspen-unmade-XXXXXX")
trap 'rm -rf "$DIR"' EXIT
WITHIN_S=60
REAL=$(command -v ip)
NAMES=() WHYS=() RUNS=()
FAILED=0

# unmade NAME PATTERN WHY -- where the arguments of ip are such, it does nothing: chaos must not go on, for this reason.
unmade() {
    local dir=$DIR/${#NAMES[@]}
    NAMES+=("$1") WHYS+=("$3")
    mkdir "$dir"
    printf '#!/bin/sh\ncase "$*" in %s) exit 0 ;; esac\nexec "%s" "$@"\n' "$2" "${REAL:-false}" >"$dir/ip"
    chmod +x "$dir/ip"
    PATH=$dir:$PATH TMPDIR=$dir timeout $WITHIN_S "$HERE/chaos.sh" 1 1 >"$dir/said" 2>&1 &
    RUNS+=($!)
}

unmade "links that are not cut are told" '*blackhole' "cut, and passes: "
unmade "links that are not shaped are told" '"rule add pref"*"lookup"*' "to be "
for n in "${!NAMES[@]}"; do
    name="$((n + 1)) - chaos: ${NAMES[n]}"
    said=$DIR/$n/said
    wait "${RUNS[n]}"
    rc=$?
    if grep -q '^# network: no namespaces' "$said"; then
        echo "ok $name # SKIP no namespaces here"
    elif [ "$rc" = 1 ] && grep -q '^not ok 1 - chaos' "$said" && grep -q "^# ${WHYS[n]}" "$said"; then
        echo "ok $name"
    else
        echo "not ok $name"
        sed 's/^/# /' "$said"
        FAILED=1
    fi
done
echo "1..${#NAMES[@]}"
exit $FAILED
