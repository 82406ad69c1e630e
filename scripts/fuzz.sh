# The fuzzers: libFuzzer on top of the corpora in tests/fuzz/corpus.
# shellcheck shell=bash

fuzz_names() { sed -n 's/^set(fuzz_names \(.*\))$/\1/p' "$repo/tests/fuzz/CMakeLists.txt"; }

# ./dev fuzz [NAME...] [--seconds N]: builds the fuzzers, runs each for that long, as many at a time
# as there are cores. What they find new stays in build/fuzz/found/NAME, what breaks in build/fuzz/broken.
verb_fuzz() {
    local names=() seconds=60 known
    known=$(fuzz_names)
    while [ $# -gt 0 ]; do
        case $1 in
            --seconds)
                [[ "${2:-}" =~ ^[1-9][0-9]{0,4}$ ]] || usage_error "fuzz: --seconds takes a whole number from 1 to 99999"
                seconds=$2
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
    stage "fuzz run" run_fuzzers "$seconds" "${names[@]}" || status=1
    print_stages
    return $status
}

run_fuzzers() {
    local seconds=$1 name running=() failed=0
    shift
    for name in "$@"; do
        if [ ${#running[@]} -ge "$(nproc)" ]; then
            wait "${running[0]}" || failed=$((failed + 1))
            running=("${running[@]:1}")
        fi
        run_fuzzer "$name" "$seconds" &
        running+=($!)
    done
    local pid
    for pid in "${running[@]}"; do wait "$pid" || failed=$((failed + 1)); done
    note "fuzz: $(($# - failed)) clean, $failed with findings"
    [ $failed = 0 ]
}

# One fuzzer, in the background of run_fuzzers; prints one line, and what broke where something did.
run_fuzzer() {
    local name=$1 seconds=$2 build=$repo/build/fuzz status=0
    local found=$build/found/$name broken=$build/broken log=$build/$name.log
    mkdir -p "$found" "$broken"
    local command=(nice "$build/tests/fuzz_$name" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -max_len=4096
        -dict="$repo/tests/fuzz/dictionaries/$name.dict" -artifact_prefix="$broken/$name-" -print_final_stats=1
        "$found" "$repo/tests/fuzz/corpus/$name")
    show "${command[@]}"
    ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-16 "${command[@]}" >"$log" 2>&1 </dev/null || status=$?
    if [ $status = 0 ]; then
        fuzz_line "$name" "$log"
    else
        tail -n 60 "$log"
        note "fuzz $name: BROKEN, input in $broken, log in $log"
    fi
    return $status
}

# What libFuzzer's last lines say: executions, edges covered, files in the corpus that it kept.
fuzz_line() {
    awk -v name="$1" '
        / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "corp:") corpus = $(i + 1) } }
        /^stat::number_of_executed_units:/ { executions = $2 }
        END { sub(/\/.*/, "", corpus)
              printf "fuzz %s: clean, %d executions, %d edges, corpus of %d\n", name, executions, edges, corpus }' "$2"
}
