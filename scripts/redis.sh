# A private Redis: own data, Unix socket only, settings as production has them.
# shellcheck shell=bash

unset REDISCLI_AUTH

redis_dir() { echo "$private/redis-$1"; }
redis_socket() { echo "$(redis_dir "$1")/redis.sock"; }

redis_is_ready() { [ "$(redis-cli -s "$(redis_socket "$1")" ping 2>/dev/null)" = PONG ]; }

start_redis() {
    local dir
    dir=$(redis_dir "$1")
    [ -d "$dir" ] || mkdir -m 0700 "$dir"
    is_running redis ||
        start redis redis-server --port 0 --unixsocket "$(redis_socket "$1")" --unixsocketperm 700 --dir "$dir" \
            --appendonly yes --appendfsync everysec --save '' --maxmemory-policy noeviction --daemonize no
    if ! wait_until 60 ready_or_gone redis redis_is_ready "$1" || ! is_running redis; then
        show_log redis
        fail "Redis did not become ready"
    fi
}

verb_redis_cli() {
    need_window_running
    redis-cli -s "$(redis_socket "$window")" "$@"
}
