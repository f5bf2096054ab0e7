#!/bin/sh
# tests/script/run.sh DRIVER -- every script, one TAP line each: those of raft/ pass, those of wrong/ do not.
set -u
driver=$1
here=$(dirname "$0")
n=0

# as_wanted WANTED-CODE FILE...: the exit code, and a verdict for each file; who passes has checked something.
as_wanted() {
    want=$1
    shift
    out=$("$driver" "$@" 2>&1)
    code=$?
    some='[0-9]'
    [ "$want" != 0 ] || some='[1-9]'
    verdicts=$(echo "$out" | grep -c "^\(PASS\|FAIL\) .* checks=$some")
    [ "$code" = "$want" ] && [ "$verdicts" = $# ]
}

report() { # report WANTED-CODE FILE...
    n=$((n + 1))
    name=$(basename "$2" .rs.txt)
    if as_wanted "$@"; then
        echo "ok $n - $name"
        echo "$out" | grep '^# ' # marks
    else
        echo "not ok $n - $name: exit $code, wanted $want, $verdicts verdicts of scripts that check something"
        echo "$out" | sed 's/^/# /'
    fi
}

repeat() { # repeat N LINE: each with its number for %
    awk -v n="$1" -v line="$2" 'BEGIN { for (i = 1; i <= n; i++) { l = line; gsub("%", i, l); print l } }'
}

# Longer than anybody would write them by hand.
long_scripts() { # long_scripts FOLDER
    {
        printf 'invariants on\ncluster voters=1,2,3\ncampaign 1\nsettle\ncut 3|1,2\n'
        repeat 700 'propose 1 a%'
        printf 'settle\nheal\nrun 40\nexpect agree 1,2,3\nexpect 3 last=702/2\n'
    } >"$1/long_absence.rs.txt"
    {
        printf 'cluster voters=1,2,3\ncampaign 1\nsettle\n'
        repeat 5000 'propose 1 a%' | sed 's/$/\nsettle/'
        printf 'expect agree 1,2,3\nexpect 3 last=5002/2\n'
        repeat 300 'read 1 r%' | sed 's/$/\nsettle/'
        printf 'expect read r1 ok\nexpect read r300 ok\n'
    } >"$1/long_log_and_many_reads.rs.txt"
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
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
long_scripts "$tmp"
for k in 1 2; do # one after the other in one run: neither knows of the other
    printf 'cluster voters=1,2,3\ncampaign %s\nsettle\ninvariants on\npropose %s a\nexpect leader\n' $k $k >"$tmp/of_$k"
done
report 0 "$tmp/of_1" "$tmp/of_2"
printf 'cluster voters=1\ncampaign 1\nsettle\npropose 1 \300\200\n' >"$tmp/no_text" # no file of the tree is like that
report 2 "$tmp/no_text"
data=$(printf '%02000d' 0)
{
    printf '# %05000d\ncluster voters=1,2\ncampaign 1\nsettle\npropose 1 %s\nsettle\n' 0 "$data"
    printf 'cut%s\nexpect 1 app=%s\nexpect 2 app=%s\n' "$(repeat 200 ' 1>2' | tr -d '\n')" "$data" "$data"
} >"$tmp/long_lines"
report 0 "$tmp/long_lines"
for more in '' 0; do # the longest line, and one that is too long
    printf 'cluster voters=1\ncampaign 1\nsettle\nexpect leader # %065519d%s\n' 0 "$more" >"$tmp/longest_line$more"
done
report 0 "$tmp/longest_line"
report 2 "$tmp/longest_line0"
for f in "$tmp"/*.rs.txt; do
    report 0 "$f"
done
n=$((n + 1))
printf 'cluster voters=1\ncampaign 1\nsettle\n' >"$tmp/checks_nothing"
if "$driver" "$tmp/checks_nothing" >/dev/null && ! as_wanted 0 "$tmp/checks_nothing"; then
    echo "ok $n - a script that checks nothing is none of ours"
else
    echo "not ok $n - a script that checks nothing is none of ours"
fi
usage() { # usage WANTED-CODE OPTION: the driver says how it is called, and no verdict
    n=$((n + 1))
    out=$("$driver" "$2" 2>&1)
    code=$?
    if [ "$code" = "$1" ] && echo "$out" | grep -q '^usage: ' && ! echo "$out" | grep -q '^FAIL'; then
        echo "ok $n - $2 tells the usage"
    else
        echo "not ok $n - $2 tells the usage: exit $code, wanted $1"
    fi
}
usage 0 --help
usage 2 --nonsense
echo "1..$n"
