#include "cli/verbs/probe.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/verbs/probe_format.hpp"
#include "cli/verbs/probe_options.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/probe.hpp"
#include "probe/resolver.hpp"

namespace quorate::cli {
namespace {

constexpr std::size_t kProbesAtOnceMax = 32;

int exit_status_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::up:
            return 0;
        case Verdict::fail:
            return 1;
        case Verdict::slow:
        case Verdict::degraded:
        case Verdict::auth:
            return 3;
        case Verdict::unknown:
        case Verdict::maint:
            return 4;
    }
    return 4;
}

int worse(int left, int right) {
    static constexpr std::array kWorstFirst{1, 4, 3, 0};
    return *std::find_if(kWorstFirst.begin(), kWorstFirst.end(), [&](int status) {
        return status == left || status == right;
    });
}

void print_trace(const std::string& url, unsigned attempt, microseconds at, std::string_view line) {
    std::cerr << fmt::format(
        "{} attempt {} {:>9.3f} ms  {}\n", url, attempt, at.count() / 1000.0, line);
}

/// Prints reports in the order of the URLs, each as soon as all before it are there.
class Printer {
public:
    Printer(std::size_t count, bool as_json) : reports_(count), as_json_{as_json} {}

    void take(std::size_t index, ProbeReport report) {
        status_ = status_ ? worse(*status_, exit_status_of(report.verdict))
                          : exit_status_of(report.verdict);
        reports_[index] = std::move(report);
        for (; next_ < reports_.size() && reports_[next_]; ++next_) {
            if (as_json_)
                std::cout << to_json_line(*reports_[next_]) << std::endl;
            else
                std::cout << (next_ > 0 ? "\n" : "") << to_text(*reports_[next_]) << std::flush;
            reports_[next_]->tools.reset();  // printed; long lists of URLs should not pile up
        }
    }
    int status() const { return status_.value_or(0); }

private:
    std::vector<std::optional<ProbeReport>> reports_;
    std::size_t next_ = 0;
    std::optional<int> status_;
    bool as_json_;
};

Task<> probe_one(ProbeEngine& engine, Printer& printer, std::size_t index, ProbeRequest request) {
    auto report = co_await engine.probe(std::move(request));
    printer.take(index, std::move(report));
}

Task<> probe_all(ProbeEngine& engine, Printer& printer, std::vector<ProbeRequest> requests) {
    auto executor = co_await asio::this_coro::executor;
    TaskGroup group{executor, kProbesAtOnceMax};
    for (std::size_t i = 0; i < requests.size(); ++i) {
        co_await group.room();
        auto task = probe_one(engine, printer, i, std::move(requests[i]));
        group.spawn("probe", std::move(task));
    }
    co_await group.join();
}

int run(const ProbeOptions& options) {
    std::vector<ProbeRequest> requests;
    for (const auto& url : urls_of(options)) {
        auto request = request_of(options, url);
        if (options.trace)
            request.trace = [url](unsigned attempt, microseconds at, std::string_view line) {
                print_trace(url, attempt, at, line);
            };
        requests.push_back(std::move(request));
    }
    TlsContexts contexts;
    try {
        contexts.trusting(options.ca_file);
    } catch (const std::runtime_error& error) {
        throw CLI::ValidationError{"--ca-file", error.what()};
    }
    asio::io_context io{1};
    const SystemClock clock;
    const ResolverOptions from_system;
    Resolver resolver{io.get_executor(), from_system};
    ProbeEngine engine{clock, contexts, resolver};
    Printer printer{requests.size(), options.format == "json"};
    std::exception_ptr failure;
    auto all = probe_all(engine, printer, std::move(requests));
    asio::co_spawn(
        io, std::move(all), [&failure](std::exception_ptr thrown) { failure = std::move(thrown); });
    io.run();
    if (failure) std::rethrow_exception(failure);
    return printer.status();
}

}  // namespace

void add_probe_verb(CLI::App& app, Session& session) {
    auto* verb = app.add_subcommand("probe", "Looks at MCP servers from here, once");
    const auto options = std::make_shared<ProbeOptions>();
    declare(*verb, *options);
    verb->callback([options, verb, &session] {
        if (session.output == OutputFormat::json && verb->count("--format") == 0)
            options->format = "json";
        session.exit_status = run(*options);
    });
}

}  // namespace quorate::cli
