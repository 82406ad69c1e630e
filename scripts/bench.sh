# Benchmarks: what to install and build for each, then tests/bench/run.py.
# shellcheck shell=bash

benches=(probe distribution archiver peers) # every NAME, in the order in which all of them run
declare -A bench_packages=([probe]="nginx prometheus-blackbox-exporter openssl util-linux" [distribution]="redis-server redis-tools postgresql-15 util-linux" [archiver]="postgresql-15 redis-server" [peers]="prometheus-blackbox-exporter util-linux")
declare -A bench_targets=([probe]="bench_probe_raw bench_probe_engine bench_hang_server" [distribution]="bench_distribution_record bench_distribution_plan bench_distribution_lateness bench_distribution_feed bench_distribution_watchers quorate quorate-agent quorate-archiver quorate-coordinator" [archiver]="bench_archiver bench_archiver_catch_up" [peers]="bench_probe_engine bench_hang_server mcp_target quorate")

verb_bench() {
    local names=() options=() name
    while [ $# -gt 0 ]; do
        case $1 in
            --json | --only)
                [ $# -ge 2 ] || usage_error "bench: $1 lacks its value"
                options+=("$1" "$2")
                shift
                ;;
            --check | --full) options+=("$1") ;;
            --clean)
                run rm -rf "${TMPDIR:-/tmp}/quorate-bench-history-$(id -u)"
                return
                ;;
            -*) usage_error "bench: unknown option: $1" ;;
            *)
                [[ " ${benches[*]} " == *" $1 "* ]] || usage_error "unknown benchmark: $1 (known: ${benches[*]})"
                names+=("$1")
                ;;
        esac
        shift
    done
    [ ${#names[@]} -gt 0 ] || names=("${benches[@]}")
    local packages=() targets=() words
    for name in "${names[@]}"; do
        read -ra words <<<"${bench_packages[$name]}"
        packages+=("${words[@]}")
        read -ra words <<<"${bench_targets[$name]}"
        targets+=("${words[@]}")
    done
    need_packages "${packages[@]}"
    if [[ " ${names[*]} " == *" peers "* ]]; then need_lab; fi
    need_build release "${targets[@]}"
    run python3 "$repo/tests/bench/run.py" --build "$repo/build/release" "${options[@]}" "${names[@]}" </dev/null
}
