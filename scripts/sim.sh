# The simulation: tests/simulation.
# shellcheck shell=bash

# ./dev sim [--seed N] [--count M] [--break NAME] [--trace] [--workers N]: builds it and runs so many seeds.
verb_sim() {
    need_build release quorate-simulation
    run "$repo/build/release/tests/quorate-simulation" "$@"
}
