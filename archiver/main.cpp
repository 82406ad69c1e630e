#include <algorithm>
#include <string_view>

#include <boost/asio/this_coro.hpp>

#include "archiver/app.hpp"
#include "platform/runtime/daemon.hpp"

int main(int argc, char** argv) {
    using namespace quorate;
    // The one flag that other daemons do not have.
    char** const end = std::remove(argv, argv + argc, std::string_view{"--migrate"});
    const bool migrating = end != argv + argc;
    argc = static_cast<int>(end - argv);
    return run_daemon(
        argc, argv, {"quorate-archiver", QUORATE_VERSION}, [migrating](const auto& file) {
            auto config = load_config(archiver_schema(), file);
            return [config, file, migrating](DaemonContext& context) -> Task<> {
                if (migrating) {
                    migrate_database(config);
                    co_return;
                }
                ArchiverApp app{config, co_await asio::this_coro::executor};
                context.on_reload([&app, file] { app.reload(file); });
                co_await app.run();
            };
        });
}
