// The probe engine under load, for `./dev bench probe`; prints one JSON object.
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>

#include "tests/bench/probe/engine_bench.hpp"

int main(int argc, char** argv) try {
    using namespace quorate::bench;
    TargetOptions target;
    LoadOptions load;
    HangOptions hang;
    bool legacy = false;
    long timeout_ms = 8000;
    CLI::App app{"Runs ProbeEngine on one thread and measures it"};
    app.require_subcommand(1);
    app.add_option("--url", target.url, "of the target")->required();
    app.add_option("--addresses", target.addresses, "how many, in turn");
    app.add_option("--network", target.network, "of the addresses, such as 127.0.1");
    app.add_flag("--legacy", legacy, "the era known from the last look; without it, modern");
    app.add_option("--ca-file", target.ca_file, "PEM, beside the system's authorities");
    app.add_option("--timeout-ms", timeout_ms, "of one probe");
    app.add_subcommand("once", "one healthy probe");
    auto* loaded = app.add_subcommand("load", "healthy probes, measured after half a second");
    loaded->add_option("--in-flight", load.in_flight, "probes at once");
    loaded->add_option("--rate", load.rate, "probes per second, open loop");
    loaded->add_option("--seconds", load.seconds, "to measure");
    auto* hanging = app.add_subcommand("hang", "probes that run into their timeout");
    hanging->add_option("--in-flight", hang.in_flight, "probes at once");
    hanging->add_option("--rate", hang.rate, "probes started per second");
    CLI11_PARSE(app, argc, argv);
    if (legacy) target.era = quorate::Era::legacy;
    target.timeout = quorate::milliseconds{timeout_ms};
    raise_descriptor_limit();
    EngineBench bench{target};
    if (app.got_subcommand(loaded)) {
        std::puts(bench.load(load).json().c_str());
    } else if (app.got_subcommand(hanging)) {
        std::puts(bench.hang(hang).json().c_str());
    } else {
        bench.probe_once();
    }
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_probe_engine: %s\n", error.what());
    return 1;
}
