# Five regions on one machine: each in a network namespace of its own, with its distance to the core and to the endpoints.
# An instance of its own below .run/regions, which begins empty at each start.
# shellcheck shell=bash

core_daemons=(coordinator-1 coordinator-2 archiver-1 archiver-2)
core_grpc_ports=(7443 7444) # in the core: the machine's own ports are not used
steady_port=7500            # of a server among the endpoints that is always there
regions_lab_port=7501       # and the two behind it

# `./dev regions` has a folder of its own, so that it may run beside `./dev up`.
use_regions_folder() {
    run_dir=$run_dir/regions
    pid_dir=$run_dir/pids
    log_dir=$run_dir/logs
    etc_dir=$run_dir/etc
    if namespaces_are_ours; then read -r netns_prefix <"$run_dir/namespaces"; fi
}

verb_regions() {
    local verb=${1:-}
    [ $# -gt 0 ] && shift
    case $verb in
        up | down | status | cut | slow | heal | exec | quorate | psql | redis-cli | logs)
            use_regions_folder
            "regions_${verb//-/_}" "$@"
            ;;
        *) usage_error "regions: unknown verb: $verb" ;;
    esac
}

need_regions_running() {
    [ -e "$run_dir/current" ] || fail "no regions run: ./dev regions up"
    is_root || fail "regions: network namespaces need root: run it as root"
    read -r window demo network <"$run_dir/current"
    make_private_dir
}

# ---- what each has where: name=place:port of health

regions_daemons() {
    echo "coordinator-1=core:9101 coordinator-2=core:9111 archiver-1=core:9103 archiver-2=core:9113"
    printf 'agent-%s\n' "${regions[@]}" | awk '{ region = substr($1, 7); print $1 "=" region ":9102" }'
}

readiness_at() { # PLACE PORT
    in_place "$1" curl --noproxy '*' -sS -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$2/readyz" 2>/dev/null
}
answers_ready_at() { [ "$(readiness_at "$1" "$2")" = 200 ]; }
reasons_at() { in_place "$1" curl --noproxy '*' -s -m 2 "http://127.0.0.1:$2/readyz" || echo 'no answer'; }

# ---- secrets, certificates, configuration files

secret() { echo "$run_dir/secrets/$1"; }

make_secrets() {
    local name work
    mkdir -p "$run_dir/secrets"
    chmod 0700 "$run_dir/secrets"
    for name in coordinator archiver operator; do openssl rand -hex 24 >"$(secret $name)"; done
    work=$(secret tls)
    mkdir -p "$work"
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj '/CN=Quorate regions CA' \
            -keyout "$work/ca.key" -out "$work/ca.pem"
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=redis' \
            -keyout "$work/redis.key" -out "$work/redis.csr"
        openssl x509 -req -in "$work/redis.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 365 \
            -extfile <(echo "subjectAltName = IP:$core_address") -out "$work/redis.pem"
    } >"$log_dir/openssl.log" 2>&1 || { show_log openssl; fail "no certificate for Redis"; }
}

# As docs/redis.md asks of a Redis for production; users as it says, and one for who looks.
redis_config() {
    local dir tls
    dir=$(redis_dir "$window") tls=$(secret tls)
    cat <<TEXT
port 0
tls-port 6379
bind $core_address
tls-cert-file "$tls/redis.pem"
tls-key-file "$tls/redis.key"
tls-ca-cert-file "$tls/ca.pem"
tls-auth-clients no
unixsocket "$(redis_socket "$window")"
unixsocketperm 700
dir "$dir"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
user default off
user coordinator on >$(cat "$(secret coordinator)") ~* +@all -@admin +acl|setuser
user archiver on >$(cat "$(secret archiver)") ~* +@all -@admin
user operator on >$(cat "$(secret operator)") ~* &* +@all
TEXT
}

