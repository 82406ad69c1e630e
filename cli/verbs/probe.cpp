#include "cli/verbs/probe.hpp"

#include <csignal>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/atomic_file.hpp"
#include "cli/verbs/probe_manifest.hpp"
#include "cli/verbs/probe_options.hpp"
#include "cli/verbs/probe_printer.hpp"
#include "cli/verbs/probed_endpoints.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/probe.hpp"
#include "probe/resolver.hpp"
#include "probe/verdict.hpp"

namespace quorate::cli {
namespace {

constexpr std::size_t kProbesAtOnceMax = 32;

/// @param name  of one endpoint among several; empty where it is the only one
void print_trace(const std::string& name,
                 unsigned attempt,
                 microseconds at,
                 std::string_view line) {
    std::cerr << fmt::format("{}{}attempt {} {:>9.3f} ms  {}\n",
                             name,
                             name.empty() ? "" : " ",
                             attempt,
                             at.count() / 1000.0,
                             line);
}

/// What `--manifest` and `--write-manifest` need, made ready before anything is probed.
class ManifestGate {
public:
    ManifestGate(const ProbeOptions& options, std::vector<ProbedEndpoint>& endpoints) {
        const bool wanted = !options.manifest.empty() || !options.write_manifest.empty();
        if (!wanted) return;
        if (endpoints.size() > 1)
            throw CLI::ValidationError{"--manifest, --write-manifest", "need one URL, not several"};
        auto& request = endpoints.front().request;
        if (!options.manifest.empty()) {
            auto manifest = read_manifest(options.manifest, request);
            // A server of both eras is asked in the one that the manifest is of.
            if (request.era == EraMode::automatic) request.era_hint = manifest.era;
            ToolListBaseline baseline;
            baseline.era = manifest.era;
            baseline.tools = std::move(manifest.tools);
            request.baseline = std::make_shared<const ToolListBaseline>(std::move(baseline));
        }
        if (options.write_manifest.empty()) return;
        request.keep_tools = true;
        try {
            file_.emplace(options.write_manifest);
        } catch (const std::runtime_error& error) {
            throw CLI::ValidationError{"--write-manifest", error.what()};
        }
        path_ = options.write_manifest;
    }

    /// Writes the manifest where there is something to write.
    /// @return whether all is well
    bool write(const ProbeReport& report, const ProbeRequest& request) {
        if (!file_) return true;
        if (!report.tool_list || !report.era) {
            std::cerr << "quorate: " << path_ << " was not written: the list of tools "
                      << (report.list_has_credential ? "has a credential in it, which was sent\n"
                                                     : "did not come\n");
            return true;  // the verdict says why
        }
        try {
            file_->commit(cli::to_text(manifest_of(request, *report.era, *report.tool_list)));
        } catch (const std::runtime_error& error) {
            std::cerr << "quorate: " << error.what() << '\n';
            return false;
        }
        return true;
    }

private:
    std::optional<AtomicFile> file_;
    std::string path_;
};

/// One run of the verb.
struct Run {
    ProbeEngine& engine;
    ProbePrinter& printer;
    ManifestGate& gate;
    bool manifest_failed = false;
};

ProbeReport report_of_refusal(const ProbedEndpoint& endpoint, const Failure& why) {
    ProbeReport report;
    report.url = endpoint.request.url;
    conclude(report, endpoint.request, why, std::nullopt);
    return report;
}

Task<> probe_one(Run& run, const ProbedEndpoint& endpoint, std::size_t index) {
    co_await asio::this_coro::throw_if_cancelled(false);  // a probe that was stopped has a report
    ProbeReport report;
    if (endpoint.refused) {
        report = report_of_refusal(endpoint, *endpoint.refused);
    } else {
        auto request = endpoint.request;
        report = co_await run.engine.probe(std::move(request));
    }
    const bool written = run.gate.write(report, endpoint.request);
    run.manifest_failed = run.manifest_failed || !written;
    run.printer.take(index, std::move(report), endpoint.request);
}

/// Cancelled (the group, not the task), it tells of the endpoints that had no turn yet too.
Task<> probe_all(Run& run, TaskGroup& group, const std::vector<ProbedEndpoint>& endpoints) {
    std::size_t started = 0;
    while (started < endpoints.size()) {
        co_await group.room();
        if (group.cancelled()) break;
        auto task = probe_one(run, endpoints[started], started);
        group.spawn("probe", std::move(task));
        ++started;
    }
    co_await group.join();
    for (; started < endpoints.size(); ++started) {
        const Failure stopped{Phase::config, Reason::aborted, "Stopped before its turn came"};
        const auto& endpoint = endpoints[started];
        run.printer.take(started, report_of_refusal(endpoint, stopped), endpoint.request);
    }
}

/// Runs all probes to their ends. The first signal to stop has them end their sessions and report;
/// the second one ends the process.
void run_all(asio::io_context& io, Run& run, const std::vector<ProbedEndpoint>& endpoints) {
    TaskGroup group{io.get_executor(), kProbesAtOnceMax};
    asio::signal_set signals{io, SIGINT, SIGTERM, SIGHUP};
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (error) return;
        signals.clear();
        group.cancel();
    });
    std::exception_ptr failure;
    auto all = probe_all(run, group, endpoints);
    asio::co_spawn(io, std::move(all), [&](std::exception_ptr thrown) {
        failure = std::move(thrown);
        signals.cancel();
    });
    io.run();
    if (failure) std::rethrow_exception(failure);
}

