# The live table of ./dev up.
# shellcheck shell=bash

# Until Ctrl-C, which ends the table and leaves the rest running.
show_table() {
    trap 'echo; note "still running; ./dev down stops it"; exit 0' INT
    "$(bin quorate)" get --watch --server "127.0.0.1:$grpc_port" || fail "the table has ended: ./dev status"
}
