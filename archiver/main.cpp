#include <boost/asio/this_coro.hpp>

#include "archiver/app.hpp"
#include "platform/runtime/daemon.hpp"

int main(int argc, char** argv) {
    using namespace quorate;
    const auto load = [](const std::string& file) -> Serve {
        auto config = load_config(archiver_schema(), file);
        return [config, file](DaemonContext& context) -> Task<> {
            ArchiverApp app{config, co_await asio::this_coro::executor, QUORATE_VERSION};
            context.on_reload([&app, file] { app.reload(file); });
            context.on_reasons([&app] { return app.readiness().reasons(); });
            co_await app.run();
        };
    };
    const DaemonOrder migrate{
        "--migrate",
        "bring the database up to this program's schema, say so, and exit",
        [](const auto& file) { migrate_database(load_config(archiver_schema(), file)); }};
    const DaemonOrder retention{
        "--retention",
        "say which months of minutes could be dropped and what that would free, and exit",
        [](const auto& file) { show_partitions(load_config(archiver_schema(), file)); }};
    const DaemonOrder drop{"--drop-partitions", "drop those, and exit", [](const auto& file) {
                               drop_partitions(load_config(archiver_schema(), file));
                           }};
    return run_daemon(
        argc, argv, {"quorate-archiver", QUORATE_VERSION}, load, {migrate, retention, drop});
}
