# Network namespaces that stand for places, and the links between them: everything that ./dev does with `ip` and `tc` stands here.
# Nothing of the machine's own network is touched: all devices are made inside the namespaces, and none leads out of them.
# shellcheck shell=bash

netns_prefix=quorate-$port_offset # of their names: an instance by its offset
core_address=10.90.0.1
endpoints_address=10.90.0.2
rtts_ms=(20 70 90 220 150) # of the regions, in their order, to the core and to the endpoints
loss_percent=0.1           # of the packets, each way
paths=(core endpoints)     # a region has a link to each of them: devices `core` and `endpoints` there, and one of its name here

netns_of() { echo "$netns_prefix-$1"; }
places() { printf '%s\n' "${paths[@]}" "${regions[@]}"; }
in_place() { ip netns exec "$(netns_of "$1")" "${@:2}"; }
ip_at() { ip -n "$(netns_of "$1")" "${@:2}"; }

region_number() { # REGION
    local i
    for i in "${!regions[@]}"; do
        if [ "${regions[i]}" = "$1" ]; then
            echo "$i"
            return
        fi
    done
    fail "unknown region: $1 (known: ${regions[*]})"
}
region_address() { echo "10.90.0.$((11 + $1))"; } # NUMBER
address_at() { if [ "$1" = core ]; then echo "$core_address"; else echo "$endpoints_address"; fi; }

# ---- namespaces

# Says in one line why there can be none.
need_namespaces() {
    is_root || fail "regions: network namespaces need root: run it as root"
    local probe why
    probe=$(netns_of probe)
    ip netns del "$probe" 2>/dev/null || true
    why=$(ip netns add "$probe" 2>&1 && ip netns exec "$probe" ip link set lo up 2>&1) || {
        ip netns del "$probe" 2>/dev/null || true
        fail "regions: network namespaces are not permitted here: $(head -n 1 <<<"$why")"
    }
    # What delays and loses packets: the kernel, or a relay of ours.
    network=relay
    if ip netns exec "$probe" tc qdisc add dev lo root netem delay 1ms 2>/dev/null; then network=netem; fi
    ip netns del "$probe"
}

namespace_exists() { [ -e "/run/netns/$(netns_of "$1")" ]; }

# Another folder with the same offset may have some; those are not touched.
namespaces_are_ours() { [ -e "$run_dir/namespaces" ]; }

any_namespace_exists() {
    local place
    for place in $(places); do if namespace_exists "$place"; then return 0; fi; done
    return 1
}

make_namespaces() {
    local place
    echo "$netns_prefix" >"$run_dir/namespaces"
    for place in $(places); do
        run ip netns add "$(netns_of "$place")"
        ip_at "$place" link set lo up
    done
    # An address of its own, which does not go when a link does.
    for place in "${paths[@]}"; do ip_at "$place" addr add "$(address_at "$place")/32" dev lo; done
}

# What still runs in them is what somebody started by hand in our namespaces.
remove_namespaces() {
    local place pid
    namespaces_are_ours || return 0
    for place in $(places); do
        namespace_exists "$place" || continue
        for pid in $(ip netns pids "$(netns_of "$place")"); do
            note "ends what still runs in $(netns_of "$place"): pid $pid ($(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null))"
            kill -KILL "$pid" 2>/dev/null || true
        done
        run ip netns del "$(netns_of "$place")"
    done
    rm -f "$run_dir/namespaces"
}

# ---- links

links_file() { echo "$run_dir/links"; }
links_status() { echo "$run_dir/links.status"; }

# The file that the relay reads and that `regions status` shows; packet_relay's README has its format.
write_links() {
    local i path region
    for i in "${!regions[@]}"; do
        region=${regions[i]}
        for path in "${paths[@]}"; do
            echo "$region.$path $(netns_of "$region") $path $(netns_of "$path") $region ${rtts_ms[i]} $loss_percent"
        done
    done >"$(links_file)"
}

rtt_of() { awk -v name="$1.$2" '$1 == name { print $6 }' "$(links_file)"; } # REGION PATH

make_links() {
    write_links
    if [ "$network" = netem ]; then make_veths; else start_relay; fi
    local i path region
    for i in "${!regions[@]}"; do
        region=${regions[i]}
        for path in "${paths[@]}"; do
            ip_at "$region" addr add "$(region_address "$i")" peer "$(address_at "$path")" dev "$path"
            ip_at "$path" addr add "$(address_at "$path")" peer "$(region_address "$i")" dev "$region"
            ip_at "$region" link set "$path" up
            ip_at "$path" link set "$region" up
            # Else a cut would end in `No route to host`, by ARP, rather than in silence.
            [ "$network" = relay ] || ip_at "$region" neigh replace "$(address_at "$path")" lladdr $far_mac dev "$path" nud permanent
        done
    done
    note "links by $network: $(for i in "${!regions[@]}"; do printf '%s %s ms, ' "${regions[i]}" "${rtts_ms[i]}"; done)$loss_percent % loss each way"
}

far_mac=02:00:00:00:00:01 # of the far end of each link: there is one at the other end of each

make_veths() {
    local region path
    for region in "${regions[@]}"; do
        for path in "${paths[@]}"; do
            ip_at "$region" link add name "$path" type veth peer name "$region" address $far_mac netns "$(netns_of "$path")"
            netem add "$region" "$path" "$(rtt_of "$region" "$path")"
        done
    done
}

netem() { # add|change REGION PATH RTT_MS: half of it on either side
    local how=("$1" dev)
    local with=(root netem delay "$(awk -v rtt="$4" 'BEGIN { printf "%.3f", rtt / 2 }')ms" loss "$loss_percent%" limit 20000)
    in_place "$2" tc qdisc "${how[@]}" "$3" "${with[@]}"
    in_place "$3" tc qdisc "${how[@]}" "$2" "${with[@]}"
}

start_relay() {
    rm -f "$(links_status)"
    start relay "$repo/build/release/tests/packet_relay" "$(links_file)" "$(links_status)"
    wait_until 10 ready_or_gone relay test -e "$(links_status)" || true
    [ -e "$(links_status)" ] && is_running relay || { show_log relay 1; fail "the relay did not start"; }
}

relay_generation() { awk 'NR == 1 { print $2 }' "$(links_status)"; }
relay_has_followed() { [ "$(relay_generation)" != "$1" ]; } # GENERATION_BEFORE

# Gives a path another round trip; returns when it is in force.
set_rtt() { # REGION PATH RTT_MS
    local before
    awk -v name="$1.$2" -v rtt="$3" '$1 == name { $6 = rtt } { print }' "$(links_file)" >"$(links_file).new"
    mv "$(links_file).new" "$(links_file)"
    if [ "$network" = netem ]; then
        netem change "$1" "$2" "$3"
    else
        before=$(relay_generation)
        run kill -HUP "$(running_pid relay)"
        wait_until 10 relay_has_followed "$before" || { show_log relay 1; fail "the relay did not follow"; }
    fi
}

# The far end of the link goes down: the region sees silence, as with a cable that is cut somewhere on the way.
cut_link() { run ip -n "$(netns_of "$2")" link set "$1" down; }  # REGION PATH
heal_link() { run ip -n "$(netns_of "$2")" link set "$1" up; }   # REGION PATH
is_cut() { [[ $(ip_at "$2" -o link show dev "$1") != *[\<,]UP[,\>]* ]]; } # REGION PATH
