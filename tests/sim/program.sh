#!/usr/bin/env bash
# tests/sim/program.sh ASPEN_SIM -- what the program takes and says: where it stops, lines that replay a world.
set -u
SIM=$1
. "$(dirname "$0")/lib.sh"
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
STOP_S=20 # a world that was told where to stop takes milliseconds

# The story of a seed ends with the event that was named, wherever that is: in the end game too.
stops() {
    local events at
    events=$("$SIM" --seed 42 --minutes 0.5 | sed -n 's/.*nodes, \([0-9]*\) events.*/\1/p') || return 1
    for at in 1 2 3 4 5 6 50 $((events / 2)) $((events - 60)) $((events - 20)) $((events - 1)); do
        timeout "$STOP_S" "$SIM" --seed 42 --minutes 0.5 --until "$at" --trace >"$DIR/trace" || return 1
        awk -v at="$at" '$1 + 0 > 0 { last = $1 } END { exit last != at }' "$DIR/trace" || return 1
        tail -n 1 "$DIR/trace" | grep -q ", $at events, " || return 1
    done
    echo "of $events events"
}

# A directory that is not there is made; a file in its place is told once, and nothing runs.
artifacts() {
    "$SIM" --seed 1 --seeds 2 --minutes 0.1 --artifact "$DIR/new/deep" >"$DIR/said" || return 1
    [ "$(find "$DIR/new/deep" -name 'sim-*.json' | wc -l)" -eq 2 ] || return 1
    : >"$DIR/file"
    says_so 2 "$DIR/file" "$SIM" --seed 1 --seeds 2 --minutes 0.1 --artifact "$DIR/file" || return 1
    [ "$(cat "$DIR/said" "$DIR/told" | wc -l)" -eq 1 ] || return 1
    says_so 2 "its name is empty" "$SIM" --seed 1 --minutes 0.1 --artifact ""
}

# says_so CODE WORDS COMMAND... -- it exits with that code, and stderr has the words.
says_so() {
    local wanted=$1 words=$2 code
    shift 2
    timeout "$STOP_S" "$@" >"$DIR/said" 2>"$DIR/told"
    code=$?
    [ "$code" -eq "$wanted" ] && grep -q -e "$words" "$DIR/told" && return 0
    echo "$*: exit $code, wanted $wanted and '$words'"
    cat "$DIR/told"
    return 1
}

# A disk that is full from the first byte, or at the last one, a folder that is not there: said, and exit 2.
unwritten() {
    local run=("$SIM" --seed 42 --minutes 0.1)
    says_so 2 "/dev/full" "${run[@]}" --history /dev/full || return 1
    says_so 2 "$DIR/none/h" "${run[@]}" --history "$DIR/none/h" || return 1
    [ ! -s "$DIR/said" ] || return 1 # before the world ran
    "${run[@]}" --artifact "$DIR/full" >"$DIR/said" || return 1
    ln -sf /dev/full "$DIR"/full/sim-42-*.json
    says_so 2 "$DIR/full/sim-42-" "${run[@]}" --artifact "$DIR/full" || return 1
    says_so 2 "$DIR/full/sim-42-" "${run[@]}" --seeds 2 --keep-going --artifact "$DIR/full" || return 1
    [ "$(find "$DIR/full" -type f | wc -l)" -eq 0 ] || return 1 # no second seed
    says_so 2 "standard output" sh -c '"$@" >/dev/full' sh "${run[@]}" || return 1
    says_so 2 "standard output" sh -c '"$@" >/dev/full' sh "$SIM" --help
}

# One seed, named or not, is told of as two are.
told() {
    local seeded
    for seeded in "--seed 42" ""; do
        # shellcheck disable=SC2086
        "$SIM" $seeded --seeds 1 --minutes 0.1 >"$DIR/said" || return 1
        grep -q "^seed [0-9]*: no finding, .* story [0-9a-f]*$" "$DIR/said" || return 1
        tail -n 1 "$DIR/said" | grep -q "^1 seeds, 0 findings, " || return 1
    done
    "$SIM" --seed 42 --seeds 2 --minutes 0.1 >"$DIR/said" || return 1
    tail -n 1 "$DIR/said" | grep "^2 seeds, 0 findings, "
}

