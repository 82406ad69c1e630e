#include "platform/postgres/deployment.hpp"

#include <fmt/format.h>

namespace quorate {

void settle_deployment(pqxx::work& work, Window window, std::uint32_t shards) {
    work.exec_params0(
        "INSERT INTO quorate.deployment (window_ms, shards) VALUES ($1, $2)"
        " ON CONFLICT DO NOTHING",
        window.length().count(),
        shards);
    const auto row = work.exec1("SELECT window_ms, shards FROM quorate.deployment");
    const milliseconds settled{row[0].as<std::int64_t>()};
    const auto settled_shards = row[1].as<std::uint32_t>();
    if (settled != window.length())
        throw DeploymentMismatch{fmt::format(
            "window is {} in the config, but this database was set up with {}, which is fixed",
            to_duration_text(window.length()),
            to_duration_text(settled))};
    if (settled_shards != shards)
        throw DeploymentMismatch{fmt::format(
            "shards is {} in the config, but this database was set up with {}, which is fixed",
            shards,
            settled_shards)};
}

}  // namespace quorate
