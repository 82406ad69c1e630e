#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/admin/admin_server.hpp"
#include "coordinator/catalog/apply.hpp"
#include "coordinator/planner/politeness.hpp"
#include "coordinator/secrets/wrapping_key.hpp"
#include "platform/config/schema.hpp"
#include "platform/heartbeat/settings.hpp"
#include "platform/redis/settings.hpp"

namespace quorate::coordinator {

/// The coordinator's config file; defaults are the initialisers.
struct Config {
    milliseconds window = std::chrono::seconds{60};
    std::uint32_t shards = 64;
    std::vector<std::string> regions;
    std::string name;  ///< empty: the host's name and `grpc_port`
    std::string postgres_conninfo;
    RedisSettings redis;
    PolitenessLimits politeness{100, 20, 10'000, 50'000};
    std::string grpc_address = "127.0.0.1";
    std::uint16_t grpc_port = 7443;
    AdminTls grpc_tls;
    std::vector<std::string> grpc_admins;
    double grpc_rate = 100;
    WrappingSource secrets;
    std::string health_address = "127.0.0.1";
    std::uint16_t health_port = 9101;
    HeartbeatSettings heartbeat;
    std::string log_level = "info";

    AccessOptions access() const { return {grpc_tls.on(), grpc_admins, grpc_rate}; }
    Deployment deployment() const { return {*Window::of(window), shards}; }
};

/// All keys; its types, bounds and texts are docs/configuration.md.
Schema<Config> config_schema();

}  // namespace quorate::coordinator
