# Processes that ./dev starts: each has a pid file, a log file, and is ended by its recorded pid alone.
# shellcheck shell=bash

socket_tables=(/proc/net/tcp /proc/net/tcp6)
pid_dir=$run_dir/pids
log_dir=$run_dir/logs
log_bytes_max=$((64 * 1024 * 1024))
started_now=() # by this call: what a failure takes down again
start_prefix=() # put before each command: a program that becomes it, somewhere else

# The kernel's start time of a process, which tells it from a later one with the same pid.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# Prints the pid when the process of that name runs and is still the one that was started.
running_pid() {
    local pid started
    read -r pid started 2>/dev/null <"$pid_dir/$1" || return 1
    [ -n "$started" ] && [ "$(start_time "$pid")" = "$started" ] || return 1
    [ "$(sed 's/.*) //' "/proc/$pid/stat" | cut -c1)" != Z ] || return 1
    echo "$pid"
}

is_running() { running_pid "$1" >/dev/null; }

# start NAME COMMAND...: in the background, in a session of its own, output into the log.
start() {
    local name=$1 log=$log_dir/$1.log pid
    shift
    set -- "${start_prefix[@]}" "$@"
    mkdir -p "$pid_dir" "$log_dir"
    if [ -e "$log" ] && [ "$(stat -c %s "$log")" -gt $log_bytes_max ]; then mv "$log" "$log.old"; fi
    show "$@"
    (exec setsid "$@" </dev/null >>"$log" 2>&1 9>&-) & # setsid becomes the command: one pid for both
    pid=$!
    echo "$pid $(start_time "$pid")" >"$pid_dir/$name"
    started_now=("$name" "${started_now[@]}")
}

stop_seconds=25 # a daemon drains for 20 s at most

# The signal by which a process ends in an orderly way; Postgres: end sessions and shut down.
stop_signal() {
    case $1 in
        postgres | drill-postgres | drill-wal) echo INT ;;
        *) echo TERM ;;
    esac
}

# stop NAME: signal, wait, then SIGKILL, always to the recorded process. @return as await_end
stop() {
    local pid
    if pid=$(running_pid "$1"); then run kill "-$(stop_signal "$1")" "$pid" || true; fi
    await_end "$1"
}

# For a process that was told to end. @return 1 where it had to be killed.
await_end() {
    local name=$1 pid status=0
    if pid=$(running_pid "$name") && ! wait_until $stop_seconds has_ended "$name"; then
        note "$name did not end within $stop_seconds s"
        run kill -KILL "$pid" || true
        wait_until 10 has_ended "$name" || fail "$name (pid $pid) does not end"
        status=1
    fi
    rm -f "$pid_dir/$name"
    return $status
}

# For wait_until: the command succeeds, or the process NAME has ended.
ready_or_gone() { # NAME COMMAND...
    is_running "$1" || return 0
    "${@:2}"
}

# stop_together NAME...: all at once, since each may drain for a while. @return 1 where one had to be killed.
stop_together() {
    local name pid status=0
    for name; do
        if pid=$(running_pid "$name"); then run kill "-$(stop_signal "$name")" "$pid" || true; fi
    done
    for name; do await_end "$name" || status=1; done
    return $status
}

has_ended() { ! is_running "$1"; }

# The program file was replaced by a later build.
is_outdated() { [[ $(readlink "/proc/$(running_pid "$1")/exe") == *' (deleted)' ]]; }

# The last lines of a log, for a failure's message.
show_log() {
    echo "--- last lines of $log_dir/$1.log" >&2
    tail -n "${2:-15}" "$log_dir/$1.log" >&2 || true
}

# Port numbers that something listens on, on an address that would clash with 127.0.0.1.
listening_ports() {
    local table
    for table in "${socket_tables[@]}"; do
        if [ -e "$table" ]; then cat "$table"; fi # there is none of tcp6 where IPv6 is off
    done | awk '$4 == "0A" { split($2, at, ":"); if (at[1] ~ /^(0100007F|0+|0000000000000000FFFF00000100007F)$/) print at[2] }' |
        while read -r hex; do echo $((16#$hex)); done
}

# fail_when_in_use PORT=WHAT...: names the first port that is taken.
fail_when_in_use() {
    local taken entry
    taken=" $(listening_ports | paste -sd ' ') "
    for entry in "$@"; do
        [[ $taken != *" ${entry%%=*} "* ]] ||
            fail "port ${entry%%=*} is in use (wanted for ${entry#*=}); end what holds it or set QUORATE_PORT_OFFSET"
    done
}

verb_logs() {
    [ $# -le 1 ] || usage_error "./dev logs [NAME]"
    [ -d "$log_dir" ] || fail "no logs yet: ./dev up"
    if [ $# = 1 ]; then
        [ -e "$log_dir/$1.log" ] ||
            fail "no log of $1 (there are: $(basename -as .log "$log_dir"/*.log | paste -sd ' '))"
        if [ -t 1 ]; then run tail -n 200 -F "$log_dir/$1.log"; else cat "$log_dir/$1.log"; fi
    else
        tail -n 10 "$log_dir"/*.log
    fi
}
