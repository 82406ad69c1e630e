# Quorate on one machine: a coordinator, five agents, an archiver, and the demo servers.
# shellcheck shell=bash

regions=(us-east us-west eu-west ap-south sa-east) # in the order of 127.0.1.1, 127.0.1.2, …
windows=" 2s 3s 4s 5s 6s 10s 12s 15s 20s 30s 60s " # they divide a minute
etc_dir=$run_dir/etc

port_of() { echo $(($1 + port_offset)); }
grpc_port=$(port_of 7443)
coordinator_port=$(port_of 9101)
archiver_port=$(port_of 9103)
demo_port_first=7501 # as in examples/demo.yaml; the eighth is the lab's control API
refused_port=$(port_of 7507)
lab_control_port=$(port_of 7508)

bin() { echo "$repo/build/release/bin/$1"; }
agent_port() { port_of $((9102 + 10 * $1)); }
agent_address() { echo "127.0.1.$(($1 + 1))"; }

# name=health port, of every daemon
daemons() {
    local i
    echo "coordinator=$coordinator_port"
    for i in "${!regions[@]}"; do echo "agent-${regions[i]}=$(agent_port "$i")"; done
    echo "archiver=$archiver_port"
}

demo_servers=(lab everything everything-sse modern-stateless)

# ---- what runs: .run/current says with which window, and whether with the demo

need_window_running() {
    is_running postgres || fail "nothing runs: ./dev up"
    read -r window demo 2>/dev/null <"$run_dir/current" || fail "nothing runs: ./dev up"
    make_private_dir
}

runs_anything() {
    local file
    for file in "$pid_dir"/*; do
        if [ -e "$file" ] && is_running "${file##*/}"; then return 0; fi
    done
    return 1
}

# ---- configuration files, made anew at each start

common_config() { # HEALTH_PORT
    printf 'health: {address: 127.0.0.1, port: %s}\nredis: {url: "unix://%s"}\n' "$1" "$(redis_socket "$window")"
}

archiver_config() { # ROLE
    common_config "$archiver_port"
    printf 'window: %s\npostgres: {conninfo: "%s"}\n' "$window" "$(postgres_conninfo "$window" "$1")"
}

write_configs() {
    local i
    mkdir -p "$etc_dir"
    {
        common_config "$coordinator_port"
        # What runs here is the user's own: no origin needs to be spared.
        printf 'window: %s\npostgres: {conninfo: "%s"}\nregions: [%s]\ngrpc: {address: 127.0.0.1, port: %s}\npoliteness: {origin_rate: 0}\n' \
            "$window" "$(postgres_conninfo "$window" quorate_coordinator)" "$(printf '%s, ' "${regions[@]}" | sed 's/, $//')" "$grpc_port"
    } | install_config coordinator
    archiver_config quorate_archiver | install_config archiver
    archiver_config quorate >"$etc_dir/migrate.yaml" # the owner alone may change tables
    for i in "${!regions[@]}"; do
        {
            common_config "$(agent_port "$i")"
            printf 'region: %s\nname: %s-1\nbind_address: %s\nallow_private_addresses: true\nspool: {directory: "%s"}\n' \
                "${regions[i]}" "${regions[i]}" "$(agent_address "$i")" "$run_dir/spool/${regions[i]}-1"
            if [ "$demo" = yes ]; then printf 'ca_file: "%s"\n' "$run_dir/lab/ca.pem"; fi
        } | install_config "agent-${regions[i]}"
    done
}

# A daemon that runs with another configuration, or from a program since rebuilt, is started anew.
install_config() {
    local file=$etc_dir/$1.yaml
    cat >"$file.new"
    if is_running "$1" && { ! cmp -s "$file" "$file.new" || is_outdated "$1"; }; then
        note "$1 has changed since it was started"
        stop "$1" || true
    fi
    mv "$file.new" "$file"
}

# ---- starting

