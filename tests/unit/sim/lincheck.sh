#!/bin/sh
# tests/unit/sim/lincheck.sh PROGRAM -- aspen-lincheck from outside: its lines and its exit codes.
set -u
program=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

# report NAME WANTED-CODE WANTED-TEXT ARGUMENTS... -- run it; standard input is the file good.
report() {
    name=$1
    wanted=$2
    text=$3
    shift 3
    n=$((n + 1))
    out=$("$program" "$@" 2>&1 <"$dir/good")
    code=$?
    case $out in
    *"$text"*) found=1 ;;
    *) found=0 ;;
    esac
    if [ "$code" = "$wanted" ] && [ "$found" = 1 ]; then
        echo "ok $n - aspen-lincheck: $name"
    else
        echo "not ok $n - aspen-lincheck: $name: exit $code, wanted $wanted and '$text'"
        echo "$out" | sed 's/^/# /'
    fi
}

# unheard NAME WANTED-CODE ARGUMENTS... -- what it says cannot be written: it says so where it can.
unheard() {
    name=$1
    wanted=$2
    shift 2
    n=$((n + 1))
    told=$("$program" "$@" 2>&1 >/dev/full)
    code=$?
    if [ "$code" = "$wanted" ] && [ "$told" = "aspen-lincheck: cannot write to standard output" ]; then
        echo "ok $n - aspen-lincheck: $name"
    else
        echo "not ok $n - aspen-lincheck: $name: exit $code, wanted $wanted; '$told'"
    fi
}

cat >"$dir/good" <<'END'
{"t":1200,"p":3,"e":"inv","f":"put","k":"a","v":"s17"}
{"t":1890,"p":3,"e":"ok","f":"put","k":"a","rev":42}
{"t":1900,"p":4,"e":"inv","f":"get","k":"a"}
{"t":2100,"p":4,"e":"ok","f":"get","k":"a","v":"s17","rev":42}
END
{
    cat "$dir/good"
    echo '{"t":2200,"p":4,"e":"inv","f":"get","k":"a"}'
    echo '{"t":2300,"p":4,"e":"ok","f":"get","k":"a","v":null}'
} >"$dir/bad"
{
    cat "$dir/good"
    echo '{"t":2200,"p":4,"e":"inv","f":"got","k":"a"}'
} >"$dir/line"
{
    cat "$dir/good"
    echo '{"t":1200,"p":4,"e":"inv","f":"get","k":"a"}'
} >"$dir/time"
{
    cat "$dir/good"
    printf '%s\n' '{"t":2200,"p":4,"e":"inv","f":"put","k":"a","v":"\ud83d \ude00"}'
} >"$dir/surrogate"
: >"$dir/empty"
# Concurrent writes and reads without revisions, one value twice; more than one state is needed.
for p in 1 2 3 4 5 6; do
    echo "{\"t\":1,\"p\":$p,\"e\":\"inv\",\"f\":\"put\",\"k\":\"a\",\"v\":\"v$p\"}"
done >"$dir/dear"
for t in 2 4 6 8 11; do
    echo "{\"t\":$t,\"p\":9,\"e\":\"inv\",\"f\":\"get\",\"k\":\"a\"}"
    echo "{\"t\":$((t + 1)),\"p\":9,\"e\":\"ok\",\"f\":\"get\",\"k\":\"a\",\"v\":\"v$((t % 9 / 2))\"}"
done >>"$dir/dear"
for p in 1 2 3 4 5 6; do
    echo "{\"t\":20,\"p\":$p,\"e\":\"ok\",\"f\":\"put\",\"k\":\"a\"}"
done >>"$dir/dear"

report "a good history is 0" 0 "good $dir/good: 2 operations on 1 keys" "$dir/good"
report "standard input is -" 0 "good -: 2 operations" -
report "a history of no operations is 2" 2 "malformed $dir/empty: no operations" "$dir/empty"
report "a bad history is 1, and says where" 1 \
    'key "a", process 4 at t 2300 (event 6), found nothing' "$dir/bad"
report "a malformed line is 2, by its number" 2 "malformed $dir/line: line 5: " "$dir/line"
report "a surrogate alone is 2, by its line" 2 \
    "malformed $dir/surrogate: line 5: a surrogate stands alone" "$dir/surrogate"
report "a malformed history is 2" 2 "process 4 at t 1200 (event 5), time goes back" "$dir/time"
report "a file that is not there is 2" 2 "malformed $dir/none: " "$dir/none"
report "a folder is 2" 2 "malformed $dir: " "$dir"
report "too few states are 3" 3 "unknown $dir/dear: key \"a\", the limit of states" \
    --states 1 "$dir/dear"
report "enough states find it bad" 1 "bad $dir/dear: key \"a\"" --states=1000 "$dir/dear"
report "bad counts before malformed and unknown" 1 "unknown $dir/dear" \
    --states 1 "$dir/dear" "$dir/bad" "$dir/line"
report "malformed counts before unknown" 2 "good $dir/good" \
    --states 1 "$dir/dear" "$dir/line" "$dir/good"
report "--json prints objects" 1 \
    '"verdict":"bad","keys":1,"ops":3,"searched":0,"states":0,"key":"a","event":6,"p":4,"t":2300' \
    --json "$dir/bad"
report "no file is 2" 2 "usage: "
report "an unknown option is 2" 2 "usage: " --colour "$dir/good"
report "no number of states is 2" 2 "usage: " "$dir/good" --states
report "zero states are 2" 2 "usage: " --states 0 "$dir/good"
report "states that are no number are 2" 2 "usage: " --states 1x "$dir/good"
report "--help is 0" 0 "usage: " --help
report "--version is 0" 0 "aspen-lincheck 0" --version
unheard "a good history of which nobody hears is 2" 2 "$dir/good"
unheard "a bad one is 1 all the same" 1 --json "$dir/bad"
unheard "an unknown one is 2" 2 --states 1 "$dir/dear"
unheard "--help that nobody can read is 2" 2 --help
echo "1..$n"
