#pragma once

#include <exception>
#include <string>

#include "platform/telemetry/log.hpp"

namespace quorate {

/// SIGHUP: takes the log level that `read_level` finds in the config file. If it throws, as a bad
/// file does, the old level stays and the log says why. Throws nothing.
template <class ReadLevel>
void reload_log_level(Logger& log, ReadLevel read_level) {
    try {
        const std::string level = read_level();
        log.set_level(log_level(level));
        log_event(log, LogLevel::info, "config.reloaded");
    } catch (const std::exception& error) {
        log_event(log, LogLevel::error, "config.refused", kv("detail", error.what()));
    }
}

}  // namespace quorate
