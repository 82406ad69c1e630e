# Tests, formatting, lint.
# shellcheck shell=bash

suites=(unit architecture integration simulation deploy e2e fault)
stages=() # "minutes name" of what ran

# stage NAME COMMAND...: runs it and keeps its time.
stage() {
    local name=$1 began=$SECONDS status=0
    shift
    "$@" || status=$?
    stages+=("$(awk -v s=$((SECONDS - began)) 'BEGIN { printf "%5.1f min", s / 60 }')  $name")
    return $status
}

print_stages() { printf '%s\n' "${stages[@]}"; }

verb_test() {
    local preset=release labels=()
    while [ $# -gt 0 ]; do
        case $1 in
            --preset)
                [ $# -ge 2 ] || usage_error "test: --preset lacks its value"
                preset=$2
                shift
                ;;
            -*) usage_error "test: unknown option: $1" ;;
            *)
                [[ " ${suites[*]} " == *" $1 "* ]] || usage_error "unknown suite: $1 (known: ${suites[*]})"
                labels+=("$1")
                ;;
        esac
        shift
    done
    need_preset "$preset"
    stage packages test_packages
    stage build need_build "$preset"
    [ ${#labels[@]} -gt 0 ] || labels=("${suites[@]}")
    # Those that wait more than they compute go together, beside each other.
    join_suites integration deploy
    join_suites e2e fault
    # The suites one after another, so that each has a time; the summary of all is the last line.
    local suite status=0 output
    output=$(mktemp)
    for suite in "${labels[@]}"; do
        if is_empty_suite "$suite"; then
            note "the suite $suite has no tests yet"
        else
            stage "test $suite" run_suite "$suite" "$output" || status=1
        fi
    done
    print_stages
    summary "$output" || status=1
    rm -f "$output"
    return $status
}

# join_suites A B: where `labels` has both, they are one run, in the place of the later.
join_suites() {
    [[ " ${labels[*]} " == *" $1 "* && " ${labels[*]} " == *" $2 "* ]] || return 0
    mapfile -t labels < <(printf '%s\n' "${labels[@]}" | sed -e "/^$1\$/d" -e "s/^$2\$/$1|$2/")
}

test_packages() {
    need_packages "${packages_build[@]}" "${packages_run[@]}" "${packages_test[@]}" "${packages_deploy[@]}" \
        "${packages_regions[@]}"
    need_lab
    need_test_servers
}

is_empty_suite() { ctest --test-dir "$repo/build/$preset" -N -L "^($1)\$" | grep -qx 'Total Tests: 0'; }

# The tests of a suite share the cores; some need all of them (PROCESSORS, RUN_SERIAL). The longest begin.
# One more than there are cores: half of a test's time is waiting.
run_suite() {
    local suite=$1 output=$2
    run ctest --test-dir "$repo/build/$preset" -L "^($suite)\$" -j "$(($(nproc) + 1))" --output-on-failure \
        --no-tests=ignore --timeout 1200 </dev/null | tee -a "$output"
}

# `N passed, N failed` over every suite, from ctest's own lines; no test at all is a failure too. One that was skipped is named.
summary() {
    awk '/^ *[0-9]+\/[0-9]+ Test +#/ { if (/ Passed /) passed++; else if (/\*\*\*Skipped /) print; else { failed++; print } }
         END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }' "$1"
}

# ---- formatting and lint

cpp_files() { git -C "$repo" ls-files -co --exclude-standard -- '*.cpp' '*.hpp'; }

verb_fmt() {
    [ $# = 0 ] || usage_error "./dev fmt"
    need_packages "${packages_lint[@]}"
    (cd "$repo" && cpp_files | xargs -r -d '\n' clang-format-14 -i)
}

verb_lint() {
    local all=no
    case "${1:-}" in
        '') ;;
        --all) all=yes ;;
        *) usage_error "./dev lint [--all]" ;;
    esac
    need_packages "${packages_build[@]}" "${packages_lint[@]}"
    local status=0
    stage format check_format || status=1
    stage shellcheck check_shell || status=1
    stage architecture check_architecture || status=1
    stage clang-tidy check_tidy $all || status=1
    print_stages
    if [ $status = 0 ]; then note "lint: clean"; else note "lint: see above"; fi
    return $status
}

check_format() { (cd "$repo" && cpp_files | xargs -r -d '\n' clang-format-14 --dry-run -Werror); }

check_shell() { (cd "$repo" && run shellcheck -x dev .ci/run scripts/without-services.sh); }

check_architecture() { (cd "$repo" && run python3 tests/architecture/check.py); }

tidy_files_max=8 # a minute each where gRPC and CLI11 are

# Sources changed since the main branch of origin, or, there, in the last commits; newest first.
tidy_files() {
    local base
    if [ "$1" = yes ]; then
        git -C "$repo" ls-files -- '*.cpp'
        return
    fi
    base=$(git -C "$repo" merge-base HEAD origin/main 2>/dev/null) || base=''
    if [ -z "$base" ] || [ "$base" = "$(git -C "$repo" rev-parse HEAD)" ]; then
        base=$(git -C "$repo" rev-list --max-count=6 HEAD | tail -n 1)
    fi
    {
        git -C "$repo" diff --name-only --diff-filter=d HEAD -- '*.cpp'
        git -C "$repo" log --first-parent -m --name-only --diff-filter=d --format= "$base..HEAD" -- '*.cpp'
    } | awk '!seen[$0]++' | while read -r file; do
        if [ -e "$repo/$file" ]; then echo "$file"; fi
    done
}

check_tidy() {
    local files=()
    mapfile -t files < <(tidy_files "$1")
    [ ${#files[@]} -gt 0 ] || return 0
    if [ "$1" != yes ] && [ ${#files[@]} -gt $tidy_files_max ]; then
        note "lint: clang-tidy leaves out $((${#files[@]} - tidy_files_max)) of ${#files[@]} changed files (./dev lint --all): ${files[*]:tidy_files_max}"
        files=("${files[@]:0:tidy_files_max}")
    fi
    # It needs the compile commands and the generated headers, not the objects.
    need_build release quorate_proto quorate_grpc
    (cd "$repo" && printf '%s\n' "${files[@]}" |
        run nice xargs -d '\n' -n 1 -P "$(nproc)" clang-tidy-14 --quiet --extra-arg=-Wno-unknown-warning-option -p build/release 2>&1 |
        sed '/warnings generated\.$/d')
}
