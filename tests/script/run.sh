#!/bin/sh
# tests/script/run.sh DRIVER -- every script, one TAP line each: those of raft/ pass, those of wrong/ do not.
set -u
driver=$1
here=$(dirname "$0")
n=0

report() { # report WANTED-CODE FILE
    n=$((n + 1))
    out=$("$driver" "$2" 2>&1)
    code=$?
    if [ "$code" = "$1" ]; then
        echo "ok $n - $(basename "$2" .rs.txt)"
        echo "$out" | grep '^# ' # marks
    else
        echo "not ok $n - $(basename "$2" .rs.txt): exit $code, wanted $1"
        echo "$out" | sed 's/^/# /'
    fi
}

for f in "$here"/raft/*.rs.txt; do
    report 0 "$f"
done
for f in "$here"/wrong/*.rs.txt; do
    case $f in
    */unknown_*) report 2 "$f" ;;
    *) report 1 "$f" ;;
    esac
done
echo "1..$n"
