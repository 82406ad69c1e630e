# Breaking and mending the lab server.
# shellcheck shell=bash

verb_lab_set() {
    local from='' state='' i
    while [ $# -gt 0 ]; do
        case $1 in
            --from)
                [ $# -ge 2 ] || usage_error "./dev lab set [--from REGION] STATE"
                from=$2
                shift
                ;;
            --from=*) from=${1#*=} ;;
            -*) usage_error "lab set: unknown option: $1" ;;
            *)
                [ -z "$state" ] || usage_error "./dev lab set [--from REGION] STATE"
                state=$1
                ;;
        esac
        shift
    done
    [ -n "$state" ] || usage_error "./dev lab set [--from REGION] STATE"
    [[ $state =~ ^[a-z=0-9.-]{1,64}$ ]] || fail "unknown state: $state"
    local address=null
    if [ -n "$from" ]; then
        for i in "${!regions[@]}"; do
            if [ "${regions[i]}" = "$from" ]; then address="\"$(agent_address "$i")\""; fi
        done
        [ "$address" != null ] || fail "unknown region: $from (known: ${regions[*]})"
    fi
    is_running lab || fail "the lab server does not run: ./dev up"
    local answer
    # The lab answers when the state is in force.
    answer=$(curl --noproxy "*" -sS -m 15 -X PUT -H 'content-type: application/json' \
        -d "{\"state\": \"$state\", \"from\": $address}" "http://127.0.0.1:$lab_control_port/state" 2>&1) ||
        fail "the lab server does not answer: $answer"
    case $answer in
        '{"error":"'*)
            answer=${answer#'{"error":"'}
            fail "${answer%'"}'}"
            ;;
        *) echo "$answer" ;;
    esac
}
