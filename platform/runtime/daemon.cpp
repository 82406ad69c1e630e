#include "platform/runtime/daemon.hpp"

#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <CLI/CLI.hpp>

#include "platform/runtime/clock.hpp"
#include "platform/runtime/service_manager.hpp"
#include "platform/runtime/signals.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate {
namespace {

/// The first signal asks the body to stop, the second one ends the process.
Task<> stop_on_signal(Signals& signals,
                      TaskGroup& body,
                      const DaemonContext& context,
                      ServiceManager& manager) {
    std::function<void()> reload = [&] { manager.reload([&context] { context.reload(); }); };
    co_await signals.stop(std::move(reload));
    manager.stopping();
    body.cancel();
    std::function<void()> ignore;
    const int again = co_await signals.stop(std::move(ignore));
    std::_Exit(128 + again);
}

/// The context outlives the body, so what the body gave it goes when the body does.
Task<> run_body(const Serve& serve, DaemonContext& context) {
    struct Forget {
        DaemonContext& context;
        ~Forget() { context = DaemonContext{}; }
    };
    const Forget forget{context};
    co_await serve(context);
}

Task<> supervise(const Serve& serve) {
    auto executor = co_await asio::this_coro::executor;
    const SystemClock clock;
    DaemonContext context;
    ServiceManager manager{clock};
    Signals signals{executor};
    TaskGroup body{executor, 1};
    TaskGroup watch{executor, 2};
    body.spawn("serve", run_body(serve, context));
    watch.spawn("signals", stop_on_signal(signals, body, context, manager));
    auto reasons = [&context] { return context.reasons(); };
    watch.spawn("service manager", manager.watch(std::move(reasons)));
    std::exception_ptr failure;
    try {
        co_await body.join();
    } catch (...) {
        failure = std::current_exception();
    }
    watch.cancel();
    co_await watch.join();
    if (failure) std::rethrow_exception(failure);
}

/// Runs the body to its end; throws what it threw.
void run_to_end(const Serve& serve) {
    asio::io_context io{1};
    std::exception_ptr failure;
    asio::co_spawn(io, supervise(serve), [&failure](std::exception_ptr thrown) {
        failure = std::move(thrown);
    });
    io.run();
    if (failure) std::rethrow_exception(failure);
}

struct Options {
    std::string config_file;
    bool check_config = false;
    const DaemonOrder* order = nullptr;
};

/// The options, or the exit code of a command line that asks for help or is wrong.
std::optional<Options> parse(int argc,
                             char** argv,
                             const DaemonInfo& info,
                             const std::vector<DaemonOrder>& orders,
                             int& exit_code) {
    Options options;
    CLI::App app{"", info.name};
    app.add_option("--config", options.config_file, "the YAML file to load")
        ->type_name("FILE")
        ->required();
    std::vector<CLI::Option*> exclusive{
        app.add_flag("--check-config", options.check_config, "load the file, report and exit")};
    for (const auto& order : orders) {
        auto* flag = app.add_flag_callback(
            order.flag, [&options, &order] { options.order = &order; }, order.text);
        for (auto* other : exclusive)
            flag->excludes(other);
        exclusive.push_back(flag);
    }
    app.set_version_flag("--version", info.name + " " + info.version);
    try {
        app.parse(argc, argv);
        return options;
    } catch (const CLI::ParseError& error) {
        exit_code = app.exit(error) == 0 ? 0 : 2;
        return std::nullopt;
    }
}

}  // namespace

int run_daemon(int argc,
               char** argv,
               const DaemonInfo& info,
               const Load& load,
               const std::vector<DaemonOrder>& orders) {
    int exit_code = 0;
    const auto options = parse(argc, argv, info, orders, exit_code);
    if (!options) return exit_code;
    try {
        if (options->order != nullptr) {
            options->order->carry_out(options->config_file);
            return 0;
        }
        const auto serve = load(options->config_file);
        if (options->check_config) {
            std::cout << options->config_file << ": ok\n";
            return 0;
        }
        run_to_end(serve);
        return 0;
    } catch (const std::exception& error) {
        std::cerr << info.name << ": " << error.what() << '\n';
        return 1;
    }
}

}  // namespace quorate
