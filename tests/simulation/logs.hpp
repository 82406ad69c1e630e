#pragma once

#include <memory>

#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "platform/telemetry/log.hpp"
#include "tests/simulation/world.hpp"

namespace quorate::simulation {

/// Logs of daemons go nowhere, unless somebody wants to be told.
inline std::shared_ptr<spdlog::sinks::sink> log_sink(const World& world) {
    if (world.tells()) return std::make_shared<spdlog::sinks::stderr_sink_st>();
    return std::make_shared<spdlog::sinks::null_sink_st>();
}

inline LogLevel log_level_of(const World& world) {
    return world.tells() ? LogLevel::info : LogLevel::error;
}

}  // namespace quorate::simulation
