# Building through CMake presets, Ninja and ccache.
# shellcheck shell=bash

binaries=(quorate quorate-coordinator quorate-agent quorate-archiver)

# A clone in another folder hits the same cache entries: paths below the repository are hashed
# relative to it, and the compiler by its content.
export CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=$repo CCACHE_NOHASHDIR=1 CCACHE_COMPILERCHECK=content

# need_build PRESET [TARGET...]: configures when needed, builds the targets, or all.
need_build() {
    local preset=$1 target targets=()
    shift
    for target in "$@"; do targets+=(--target "$target"); done
    need_packages "${packages_build[@]}"
    if [ "$preset" = clang ]; then need_packages clang-16; fi
    if [ "$preset" = fuzz ]; then need_packages "${packages_fuzz[@]}"; fi
    [ -e "$repo/build/$preset/build.ninja" ] ||
        (cd "$repo" && run cmake --preset "$preset") >&2 || fail "configuring $preset failed: see above"
    # Two builds of one clone take turns: Ninja does not guard its folder.
    (cd "$repo" && run flock CMakePresets.json nice cmake --build --preset "$preset" "${targets[@]}") >&2 ||
        fail "building $preset failed: see above"
}

presets() { sed -n 's/.*"configurePreset": "\([a-z]*\)".*/\1/p' "$repo/CMakePresets.json" | paste -sd ' '; }

need_preset() {
    [[ " $(presets) " == *" $1 "* ]] || usage_error "unknown preset: $1 (known: $(presets))"
}

verb_build() {
    [ $# -le 1 ] || usage_error "./dev build [PRESET]"
    need_preset "${1:-release}"
    need_build "${1:-release}"
}

# The packages, of the release build.
verb_package() {
    [ $# = 0 ] || usage_error "./dev package"
    need_build release "${binaries[@]}" manual
    rm -rf "$repo/build/release/packages"
    (cd "$repo/build/release" && run cpack --config CPackConfig.cmake) >&2 || fail "cpack failed: see above"
    printf '%s\n' "$repo"/build/release/packages/*.deb
}
