#include <boost/asio/this_coro.hpp>

#include "platform/crypto/core_dumps.hpp"
#include "platform/runtime/daemon.hpp"
#include "region-agent/app.hpp"
#include "region-agent/config.hpp"
#include "region-agent/selfcheck/descriptors.hpp"

int main(int argc, char** argv) {
    using namespace quorate;
    return run_daemon(argc, argv, {"quorate-agent", QUORATE_VERSION}, [](const std::string& file) {
        auto config = load_config(agent::config_schema(), file);
        agent::raise_descriptor_limit();
        return [config, file](DaemonContext& context) -> Task<> {
            if (!config.credential_keys.empty()) forbid_core_dumps();
            const auto executor = co_await asio::this_coro::executor;
            agent::App app{executor, config, QUORATE_VERSION};
            context.on_reload([&app, file] { app.reload(file); });
            context.on_reasons([&app] { return app.readiness().reasons(); });
            co_await app.run();
        };
    });
}
