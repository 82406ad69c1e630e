# What the machine needs: Debian's packages, Node, and the npm packages of the lab.
# shellcheck shell=bash

packages_build=(
    g++ cmake ninja-build ccache pkg-config python3 ca-certificates
    libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev
    libprotobuf-dev protobuf-compiler libgrpc++-dev protobuf-compiler-grpc libabsl-dev
    libspdlog-dev libfmt-dev libyaml-cpp-dev libcli11-dev prometheus-cpp-dev
    libsystemd-dev help2man dpkg-dev file
    libhiredis-dev libpqxx-dev libpq-dev libc-ares-dev libmimalloc-dev libgtest-dev libgmock-dev
    liblua5.1-0-dev
)
packages_run=(redis-server redis-tools postgresql-15 postgresql-client-15 openssl curl procps tzdata)
# ip and tc: the network namespaces of ./dev regions.
packages_regions=(iproute2)
# An authoritative name server, which the resolver's tests ask on loopback.
packages_test=(nsd)
# What the tests of deploy/ ask: Prometheus with promtool, the exporters that its configuration scrapes, YAML for Python (the
# system's, which is why these tests run by it), and binutils and dpkg, which tell what a program links; systemd-analyze, which
# reads the units (nothing of systemd is started), man, and strace, which sees what the units' filters of system calls must allow.
packages_deploy=(
    prometheus prometheus-blackbox-exporter prometheus-redis-exporter prometheus-postgres-exporter python3-yaml binutils
    systemd man-db strace
)
# llvm-16 has the symbolizer that makes a sanitizer's report readable.
packages_fuzz=(clang-16 libclang-rt-16-dev llvm-16)
packages_lint=(clang-format-14 clang-tidy-14 shellcheck git)

as_root() {
    if is_root; then run "$@"; else run sudo "$@"; fi
}

# Installs those that are missing, without recommends and without starting their services.
need_packages() {
    local missing=() package
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "missing packages: ${missing[*]} (only Debian 12 is supported)"
    is_root || command -v sudo >/dev/null || fail "missing packages: ${missing[*]} (run as root, or install sudo)"
    # apt's lists may be stale or absent; another apt may be at work, hence the bounded wait for its lock.
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q)
    as_root "${apt[@]}" update </dev/null >&2 || fail "apt-get update failed: see above"
    as_root sh "$repo/scripts/without-services.sh" "${apt[@]}" install -y --no-install-recommends "${missing[@]}" \
        </dev/null >&2 || fail "apt-get could not install: ${missing[*]}"
}

node_is_recent() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20' 2>/dev/null)" = true ]
}

# Puts a Node of version 20 or later onto PATH: the one found, else the Node 22 of scripts/node.
need_node() {
    if node_is_recent; then return; fi
    local folder
    for folder in "$node_dir"/node_modules/node-linux-*/bin; do PATH=$folder:$PATH; done
    hash -r
    if node_is_recent; then return; fi
    need_packages nodejs npm
    mkdir -p "$node_dir"
    cp "$repo"/scripts/node/{package.json,package-lock.json} "$node_dir/"
    run npm ci --prefix "$node_dir" --no-fund --no-audit --no-update-notifier --ignore-scripts </dev/null >&2 ||
        fail "npm could not install Node 22"
    for folder in "$node_dir"/node_modules/node-linux-*/bin; do PATH=$folder:$PATH; done
    hash -r
    node_is_recent || fail "Node 20 or later is needed, found $(node --version 2>&1)"
}

# Installs the npm packages of a folder of tests/support exactly as its lock file says; does nothing when they are there.
need_npm_packages_of() {
    need_node
    local folder=$repo/tests/support/$1 wanted stamp
    stamp=$folder/node_modules/.installed-from
    wanted=$(cat "$folder/package.json" "$folder/package-lock.json" | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
    run flock "$folder/package-lock.json" npm ci --prefix "$folder" --no-fund --no-audit --no-update-notifier --ignore-scripts </dev/null >&2 ||
        fail "npm could not install the packages of tests/support/$1"
    echo "$wanted" >"$stamp"
}

need_lab() { need_npm_packages_of lab; }

# What only the tests probe; the demo does without.
need_test_servers() { need_npm_packages_of servers; }
