#pragma once

#include <cstdint>
#include <string>

#include "archiver/retention/retention_settings.hpp"
#include "core/time/utc_minute.hpp"
#include "platform/config/schema.hpp"
#include "platform/heartbeat/settings.hpp"
#include "platform/redis/settings.hpp"

namespace quorate {

/// What the archiver's YAML file says; the initialisers are the defaults.
struct ArchiverConfig {
    std::string name;
    milliseconds window{60'000};
    std::string log_level = "info";
    std::string health_address = "127.0.0.1";
    std::uint16_t health_port = 9103;
    RedisSettings redis;
    std::string postgres_conninfo;
    std::uint32_t shards = 64;
    milliseconds rollup_every{15'000};
    milliseconds compact_after{48 * 3'600'000};
    RetentionSettings retention;
    HeartbeatSettings heartbeat;
};

/// The table of all keys.
Schema<ArchiverConfig> archiver_schema();

/// The window of a config that passed the schema's check.
Window window_of(const ArchiverConfig& config);

}  // namespace quorate
