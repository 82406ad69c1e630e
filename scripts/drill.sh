# Drills: what operators must be able to do, done here on a copy of what runs.
# shellcheck shell=bash

drill_dir=$run_dir/drill

verb_drill() {
    if [ "${1:-}" = detection ] && [[ ${2:-100} =~ ^[1-9][0-9]{0,3}$ ]] && [ $# -le 2 ]; then
        drill_detection "${2:-100}"
        return
    fi
    [ "$*" = restore ] || usage_error "./dev drill restore, ./dev drill detection [OUTAGES]"
    need_window_running
    is_running archiver || fail "the archiver does not run: ./dev up"
    drill_restore
}

# On an instance of its own: what runs is not looked at.
drill_detection() { # OUTAGES
    need_running_parts
    QUORATE_OUTAGES=$1 run python3 -u "$repo/tests/e2e/test_detection.py" -v </dev/null
}

verb_soak() {
    need_running_parts mcp_target
    run python3 -u "$repo/tests/soak/soak.py" "$@" </dev/null
}

# What ./dev up needs, and these targets.
need_running_parts() {
    need_packages "${packages_build[@]}" "${packages_run[@]}"
    need_lab
    need_build release "${binaries[@]}" "$@"
}

# A base backup and the WAL behind it, restored into an empty server up to a named point, compared with what stood
# there then; then an archiver goes on from it, on a copy of Redis. What runs is read and nothing else.
drill_restore() {
    local dir began=$SECONDS restored
    drill_clean
    make_private_dir
    dir=$private/drill
    mkdir -m 0711 "$dir" "$dir/wal" "$dir/redis"
    if is_root; then chown $pg_user: "$dir" "$dir/wal"; fi
    trap 'drill_clean' EXIT

    note "base backup, and the WAL from here on"
    start drill-wal "$pg_bin/pg_receivewal" -h "$(postgres_dir "$window")" -p 5432 -U quorate -D "$dir/wal" --no-loop
    (cd / && run pg_as_owner "$pg_bin/pg_basebackup" -h "$(postgres_dir "$window")" -p 5432 -U quorate -D "$dir/data" -X none -c fast) ||
        fail "pg_basebackup failed"
    local before until segment
    before=$(drill_ask "$window" "SELECT max(minute) FROM quorate.shard_watermark")
    note "waiting for minutes that are in no base backup (sealed up to $before)"
    wait_until 180 drill_went_on "$window" "$before" || fail "no minute was sealed meanwhile"
    # What changes no more: sealed some time ago.
    until=$(drill_ask "$window" "SELECT min(w.minute) - 2 * min(d.window_ms) * interval '1 millisecond' FROM quorate.shard_watermark w, quorate.deployment d")
    drill_report "$window" "" "$until" >"$dir/expected"
    # The file of the WAL that holds the point: what runs begins the next one at once.
    segment=$(drill_ask "$window" "SELECT pg_walfile_name(pg_create_restore_point('drill') - 1)")
    redis-cli -s "$(redis_socket "$window")" --rdb "$dir/redis/dump.rdb" >/dev/null 2>&1 || fail "Redis gives no copy"
    drill_ask "$window" "SELECT pg_switch_wal()" >/dev/null
    wait_until 60 drill_has_wal "$dir/wal" "$segment" || fail "the WAL did not arrive"
    stop drill-wal

    note "restore into an empty server"
    chmod -R a+rX "$dir/wal"
    {
        echo "restore_command = 'cp \"$dir/wal/%f\" \"%p\"'"
        echo "recovery_target_name = 'drill'"
        echo "recovery_target_action = promote"
    } >>"$dir/data/postgresql.auto.conf"
    if is_root; then run setpriv --reuid=$pg_user --regid=$pg_user --init-groups touch "$dir/data/recovery.signal"; else touch "$dir/data/recovery.signal"; fi
    drill_start_postgres "$dir"
    wait_until 120 drill_promoted "$dir" || { show_log drill-postgres; fail "the restored server is not promoted"; }
    drill_report "" "$dir" "$until" >"$dir/restored"
    diff "$dir/expected" "$dir/restored" >&2 || fail "what was restored is something else: see above"
    sed 's/^/  /' "$dir/restored"
    drill_agrees "$dir/restored" || fail "states, watermarks and minutes do not agree: see above"

    note "an archiver goes on from there"
    start drill-redis redis-server --port 0 --unixsocket "$dir/redis/redis.sock" --dir "$dir/redis" --save '' --daemonize no
    drill_config "$dir" >"$dir/archiver.yaml"
    restored=$(drill_ask "" "SELECT max(minute) FROM quorate.shard_watermark" "$dir")
    start drill-archiver "$(bin quorate-archiver)" --config "$dir/archiver.yaml"
    wait_until 180 drill_went_on "" "$restored" "$dir" || { show_log drill-archiver; fail "the archiver does not go on"; }
    note "restored in $((SECONDS - began)) s, with what was sealed up to $restored; the archiver went on to $(drill_ask "" "SELECT max(minute) FROM quorate.shard_watermark" "$dir")"
}

drill_config() { # DIR
    printf 'health: {address: 127.0.0.1, port: 0}\nredis: {url: "unix://%s/redis/redis.sock"}\nwindow: %s\n' "$1" "$window"
    printf "postgres: {conninfo: \"host='%s' port=5432 dbname=quorate user=quorate_archiver\"}\n" "$1"
}

drill_start_postgres() {
    local settings=(-c listen_addresses= -c unix_socket_directories="$1" -c port=5432 -c max_connections=60 -c timezone=UTC)
    if is_root; then
        start drill-postgres setpriv --reuid=$pg_user --regid=$pg_user --init-groups "$pg_bin/postgres" -D "$1/data" "${settings[@]}"
    else
        start drill-postgres "$pg_bin/postgres" -D "$1/data" "${settings[@]}"
    fi
}

# drill_ask WINDOW SQL [DIR]: on what runs, or on the restored server.
drill_ask() {
    local host=${3:-}
    [ -n "$host" ] || host=$(postgres_dir "$1")
    PGHOST=$host PGPORT=5432 PGUSER=quorate PGDATABASE=quorate psql -X -Atqc "$2"
}

drill_went_on() { [[ $(drill_ask "$1" "SELECT max(minute) FROM quorate.shard_watermark" "${3:-}") > $2 ]]; }
drill_has_wal() { compgen -G "$1/$2*" >/dev/null && [ ! -e "$1/$2.partial" ]; }
drill_promoted() { [ "$(drill_ask "" "SELECT pg_is_in_recovery()" "$1" 2>/dev/null)" = f ]; }

# drill_report WINDOW DIR UNTIL: what there is of the time up to then, the last three days' minutes, packed or not, as one checksum, and whether states
# and watermarks agree with the minutes. DIR: of the restored server, else empty.
drill_report() {
    drill_ask "$1" "
        SELECT 'minutes of the last three days up to $3: ' || count(*) || ', checksum '
               || md5(coalesce(string_agg(m.endpoint_id || ' ' || m.minute || ' ' || m.decision || ' ' || md5(m.cells), ',' ORDER BY m.endpoint_id, m.minute), ''))
        FROM quorate.any_minute m WHERE m.minute > '$3'::timestamptz - interval '3 days' AND m.minute <= '$3';
        SELECT 'endpoints: ' || (SELECT count(*) FROM quorate.endpoint) || ', versions: ' || (SELECT count(*) FROM quorate.endpoint_version)
               || ', incidents: ' || (SELECT count(*) FROM quorate.incident WHERE detected_at <= '$3')
               || ', entries of their timelines: ' || (SELECT count(*) FROM quorate.incident_event WHERE at <= '$3');
        SELECT 'states of minutes that are not there: ' || count(*)
        FROM quorate.state_log l CROSS JOIN LATERAL unnest(l.endpoints, l.minutes) AS s(endpoint, minute)
        WHERE to_timestamp(s.minute / 1000.0) > '$3'::timestamptz - interval '3 days' -- older ones may be deleted, as they are past
          AND NOT EXISTS (SELECT FROM quorate.any_minute m WHERE m.endpoint_id = s.endpoint AND m.minute = to_timestamp(s.minute / 1000.0));
        SELECT 'endpoints with minutes and without a state: ' || count(*) FROM quorate.endpoint e
        WHERE e.deleted_at IS NULL AND quorate.last_minute(e.id) IS NOT NULL
          AND NOT EXISTS (SELECT FROM quorate.state_log l WHERE l.shard = e.shard AND e.id = ANY (l.endpoints));
        SELECT 'minutes behind a watermark that nobody sealed: ' || count(*) FROM quorate.endpoint e
        JOIN quorate.shard_watermark w ON w.shard = e.shard JOIN quorate.endpoint_version v ON v.endpoint_id = e.id
        WHERE v.valid_to IS NULL AND NOT v.paused
          AND quorate.last_minute(e.id) + v.interval_ms * interval '1 millisecond' <= w.minute" "$2"
}

# drill_agrees REPORT: its last three lines count what does not agree.
drill_agrees() {
    [ "$(grep -cE '^(states of|endpoints with|minutes behind) .*: 0$' "$1")" = 3 ]
}

drill_clean() {
    local name
    for name in drill-archiver drill-redis drill-wal drill-postgres; do stop "$name" || true; done
    if [ -n "${private:-}" ]; then rm -rf "$private/drill"; fi
}