regions_common_config() { # PORT REDIS_USER
    printf 'health: {address: 127.0.0.1, port: %s}\n' "$1"
    printf 'redis: {url: "rediss://%s:6379", user: %s, password_file: "%s", ca_file: "%s"}\n' \
        "$core_address" "$2" "$(secret "$2")" "$(secret tls)/ca.pem"
}

write_regions_configs() {
    local i region agent
    mkdir -p "$etc_dir"
    (umask 077 && redis_config >"$etc_dir/redis.conf")
    for i in 0 1; do
        {
            regions_common_config $((9101 + 10 * i)) coordinator
            printf 'name: coordinator-%s\nwindow: %s\npostgres: {conninfo: "%s"}\nregions: [%s]\n' $((i + 1)) "$window" \
                "$(postgres_conninfo "$window" quorate_coordinator)" "$(printf '%s, ' "${regions[@]}" | sed 's/, $//')"
            printf 'grpc: {address: 127.0.0.1, port: %s}\npoliteness: {origin_rate: 0}\n' "${core_grpc_ports[i]}"
        } >"$etc_dir/coordinator-$((i + 1)).yaml"
        {
            regions_common_config $((9103 + 10 * i)) archiver
            printf 'name: archiver-%s\nwindow: %s\npostgres: {conninfo: "%s"}\n' $((i + 1)) "$window" \
                "$(postgres_conninfo "$window" quorate_archiver)"
        } >"$etc_dir/archiver-$((i + 1)).yaml"
    done
    sed "s/user=quorate_archiver/user=quorate/" "$etc_dir/archiver-1.yaml" >"$etc_dir/migrate.yaml"
    for i in "${!regions[@]}"; do
        region=${regions[i]} agent=agent-${regions[i]}
        {
            regions_common_config 9102 "$agent"
            printf 'region: %s\nname: %s-1\nbind_address: %s\nallow_private_addresses: true\n' "$region" "$region" "$(region_address "$i")"
            # There are no name servers here, and endpoints have addresses. One place of the core and one among the endpoints
            # tell the agent whether its network works.
            printf 'name_servers: [%s]\nlandmarks: ["%s:6379", "%s:%s"]\n' "$core_address" "$core_address" "$endpoints_address" "$steady_port"
            printf 'spool: {directory: "%s"}\n' "$run_dir/spool/$region-1"
            if [ "$demo" = yes ]; then printf 'ca_file: "%s"\n' "$run_dir/lab/ca.pem"; fi
        } >"$etc_dir/$agent.yaml"
    done
}

# ---- starting

# start_in PLACE NAME COMMAND...: as `start`, in the place's namespace.
start_in() {
    start "$2" ip netns exec "$(netns_of "$1")" "${@:3}"
}

operator_redis_cli() {
    REDISCLI_AUTH=$(cat "$(secret operator)") redis-cli -s "$(redis_socket "$window")" --user operator --no-auth-warning "$@"
}
regions_redis_is_ready() { [ "$(operator_redis_cli ping 2>/dev/null)" = PONG ]; }

start_regions_stores() {
    mkdir -m 0700 "$(redis_dir "$window")"
    start_in core redis redis-server "$etc_dir/redis.conf"
    start_prefix=(ip netns exec "$(netns_of core)")
    start_postgres "$window"
    start_prefix=()
    if ! wait_until 60 ready_or_gone redis regions_redis_is_ready || ! is_running redis; then
        show_log redis
        fail "Redis did not become ready"
    fi
}

start_endpoints() {
    start_in endpoints steady "$repo/build/release/tests/mcp_target" /dev/null "$endpoints_address" "$steady_port"
    [ "$demo" = yes ] || return 0
    mkdir -p "$run_dir/lab"
    rm -f "$run_dir/lab/lab.ready"
    start_in endpoints lab "$(command -v node)" "$repo/tests/support/lab/lab.mjs" --dir "$run_dir/lab" --address "$endpoints_address" \
        --legacy-port "$regions_lab_port" --modern-port $((regions_lab_port + 1)) --tls-port $((regions_lab_port + 2)) \
        --ready-file "$run_dir/lab/lab.ready"
    wait_until 60 ready_or_gone lab test -e "$run_dir/lab/lab.ready" && is_running lab || {
        show_log lab
        fail "the lab server did not start"
    }
}

