# A private Postgres: own cluster, Unix socket only, nothing of a system-wide one.
# shellcheck shell=bash

pg_bin=/usr/lib/postgresql/15/bin
unset "${!PG@}" # the caller's settings of libpq are for other servers
pg_user=postgres # what the cluster runs as when we are root, which Postgres refuses to run as

# Runs a command as the user whose the cluster is; exec'd, so that its pid is the command's.
pg_as_owner() {
    if is_root; then set -- setpriv --reuid=$pg_user --regid=$pg_user --init-groups "$@"; fi
    "$@"
}

# Where data and sockets stand, by window: $private. It is .run/private, or, where the cluster's user
# can't get there or a socket's path would be too long (sockaddr_un holds 107 bytes), a private
# folder below the system's temporary one, linked from there.
make_private_dir() {
    local link=$run_dir/private
    mkdir -p "$run_dir"
    if [ -L "$link" ] && [ ! -d "$link" ]; then rm -f "$link"; fi # the system emptied its temporary folder
    if [ ! -d "$link" ]; then
        local probe="$link/postgres-60s/.s.PGSQL.5432"
        # 107 bytes, not characters.
        if [ "$(printf %s "$probe" | wc -c)" -le 107 ] && pg_as_owner test -x "$run_dir" 2>/dev/null; then
            mkdir "$link"
        else
            run ln -s "$(mktemp -d "${TMPDIR:-/tmp}/quorate-XXXXXX")" "$link"
        fi
        chmod 0711 "$link/"
    fi
    private=$(readlink -f "$link")
    [ "$(stat -c %u "$private")" = "$(id -u)" ] || fail "$private belongs to somebody else"
}

postgres_dir() { echo "$private/postgres-$1"; }
postgres_conninfo() { echo "host='$(postgres_dir "$1")' port=5432 dbname=quorate user=${2:-quorate}"; }

postgres_is_ready() { "$pg_bin/pg_isready" -q -h "$(postgres_dir "$1")" -p 5432 -U quorate -d postgres; }

start_postgres() {
    local dir
    dir=$(postgres_dir "$1")
    if ! is_running postgres; then
        if [ ! -d "$dir" ]; then
            mkdir -m 0700 "$dir"
            if is_root; then chown $pg_user: "$dir"; fi
        fi
        if [ ! -e "$dir/data/PG_VERSION" ]; then
            # A first start that was cut short leaves no PG_VERSION of use: make it aside, then rename.
            rm -rf "$dir/data.new"
            # Whoever may enter the folder may connect: it is private to its owner.
            (cd / && run pg_as_owner "$pg_bin/initdb" -D "$dir/data.new" -U quorate -A trust -E UTF8 \
                --locale=C.UTF-8 --no-sync >>"$log_dir/postgres.log" 2>&1) ||
                { show_log postgres; fail "initdb failed"; }
            mv "$dir/data.new" "$dir/data"
        fi
        local settings=(-c listen_addresses= -c unix_socket_directories="$dir" -c port=5432
            -c max_connections=60 -c shared_buffers=64MB -c timezone=UTC -c log_timezone=UTC)
        if is_root; then
            start postgres setpriv --reuid=$pg_user --regid=$pg_user --init-groups \
                "$pg_bin/postgres" -D "$dir/data" "${settings[@]}"
        else
            start postgres "$pg_bin/postgres" -D "$dir/data" "${settings[@]}"
        fi
    fi
    if ! wait_until 60 ready_or_gone postgres postgres_is_ready "$1" || ! is_running postgres; then
        show_log postgres
        fail "Postgres did not become ready"
    fi
    if [ "$(private_psql "$1" postgres -Atc "SELECT 1 FROM pg_database WHERE datname = 'quorate'")" != 1 ]; then
        run "$pg_bin/createdb" -h "$dir" -p 5432 -U quorate quorate
    fi
}

# private_psql WINDOW DATABASE ARGS...: without the user's psqlrc.
private_psql() {
    local window=$1 database=$2
    shift 2
    PGHOST="$(postgres_dir "$window")" PGPORT=5432 PGUSER=quorate \
        PGDATABASE="$database" psql -X "$@"
}

verb_psql() {
    need_window_running
    private_psql "$window" quorate "$@"
}
