#include "coordinator/app.hpp"
#include "coordinator/config.hpp"
#include "platform/crypto/core_dumps.hpp"
#include "platform/runtime/daemon.hpp"

int main(int argc, char** argv) {
    using namespace quorate;
    return run_daemon(
        argc, argv, {"quorate-coordinator", QUORATE_VERSION}, [](const std::string& file) {
            auto config = load_config(coordinator::config_schema(), file);
            return [config, file](DaemonContext& context) -> Task<> {
                if (config.secrets.set()) forbid_core_dumps();
                coordinator::App app{co_await asio::this_coro::executor, config, QUORATE_VERSION};
                context.on_reload([&app, file] { app.reload(file); });
                context.on_reasons([&app] { return app.readiness().reasons(); });
                co_await app.run();
            };
        });
}