check_ports() {
    local wanted=() entry i
    for entry in $(daemons); do
        is_running "${entry%%=*}" || wanted+=("${entry#*=}=${entry%%=*}")
    done
    is_running coordinator || wanted+=("$grpc_port=coordinator's-gRPC")
    if [ "$demo" = yes ]; then
        is_running lab || for i in 0 1 2 7; do wanted+=("$(port_of $((demo_port_first + i)))=lab"); done
        for i in 1 2 3; do
            is_running "${demo_servers[i]}" || wanted+=("$(port_of $((demo_port_first + 2 + i)))=${demo_servers[i]}")
        done
        wanted+=("$refused_port=the-endpoint-that-refuses")
    fi
    if [ ${#wanted[@]} -gt 0 ]; then fail_when_in_use "${wanted[@]}"; fi
}

start_demo_servers() {
    local lab=$repo/tests/support/lab port=$((demo_port_first + port_offset))
    mkdir -p "$run_dir/lab"
    is_running lab || start_server lab "$lab/lab.mjs" --dir "$run_dir/lab" --legacy-port $port \
        --modern-port $((port + 1)) --tls-port $((port + 2)) --control-port "$lab_control_port"
    is_running everything || start_server everything "$lab/everything.mjs" --port $((port + 3))
    is_running everything-sse ||
        start_server everything-sse "$lab/everything.mjs" --transport sse --port $((port + 4))
    is_running modern-stateless || start_server modern-stateless "$lab/modern-stateless.mjs" --port $((port + 5))
}

start_server() { # NAME PROGRAM ARGS...
    local name=$1
    shift
    rm -f "$run_dir/lab/$name.ready"
    start "$name" "$(command -v node)" "$@" --ready-file "$run_dir/lab/$name.ready"
}

wait_for_demo_servers() {
    local name
    for name in "${demo_servers[@]}"; do
        if wait_until 60 ready_or_gone "$name" test -e "$run_dir/lab/$name.ready" && is_running "$name"; then continue; fi
        show_log "$name"
        fail "the demo server $name did not start"
    done
}

start_daemons() {
    local region role
    run "$(bin quorate-archiver)" --config "$etc_dir/migrate.yaml" --migrate >&2 || fail "the migrations failed: see above"
    for role in quorate_coordinator quorate_archiver quorate_reader; do
        private_psql "$window" quorate -qc "ALTER ROLE $role LOGIN"
    done
    is_running coordinator || start coordinator "$(bin quorate-coordinator)" --config "$etc_dir/coordinator.yaml"
    for region in "${regions[@]}"; do
        is_running "agent-$region" ||
            start "agent-$region" "$(bin quorate-agent)" --config "$etc_dir/agent-$region.yaml"
    done
    is_running archiver || start archiver "$(bin quorate-archiver)" --config "$etc_dir/archiver.yaml"
}

readiness() { curl --noproxy "*" -sS -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1/readyz" 2>/dev/null; }
answers_ready() { [ "$(readiness "$1")" = 200 ]; }

wait_for_daemons() {
    local entry name port
    for entry in $(daemons); do
        name=${entry%%=*} port=${entry#*=}
        wait_until 60 ready_or_gone "$name" answers_ready "$port" || {
            show_log "$name"
            fail "$name is not ready after 60 s: $(curl --noproxy "*" -s -m 2 "http://127.0.0.1:$port/readyz")"
        }
        is_running "$name" || { show_log "$name"; fail "$name has ended: see $log_dir/$name.log"; }
    done
}

# examples/demo.yaml with the ports of this instance.
demo_file() {
    local file=$etc_dir/demo.yaml i expression=()
    for i in 0 1 2 3 4 5 6; do
        expression+=(-e "s/:$((demo_port_first + i))\\//:$(port_of $((demo_port_first + i)))\\//")
    done
    sed "${expression[@]}" "$repo/examples/demo.yaml" >"$file"
    echo "$file"
}

# The contexts of whoever starts this are for other coordinators.
unset "${!QUORATE_TLS@}" QUORATE_CONTEXT QUORATE_SERVER QUORATE_TOKEN_FILE
export QUORATE_CONFIG=/dev/null

ask() { run "$(bin quorate)" "$@" --server "127.0.0.1:$grpc_port" >&2; }

# What an earlier start with the demo left in the catalogue: nothing answers there now. An endpoint of the user's that has such
# a name and another URL stays as it is.
pause_demo() {
    local name url
    while read -r name url; do
        if grep -xF -A1 "  - name: $name" "$(demo_file)" | grep -qxF "    url: $url"; then
            ask pause "$name" || fail "$name was not paused: see above"
        fi
    done < <(private_psql "$window" quorate -qAt -F ' ' -c \
        "SELECT endpoint, url FROM dash.endpoint_status WHERE tenant = 'default' AND state <> 'PAUSED'")
}

apply_files() {
    local file
    if [ "$demo" = yes ]; then set -- "$(demo_file)" "$@"; else pause_demo; fi
    for file in "$@"; do
        ask apply -f "$file" || fail "$file was not applied: see above"
    done
}

# ---- verbs

verb_up() {
    local detach=no demo=yes window='' files=() running_window='' running_demo=''
    while [ $# -gt 0 ]; do
        case $1 in
            --detach) detach=yes ;;
            --no-demo) demo=no ;;
            --window) window=${2:-} && shift ;;
            --window=*) window=${1#*=} ;;
            --endpoints) files+=("${2:-}") && shift ;;
            --endpoints=*) files+=("${1#*=}") ;;
            *) usage_error "up: unknown option: $1" ;;
        esac
        shift || usage_error "up: an option lacks its value"
    done
    local file
    for file in "${files[@]}"; do [ -r "$file" ] || fail "no such file: $file"; done
    [ -z "$window" ] || [[ $windows == *" $window "* ]] || usage_error "up: the window is one of$windows, not $window"

    mkdir -p "$pid_dir" "$log_dir"
    lock_instance
    if runs_anything && read -r running_window running_demo 2>/dev/null <"$run_dir/current"; then
        [ -z "$window" ] || [ "$window" = "$running_window" ] ||
            fail "already running with window $running_window: ./dev down first"
        [ "$demo" = "$running_demo" ] ||
            fail "already running $([ "$demo" = yes ] && echo without || echo with) the demo: ./dev down first"
        window=$running_window
    fi
    window=${window:-60s}
    check_ports # before the minutes that installing and building take, and again after them
    need_packages "${packages_run[@]}"
    if [ "$demo" = yes ]; then need_lab; fi
    need_build release "${binaries[@]}"

    trap 'undo_up $?' EXIT
    trap 'exit 130' INT TERM
    make_private_dir
    write_configs
    check_ports
    echo "$window $demo" >"$run_dir/current"
    if [ "$demo" = yes ]; then start_demo_servers; fi
    start_redis "$window"
    start_postgres "$window"
    if [ "$demo" = yes ]; then wait_for_demo_servers; fi # the agents want the lab's authority file
    start_daemons
    wait_for_daemons
    apply_files "${files[@]}"
    trap - EXIT INT TERM
    exec 9>&-

    if [ ${#started_now[@]} = 0 ]; then note "already running"; fi
    note "ready: window $window; ./dev status, ./dev logs, ./dev down"
    if [ "$detach" = no ]; then show_table; fi
}

# One ./dev up or ./dev down at a time; the lock ends with this process, whatever ends it.
lock_instance() {
    exec 9>"$run_dir/lock"
    flock -w 600 9 || fail "another ./dev up or down is at work in $run_dir"
}

# A start that failed takes down what it had started, newest first.
undo_up() {
    local status=$1 name
    trap - EXIT
    [ "$status" != 0 ] || exit 0
    if [ ${#started_now[@]} -gt 0 ]; then
        note "stopping what was started"
        for name in "${started_now[@]}"; do stop "$name" || true; done
    fi
    runs_anything || rm -f "$run_dir/current"
    note "up has failed: see above"
    exit "$status"
}

verb_down() {
    [ $# = 0 ] || usage_error "./dev down"
    [ -d "$pid_dir" ] || { note "nothing runs"; return; }
    lock_instance
    local pid name pids=() killed=no users=(coordinator "${regions[@]/#/agent-}" archiver "${demo_servers[@]}")
    for name in "${users[@]}" redis postgres; do
        if pid=$(running_pid "$name"); then pids+=("$pid"); fi
    done
    stop_together "${users[@]}" || killed=yes # those that use the stores first
    for name in redis postgres; do stop "$name" || killed=yes; done
    rm -f "$run_dir/current"
    # Their parent is init, which may take a moment to notice that they have ended.
    wait_until 5 are_gone "${pids[@]}" || true
    [ $killed = no ] || fail "stopped, but not all in an orderly way: see above"
    if [ ${#pids[@]} -gt 0 ]; then note "stopped"; else note "nothing runs"; fi
}

are_gone() {
    local pid
    for pid; do [ ! -e "/proc/$pid" ] || return 1; done
}

verb_status() {
    [ $# = 0 ] || usage_error "./dev status"
    local entry name port pid state all=yes window='' demo=no
    read -r window demo 2>/dev/null <"$run_dir/current" || { echo "nothing runs"; return 1; }
    printf '%-18s %-8s %-6s %s\n' process pid port state
    for entry in postgres= redis= $(daemons) \
        $([ "$demo" = no ] || printf '%s=\n' "${demo_servers[@]}"); do
        name=${entry%%=*} port=${entry#*=} state=running
        if ! pid=$(running_pid "$name"); then
            pid=- state='not running'
        elif [ -n "$port" ] && ! answers_ready "$port"; then
            state="not ready: $(curl --noproxy "*" -s -m 2 "http://127.0.0.1:$port/readyz" || echo 'no answer')"
        elif [ -n "$port" ]; then
            state=ready
        fi
        [[ $state =~ ^(running|ready)$ ]] || all=no
        printf '%-18s %-8s %-6s %s\n' "$name" "$pid" "${port:--}" "$state"
    done
    echo "window $window, gRPC 127.0.0.1:$grpc_port"
    [ $all = yes ]
}