# replays OPTION... -- from the artifact of a run alone the same story comes again, by its line and by its fields.
replay() {
    local dir line story
    dir=$(mktemp -d "$DIR/artifact.XXXX")
    "$SIM" "$@" --artifact "$dir" >"$DIR/said" || return 1
    python3 "$(dirname "$0")/artifact.py" "$dir"/*.json >"$DIR/line" || return 1
    line=$(sed -n 1p "$DIR/line")
    story=$(sed -n 2p "$DIR/line")
    # shellcheck disable=SC2086
    "$SIM" ${line#aspen-sim } | tee "$DIR/said" | grep -q " story $story$" && return 0
    echo "$*: replay '$line', story $story, but:"
    cat "$DIR/said"
    return 1
}

replays() {
    replay --seed 42 --minutes 0.1 || return 1
    replay --seed 7 --minutes 0.12345 --nodes 4 --without crash,loss,disk-full || return 1
    replay --seed 18446744073709551615 --minutes 0.1 --all-faults --twice || return 1
    replay --seed 9 --minutes 0.2 --until 321 || return 1
    replay --seeds 1 --minutes 0.1 || return 1 # whatever seed that was
    replay --seed 3 --minutes 0.1 --quic --nodes 3 || return 1
    replay --seed 11 --minutes 0.1 --quic --all-faults --without narrow --twice --until 500
}

# What it does not take is refused, and it begins with the seed that was named.
bench() {
    local option pid first
    for option in "--minutes 1" "--seeds 2" "--for 1"; do
        # shellcheck disable=SC2086
        says_so 2 "--bench" "$SIM" --bench $option || return 1
    done
    timeout "$STOP_S" "$SIM" --bench --seed 77 --nodes 1 --trace >"$DIR/said" 2>"$DIR/told" &
    pid=$!
    until [ "$(wc -l <"$DIR/said")" -gt 30 ] || ! kill -0 "$pid"; do sleep 0.1; done
    kill "$pid"
    wait "$pid"
    first=$(timeout "$STOP_S" "$SIM" --seed 77 --nodes 1 --minutes 10 --all-faults --until 20 --trace | sed -n 1,20p)
    [ -n "$first" ] && [ "$(sed -n 1,20p "$DIR/said")" = "$first" ]
}

# stop SIGNAL SEEDS OPTION... -- told to stop when so many seeds are done, it exits with that signal's code.
stop() {
    local signal=$1 seeds=$2 caught=0 pid code
    shift 2
    rm -rf "$DIR/done"
    env --default-signal=INT,TERM "$SIM" "$@" --artifact "$DIR/done" >"$DIR/said" 2>"$DIR/told" &
    pid=$!
    until [ $((caught & 0x4000)) -ne 0 ] && [ "$(find "$DIR/done" -name '*.json' | wc -l)" -ge "$seeds" ]; do
        kill -0 "$pid" || return 1
        sleep 0.1
        caught=0x$(sed -n 's/^SigCgt:\t//p' "/proc/$pid/status") # SIGTERM is the last that it listens to
    done
    kill "-$signal" "$pid"
    wait "$pid"
    code=$?
    [ "$code" -eq $((128 + $(kill -l "$signal"))) ] && return 0
    echo "$*: exit $code after $signal"
    return 1
}

# Who is told to stop, by a terminal too, says where it was; of many seeds also what came of those before.
stopped() {
    local signal total
    for signal in INT TERM; do
        stop "$signal" 3 --minutes 0.01 || return 1
        [ "$(grep -c '^stopped in: aspen-sim --seed [0-9]* --minutes 0.01$' "$DIR/told")" -eq 1 ] || return 1
        total=$(tail -n 1 "$DIR/said" | sed -n 's/^\([0-9]*\) seeds, 0 findings, .*undecided$/\1/p')
        [ "$total" -ge 2 ] || return 1 # the file of a seed comes before it counts
        stop "$signal" 0 --seed 42 --minutes 100 || return 1
        [ "$(cat "$DIR/told")" = "stopped in: aspen-sim --seed 42 --minutes 100" ] || return 1
        [ ! -s "$DIR/said" ] || return 1
    done
    echo "$total seeds"
}

# Words that it does not know are refused wherever they stand.
strays() {
    local line
    [ "$("$SIM" --list | grep -cx -e crash -e loss)" -eq 2 ] || return 1
    for line in extra "--seed 1 extra" "extra --list" "--list extra" "--list --seed" "--list --lists"; do
        # shellcheck disable=SC2086
        says_so 2 "see --help" "$SIM" $line || return 1
        [ ! -s "$DIR/said" ] || return 1
    done
}

# A file for the history of one world keeps none of several.
histories() {
    local several
    for several in "--seed 42 --seeds 2 --minutes 0.1" "--minutes 0.1" "--bench"; do
        # shellcheck disable=SC2086
        says_so 2 "--history" "$SIM" $several --history "$DIR/several" || return 1
    done
    [ ! -e "$DIR/several" ] || return 1
    "$SIM" --seed 42 --minutes 0.1 --history "$DIR/one" && "$SIM" --seeds 1 --minutes 0.1 --history "$DIR/one"
}

# The search that docs/SIMULATION.md walks through comes by its bug, wherever draws have moved: a build that counts
# marks sees it, and here no bug is planted.
walk() {
    local seed
    "$SIM" --seed 1 --minutes 0.01 --marks 2>&1 | grep "this build counts none" && return 0
    for ((seed = 1; seed < 5000; seed += 100)); do
        "$SIM" --seed "$seed" --seeds 100 --nodes 1 --minutes 0.5 --marks >"$DIR/said"
        grep -q "^ *[1-9][0-9]* *node: a flush ends while its node is closed" "$DIR/said" || continue
        echo "by seed $((seed + 99))"
        return 0
    done
    return 1
}

check "--artifact makes its directory, or says that it cannot" artifacts
check "a file that cannot be written is told, and is exit 2" unwritten
check "one seed of --seeds is told of" told
check "an artifact alone replays its run" replays
check "--bench says what it does not take" bench
check "who is told to stop says where it was, and the total" stopped
check "a stray word is refused, behind --list too" strays
check "--history is of one world" histories
check "the search of docs/SIMULATION.md comes by its bug" walk
check "--until stops anywhere, in the end game too" stops
echo "1..$TEST"
exit $FAILED
