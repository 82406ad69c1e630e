// The reference client of `./dev bench probe`; prints one JSON object.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>

#include <CLI/CLI.hpp>

#include "tests/bench/probe/raw_client.hpp"

namespace {

std::string read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

int main(int argc, char** argv) try {
    quorate::bench::RawOptions options;
    std::vector<std::string> request_files;
    CLI::App app{
        "Sends the requests of FILE... over one connection each, as cheaply as it can be done"};
    app.add_option("--port", options.port, "of the target")->required();
    app.add_option("--addresses", options.addresses, "how many, from 127.0.1.1 on");
    app.add_option("--request", request_files, "files, one request each")
        ->required()
        ->check(CLI::ExistingFile);
    app.add_option("--ca-file", options.ca_file, "PEM; without it plain HTTP");
    app.add_option("--host", options.host, "verified, and sent as SNI");
    app.add_option("--in-flight", options.in_flight, "probes at once");
    app.add_option("--rate", options.rate, "probes per second, open loop");
    app.add_option("--seconds", options.seconds, "to measure, after half a second of warm-up");
    CLI11_PARSE(app, argc, argv);
    for (const auto& path : request_files)
        options.requests.push_back(read_file(path));
    quorate::bench::raise_descriptor_limit();
    quorate::bench::RawClient client{std::move(options)};
    std::puts(client.run().json().c_str());
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_probe_raw: %s\n", error.what());
    return 1;
}
