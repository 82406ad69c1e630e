#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "platform/config/schema.hpp"
#include "platform/redis/settings.hpp"

namespace quorate::agent {

/// The agent's config file; defaults are the initialisers.
struct Config {
    std::string region;
    std::string name;
    RedisSettings redis;
    std::uint32_t concurrency = 2000;
    double tenant_share = 0.75;
    double load_max = 0.6;
    std::string bind_address;
    std::vector<std::string> name_servers;
    std::vector<std::string> landmarks;
    std::chrono::milliseconds self_check_every{std::chrono::seconds{15}};
    std::filesystem::path ca_file;
    bool allow_private_addresses = false;
    std::string contact_url;
    std::vector<std::string> credential_keys;
    std::filesystem::path spool_directory;
    std::uint64_t spool_bytes_max = std::uint64_t{256} << 20U;
    std::chrono::milliseconds cells_expire_after{std::chrono::hours{96}};
    std::string health_address = "127.0.0.1";
    std::uint16_t health_port = 9102;
    std::string log_level = "info";
};

/// All keys; its types, bounds and texts are docs/configuration.md.
Schema<Config> config_schema();

}  // namespace quorate::agent
