# Shared by every piece of ./dev: where things are, how it talks, how it fails.
# shellcheck shell=bash disable=SC2034

run_dir=${QUORATE_RUN_DIR:-$repo/.run}
case $run_dir in /*) ;; *) run_dir=$PWD/$run_dir ;; esac
port_offset=${QUORATE_PORT_OFFSET:-0}
node_dir=$repo/.run/node # shared by all instances of a clone, as the build is

fail() {
    echo "dev: $*" >&2
    exit 1
}

usage_error() {
    echo "dev: $*" >&2
    usage >&2
    exit 2
}

note() { echo "dev: $*" >&2; }

# Prints a command, quoted where it needs to be.
show() { printf '+ %s\n' "${*@Q}" | sed "s/'\([A-Za-z0-9_.,:=/@%+-]\{1,\}\)'/\1/g" >&2; }

# Prints a command, then runs it.
run() {
    show "$@"
    "$@"
}

[[ $port_offset =~ ^[0-9]{1,5}$ ]] || fail "QUORATE_PORT_OFFSET is not a number: $port_offset"

is_root() { [ "$(id -u)" = 0 ]; }

# Polls until the command succeeds or the time is over; the caller says what that means.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}
