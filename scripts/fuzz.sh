# The fuzzers: libFuzzer on top of the corpora in tests/fuzz/corpus.
# shellcheck shell=bash

fuzz_names() { sed -n 's/^set(fuzz_names \(.*\))$/\1/p' "$repo/tests/fuzz/CMakeLists.txt"; }

# ./dev fuzz [NAME...] [--seconds N] [--seed N]: builds the fuzzers, runs each for that long, as many at
# a time as there are cores. What they find new stays in build/fuzz/found/NAME, what breaks in build/fuzz/broken.
# With a seed each begins with its corpus alone, so that the same code does the same again.
verb_fuzz() {
    local names=() seconds=60 seed=0 known
    known=$(fuzz_names)
    while [ $# -gt 0 ]; do
        case $1 in
            --seconds)
                [[ "${2:-}" =~ ^[1-9][0-9]{0,4}$ ]] || usage_error "fuzz: --seconds takes a whole number from 1 to 99999"
                seconds=$2
                shift
                ;;
            --seed)
                [[ "${2:-}" =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "fuzz: --seed takes a whole number from 1 to 999999999"
                seed=$2
                shift
                ;;
            -*) usage_error "fuzz: unknown option: $1" ;;
            *)
                [[ " $known " == *" $1 "* ]] || usage_error "unknown fuzzer: $1 (known: $known)"
                names+=("$1")
                ;;
        esac
        shift
    done
    [ ${#names[@]} -gt 0 ] || read -ra names <<<"$known"
    stage "fuzz build" need_build fuzz
    local status=0
    stage "fuzz run" run_fuzzers "$seconds" "$seed" "${names[@]}" || status=1
    print_stages
    # Last, because of a long log often only the end is kept.
    print_findings "${names[@]}"
    return $status
}

run_fuzzers() {
    local seconds=$1 seed=$2 name running=() failed=0
    shift 2
    for name in "$@"; do
        if [ ${#running[@]} -ge "$(nproc)" ]; then
            wait "${running[0]}" || failed=$((failed + 1))
            running=("${running[@]:1}")
        fi
        run_fuzzer "$name" "$seconds" "$seed" &
        running+=($!)
    done
    local pid
    for pid in "${running[@]}"; do wait "$pid" || failed=$((failed + 1)); done
    note "fuzz: $(($# - failed)) clean, $failed with findings"
    [ $failed = 0 ]
}

# One fuzzer, in the background of run_fuzzers; prints one line.
run_fuzzer() {
    local name=$1 seconds=$2 seed=$3 build=$repo/build/fuzz status=0
    local found=$build/found/$name broken=$build/broken log=$build/$name.log
    if [ "$seed" != 0 ]; then
        found=$build/seeded/$name
        rm -rf "$found"
    fi
    mkdir -p "$found" "$broken"
    # A minute for one input is far more than any needs, also on a machine that is busy.
    local command=(nice "$build/tests/fuzz_$name" -max_total_time="$seconds" -seed="$seed" -timeout=60 -rss_limit_mb=2048
        -max_len=4096 -dict="$repo/tests/fuzz/dictionaries/$name.dict" -artifact_prefix="$broken/$name-" -print_final_stats=1
        "$found" "$repo/tests/fuzz/corpus/$name")
    show "${command[@]}"
    rm -f "$log.broken"
    ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-16 "${command[@]}" >"$log" 2>&1 </dev/null || status=$?
    if [ $status = 0 ]; then
        fuzz_line "$name" "$log"
    else
        mv "$log" "$log.broken"
        note "fuzz $name: BROKEN, status $status, log in $log.broken"
    fi
    return $status
}

# For each of these fuzzers that broke: what it said, and its input as text, so that the log of a machine
# that is gone is enough to do it again.
print_findings() {
    local name log input
    for name in "$@"; do
        log=$repo/build/fuzz/$name.log.broken
        [ -e "$log" ] || continue
        echo "FINDING of fuzz $name ($(sed -n 's/^INFO: Seed: /seed /p' "$log" | head -n 1))"
        # The bytes of the input stand below; libFuzzer's own hex and long lines of progress do not help.
        grep -aE 'what\(\):|Assertion|ERROR: |runtime error: |SUMMARY: |in quorate::' "$log" | cut -c 1-400 | head -n 24 || true
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        if [ ! -f "$input" ]; then
            echo "no input was written; the end of its log:"
            tail -n 20 "$log" | cut -c 1-400
        elif [ "$(stat -c %s "$input")" -gt 4096 ]; then
            echo "its input is longer than 4096 bytes: $input"
        else
            echo "its input, $(stat -c %s "$input") bytes, for 'base64 -d >FILE; build/fuzz/tests/fuzz_$name FILE':"
            base64 -w 120 "$input"
        fi
    done
}

# What libFuzzer's last lines say: executions, edges covered, files in the corpus that it kept.
fuzz_line() {
    awk -v name="$1" '
        / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "corp:") corpus = $(i + 1) } }
        /^stat::number_of_executed_units:/ { executions = $2 }
        END { sub(/\/.*/, "", corpus)
              printf "fuzz %s: clean, %d executions, %d edges, corpus of %d\n", name, executions, edges, corpus }' "$2"
}