ask_regions() { run ip netns exec "$(netns_of core)" "$(bin quorate)" "$@" --server "127.0.0.1:${core_grpc_ports[0]}" >&2; }

start_core_daemons() {
    local name role
    run "$(bin quorate-archiver)" --config "$etc_dir/migrate.yaml" --migrate >&2 || fail "the migrations failed: see above"
    for role in quorate_coordinator quorate_archiver quorate_reader; do
        private_psql "$window" quorate -qc "ALTER ROLE $role LOGIN"
    done
    for name in "${core_daemons[@]}"; do start_in core "$name" "$(bin "quorate-${name%-*}")" --config "$etc_dir/$name.yaml"; done
}

# As an operator would (docs/operations/install.md): the region's Redis user is made by the coordinator, and told once.
start_agents() {
    local region answer password
    for region in "${regions[@]}"; do
        show quorate regions add "$region"
        answer=$(in_place core "$(bin quorate)" regions add "$region" --server "127.0.0.1:${core_grpc_ports[0]}" 2>&1) ||
            fail "regions add $region: $answer"
        password=$(awk '$1 == "password" { print $2 }' <<<"$answer")
        [ -n "$password" ] || fail "regions add $region told no password: $answer"
        (umask 077 && echo "$password" >"$(secret "agent-$region")")
        start_in "$region" "agent-$region" "$(bin quorate-agent)" --config "$etc_dir/agent-$region.yaml"
    done
}

# wait_for_regions_daemons PATTERN: those whose names begin so.
wait_for_regions_daemons() {
    local entry name place port
    for entry in $(regions_daemons); do
        name=${entry%%=*} place=${entry#*=} port=${entry##*:}
        place=${place%:*}
        [[ $name == $1* ]] || continue
        wait_until 60 ready_or_gone "$name" answers_ready_at "$place" "$port" || {
            show_log "$name"
            fail "$name is not ready after 60 s: $(reasons_at "$place" "$port")"
        }
        is_running "$name" || { show_log "$name"; fail "$name has ended: see $log_dir/$name.log"; }
    done
}

# ---- verbs

regions_up() {
    local detach=no files=() file
    demo=yes window=60s
    while [ $# -gt 0 ]; do
        case $1 in
            --detach) detach=yes ;;
            --no-demo) demo=no ;;
            --window) window=${2:-} && shift ;;
            --window=*) window=${1#*=} ;;
            --endpoints) files+=("${2:-}") && shift ;;
            --endpoints=*) files+=("${1#*=}") ;;
            *) usage_error "regions up: unknown option: $1" ;;
        esac
        shift || usage_error "regions up: an option lacks its value"
    done
    for file in "${files[@]}"; do [ -r "$file" ] || fail "no such file: $file"; done
    [[ $windows == *" $window "* ]] || usage_error "regions up: the window is one of$windows, not $window"
    is_root || fail "regions: network namespaces need root: run it as root"
    need_packages "${packages_run[@]}" "${packages_regions[@]}"
    need_namespaces
    mkdir -p "$pid_dir" "$log_dir"
    lock_instance
    if runs_anything || namespaces_are_ours; then
        fail "regions run already, or are left from a start that was cut short: ./dev regions status, ./dev regions down"
    fi
    ! any_namespace_exists || fail "namespaces $netns_prefix-* are there, of another folder: set QUORATE_PORT_OFFSET"
    if [ "$demo" = yes ]; then need_lab; fi
    need_build release "${binaries[@]}" packet_relay mcp_target

    trap 'undo_regions_up $?' EXIT
    trap 'exit 130' INT TERM
    forget_regions
    make_private_dir
    make_secrets
    write_regions_configs
    echo "$window $demo $network" >"$run_dir/current"
    make_namespaces
    make_links
    start_endpoints
    start_regions_stores
    start_core_daemons
    wait_for_regions_daemons coordinator
    start_agents
    wait_for_regions_daemons ''
    if [ "$demo" = yes ]; then files=("$repo/examples/regions.yaml" "${files[@]}"); fi
    for file in "${files[@]}"; do ask_regions apply -f "$file" || fail "$file was not applied: see above"; done
    trap - EXIT INT TERM
    exec 9>&-

    note "ready: window $window; ./dev regions quorate watch, ./dev regions status, ./dev regions down"
    if [ "$detach" = no ]; then
        trap 'echo; note "still running; ./dev regions down stops it"; exit 0' INT
        regions_quorate get --watch || fail "the table has ended: ./dev regions status"
    fi
}

