#pragma once

#include <exception>
#include <string>

#include <fmt/format.h>

#include "platform/telemetry/log.hpp"

namespace quorate {

/// SIGHUP: reads the config file anew, takes into `running` what may change while the daemon runs
/// (`take_live` of platform/config), and has it applied. A bad file changes nothing, and the log
/// says why. Throws nothing.
/// @param apply called with the names of the keys that count from the next start on
template <class Schema, class Config, class Apply>
void reload_config(
    Logger& log, const Schema& schema, const std::string& file, Config& running, Apply apply) {
    try {
        const auto changed = take_live(schema, load_config(schema, file), running, file);
        log.set_level(log_level(running.log_level));
        apply(changed.restart);
        log_event(log,
                  changed.restart.empty() ? LogLevel::info : LogLevel::warn,
                  "config.reloaded",
                  kv("changed", fmt::format("{}", fmt::join(changed.live, " "))),
                  kv("restart_needed", fmt::format("{}", fmt::join(changed.restart, " "))));
    } catch (const std::exception& error) {
        log_event(log, LogLevel::error, "config.refused", kv("detail", error.what()));
    }
}

}  // namespace quorate
