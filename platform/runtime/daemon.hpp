#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/runtime/task.hpp"

namespace quorate {

struct DaemonInfo {
    std::string name;  // as in `--version` and in error lines
    std::string version;
};

/// What a daemon's body gets from `run_daemon`.
class DaemonContext {
public:
    /// Sets what SIGHUP does from now on; nothing by default. Runs on the daemon's executor.
    void on_reload(std::function<void()> callback) { on_reload_ = std::move(callback); }
    void reload() const {
        if (on_reload_) on_reload_();
    }

    /// Says from now on why the daemon is not ready, for the service manager. Likewise.
    void on_reasons(std::function<std::vector<std::string>()> callback) {
        on_reasons_ = std::move(callback);
    }
    /// Nothing: the body has not come so far.
    std::optional<std::vector<std::string>> reasons() const {
        if (!on_reasons_) return std::nullopt;
        return on_reasons_();
    }

private:
    std::function<void()> on_reload_;
    std::function<std::vector<std::string>()> on_reasons_;
};

/// The body of a daemon: runs until it is cancelled (SIGTERM, SIGINT), drains, ends.
using Serve = std::function<Task<>(DaemonContext&)>;

/// Reads and checks the config file and returns the body. Throws to refuse; `what()` is shown.
using Load = std::function<Serve(const std::string& config_file)>;

/// A flag of one daemon alone that makes it do something once, in place of running.
struct DaemonOrder {
    std::string flag;  // `--migrate`
    std::string text;  // for `--help`
    /// Throws to say that it failed; `what()` is shown.
    std::function<void(const std::string& config_file)> carry_out;
};

/// The whole of a `main`: understands `--config FILE`, `--check-config` and `--version`, loads, and
/// runs the body on this thread until it ends or SIGTERM or SIGINT cancels it. A second such signal
/// ends the process at once. A service manager that listens learns of all this: ServiceManager.
/// What the body gives to its context may refer to what ends with the body. The body finds its
/// executor with `asio::this_coro::executor`.
/// @code
///     int main(int argc, char** argv) {
///         return quorate::run_daemon(argc, argv, {"quorate-agent", kVersion}, [](const auto& file)
///         {
///             auto config = load_config(agent_schema(), file);
///             return [config](DaemonContext& context) -> Task<> {
///                 App app{config, context};
///                 co_await app.run();
///             };
///         });
///     }
/// @endcode
/// @param orders further flags; each excludes the others and `--check-config`.
/// @return the exit code: 0 the body or order ended or the config is good, 1 the config was refused
///     or the body or order failed (its message is on stderr), 2 wrong usage.
int run_daemon(int argc,
               char** argv,
               const DaemonInfo& info,
               const Load& load,
               const std::vector<DaemonOrder>& orders = {});

}  // namespace quorate