# Data, secrets and spools; logs stay.
forget_regions() {
    local link=$run_dir/private
    if [ -L "$link" ]; then rm -rf "$(readlink -f "$link")"; fi
    rm -rf "$link" "$run_dir/secrets" "$run_dir/spool" "$run_dir/etc" "$run_dir/lab"
}

undo_regions_up() {
    local status=$1
    trap - EXIT
    [ "$status" != 0 ] || exit 0
    note "stopping what was started"
    end_regions || true
    note "regions up has failed: see above"
    exit "$status"
}

# @return 1 where something had to be killed
end_regions() {
    local name status=0
    stop_together "${regions[@]/#/agent-}" "${core_daemons[@]}" steady lab || status=1
    for name in redis postgres relay; do stop "$name" || status=1; done
    remove_namespaces
    forget_regions
    rm -f "$run_dir/current" "$(links_file)" "$(links_status)"
    return $status
}

regions_down() {
    [ $# = 0 ] || usage_error "./dev regions down"
    if [ ! -d "$pid_dir" ]; then
        note "no regions run"
        return
    fi
    is_root || fail "regions: network namespaces need root: run it as root"
    lock_instance
    if ! runs_anything && ! namespaces_are_ours; then
        note "no regions run"
        return
    fi
    end_regions || fail "stopped, but not all in an orderly way: see above"
    note "stopped"
}

# A connect over TCP takes one round trip: what the path is like now, in milliseconds.
connect_ms() { # REGION ADDRESS PORT
    in_place "$1" curl --noproxy '*' -s -o /dev/null -m 5 --connect-timeout 4 -w '%{time_connect}' "http://$2:$3/" 2>/dev/null |
        awk '{ if ($1 > 0) printf "%.1f ms", $1 * 1000; else print "-" }'
}

path_state() { # REGION PATH
    local rtt
    if is_cut "$1" "$2"; then echo cut; return; fi
    rtt=$(rtt_of "$1" "$2")
    rtt=$((rtt - rtts_ms[$(region_number "$1")]))
    if [ "$rtt" -gt 0 ]; then echo "slow: $rtt ms more"; else echo up; fi
}

regions_status() {
    [ $# = 0 ] || usage_error "./dev regions status"
    if [ ! -e "$run_dir/current" ]; then
        echo "no regions run"
        return 1
    fi
    need_regions_running
    local entry name place port pid state all=yes i region
    printf '%-18s %-10s %-8s %s\n' process place pid state
    for entry in $([ "$network" = netem ] || echo relay=-:) redis=core: postgres=core: steady=endpoints: \
        $([ "$demo" = no ] || echo lab=endpoints:) $(regions_daemons); do
        name=${entry%%=*} place=${entry#*=} port=${entry##*:} state=running
        place=${place%:*}
        if ! pid=$(running_pid "$name"); then
            pid=- state='not running'
        elif [ -n "$port" ] && ! answers_ready_at "$place" "$port"; then
            state="not ready: $(reasons_at "$place" "$port")"
        elif [ -n "$port" ]; then
            state=ready
        fi
        [[ $state =~ ^(running|ready)$ ]] || all=no
        printf '%-18s %-10s %-8s %s\n' "$name" "$place" "$pid" "$state"
    done
    printf '\n%-10s %-12s %-9s %-22s %-10s %-22s %s\n' region address asked 'to the core' measured 'to the endpoints' measured
    for i in "${!regions[@]}"; do
        region=${regions[i]}
        printf '%-10s %-12s %-9s %-22s %-10s %-22s %s\n' "$region" "$(region_address "$i")" "${rtts_ms[i]} ms" \
            "$(path_state "$region" core)" "$(connect_ms "$region" "$core_address" 6379)" \
            "$(path_state "$region" endpoints)" "$(connect_ms "$region" "$endpoints_address" "$steady_port")"
    done
    echo "window $window, links by $network, $loss_percent % loss each way, namespaces $netns_prefix-*"
    [ $all = yes ]
}

# REGION [--to core|endpoints] of a verb's arguments, into region and to (all paths where none is named).
read_region() { # VERB ARGS...
    local verb=$1
    shift
    region='' to=("${paths[@]}") words=()
    while [ $# -gt 0 ]; do
        case $1 in
            --to)
                to=("${2:-}")
                [ $# -ge 2 ] && shift
                ;;
            --to=*) to=("${1#*=}") ;;
            -*) usage_error "regions $verb: unknown option: $1" ;;
            *) words+=("$1") ;;
        esac
        shift
    done
    [[ " ${paths[*]} " == *" ${to[0]} "* ]] || usage_error "regions $verb: --to is one of ${paths[*]}, not ${to[0]}"
    [ ${#words[@]} -gt 0 ] || usage_error "regions $verb: a region is wanted"
    region=${words[0]} words=("${words[@]:1}")
    region_number "$region" >/dev/null
    need_regions_running
}

regions_cut() {
    local region to words path
    read_region cut "$@"
    [ ${#words[@]} = 0 ] || usage_error "regions cut: too many words: ${words[*]}"
    for path in "${to[@]}"; do cut_link "$region" "$path"; done
    note "$region is cut off from: ${to[*]}"
}

regions_slow() {
    local region to words path more
    read_region slow "$@"
    [[ ${#words[@]} = 1 && ${words[0]} =~ ^([0-9]{1,5})(ms|s)$ ]] ||
        usage_error "regions slow: one duration is wanted, such as 800ms: ${words[*]}"
    more=${BASH_REMATCH[1]}
    if [ "${BASH_REMATCH[2]}" = s ]; then more=$((more * 1000)); fi
    [ "$more" -le 30000 ] || usage_error "regions slow: at most 30s"
    for path in "${to[@]}"; do set_rtt "$region" "$path" $((rtts_ms[$(region_number "$region")] + more)); done
    note "$region has $more ms more to: ${to[*]}"
}

regions_heal() {
    local region to words path
    read_region heal "$@"
    [ ${#words[@]} = 0 ] || usage_error "regions heal: too many words: ${words[*]}"
    for path in "${to[@]}"; do
        set_rtt "$region" "$path" "${rtts_ms[$(region_number "$region")]}"
        heal_link "$region" "$path"
    done
    note "$region is as before to: ${to[*]}"
}

regions_exec() {
    [ $# -ge 2 ] || usage_error "./dev regions exec PLACE COMMAND..."
    [[ " ${paths[*]} ${regions[*]} " == *" $1 "* ]] || usage_error "regions exec: unknown place: $1 (known: ${paths[*]} ${regions[*]})"
    need_regions_running
    exec ip netns exec "$(netns_of "$1")" "${@:2}"
}

# The client, on the coordinators' host.
regions_quorate() {
    need_regions_running
    in_place core "$(bin quorate)" "$@" --server "127.0.0.1:${core_grpc_ports[0]}"
}

regions_psql() {
    need_regions_running
    private_psql "$window" quorate "$@"
}

regions_redis_cli() {
    need_regions_running
    operator_redis_cli "$@"
}

regions_logs() { verb_logs "$@"; }
