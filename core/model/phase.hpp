#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/enum_names.hpp"

namespace quorate {

/// A part of an attempt. The numbers are stored (cells in Redis and Postgres): append, never
/// renumber. `http` is only for failures before any MCP step can be named.
enum class Phase : std::uint8_t {
    config = 1,
    dns = 2,
    tcp = 3,
    tls = 4,
    http = 5,
    discover = 6,
    initialize = 7,
    initialized = 8,
    sse_open = 9,
    tools_list = 10,
    tools_call = 11,
    cleanup = 12,
};

inline constexpr std::array kPhaseNames{
    EnumName<Phase>{Phase::config, "config"},
    EnumName<Phase>{Phase::dns, "dns"},
    EnumName<Phase>{Phase::tcp, "tcp"},
    EnumName<Phase>{Phase::tls, "tls"},
    EnumName<Phase>{Phase::http, "http"},
    EnumName<Phase>{Phase::discover, "discover"},
    EnumName<Phase>{Phase::initialize, "initialize"},
    EnumName<Phase>{Phase::initialized, "initialized"},
    EnumName<Phase>{Phase::sse_open, "sse_open"},
    EnumName<Phase>{Phase::tools_list, "tools_list"},
    EnumName<Phase>{Phase::tools_call, "tools_call"},
    EnumName<Phase>{Phase::cleanup, "cleanup"},
};

constexpr std::string_view name_of(Phase phase) {
    return enum_name(kPhaseNames, phase);
}
constexpr std::optional<Phase> phase_named(std::string_view name) {
    return enum_value(kPhaseNames, name);
}

}  // namespace quorate