/// Probes all endpoints on one loop. @return the exit status
int probe_endpoints(const ProbeOptions& options,
                    OutputFormat format,
                    TlsContexts& contexts,
                    ManifestGate& gate,
                    const std::vector<ProbedEndpoint>& endpoints) {
    asio::io_context io{1};
    const SystemClock clock;
    const ResolverOptions from_system;
    Resolver resolver{io.get_executor(), clock, from_system};
    ProbeEngineOptions of_this_program;
    of_this_program.user_agent = "quorate/" QUORATE_VERSION;
    of_this_program.client_version = QUORATE_VERSION;
    ProbeEngine engine{clock, contexts, resolver, std::move(of_this_program)};
    std::vector<std::string> names;
    for (const auto& endpoint : endpoints)
        names.push_back(endpoint.name);
    // The lines of a trace would tear it apart.
    const bool shows_progress = ::isatty(STDERR_FILENO) != 0 && !options.trace;
    ProbePrinter printer{std::move(names),
                         format,
                         style_of_stdout(),
                         std::cout,
                         shows_progress ? &std::cerr : nullptr};
    Run run{engine, printer, gate};
    run_all(io, run, endpoints);
    printer.finish();
    const int status = printer.status();
    return run.manifest_failed ? worse_status(status, exit_status_of(Verdict::unknown)) : status;
}

int run(const ProbeOptions& options, OutputFormat format) {
    auto endpoints = endpoints_of(options);
    TlsContexts contexts;
    try {
        contexts.trusting(options.ca_file);
    } catch (const std::runtime_error& error) {
        throw CLI::ValidationError{"--ca-file", error.what()};
    }
    ManifestGate gate{options, endpoints};
    for (auto& endpoint : endpoints) {
        if (!options.trace) break;
        // The query of a URL may hold a key.
        auto name = endpoints.size() > 1 ? endpoint.name.substr(0, endpoint.name.find('?')) : "";
        endpoint.request.trace = [name = std::move(name)](
                                     unsigned attempt, microseconds at, std::string_view line) {
            print_trace(name, attempt, at, line);
        };
    }
    return probe_endpoints(options, format, contexts, gate, endpoints);
}

}  // namespace

void add_probe_verb(CLI::App& app, Session& session) {
    auto* verb = app.add_subcommand("probe", "Looks at MCP servers from here, once");
    const auto options = std::make_shared<ProbeOptions>();
    declare(*verb, *options);
    verb->callback([options, verb, &session] {
        note_given(*verb, *options);
        // --format is this verb's own, and comes before what all verbs have.
        auto format = session.output;
        if (verb->count("--format") > 0)
            format = options->format == "json" ? OutputFormat::json : OutputFormat::table;
        session.exit_status = run(*options, format);
    });
}

}  // namespace quorate::cli
