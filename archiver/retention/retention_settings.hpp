#pragma once

#include <algorithm>
#include <chrono>

#include "core/time/time.hpp"

namespace quorate {

/// How long what is kept, counted back from now.
struct RetentionSettings {
    milliseconds free{std::chrono::hours{30 * 24}};         ///< minutes and hours of this tier
    milliseconds team{std::chrono::hours{90 * 24}};         ///< likewise
    milliseconds enterprise{std::chrono::hours{400 * 24}};  ///< likewise
    milliseconds days{std::chrono::hours{730 * 24}};        ///< rollups of days; months stay
    bool drop = false;                                      ///< partitions that are past every tier

    milliseconds longest() const { return std::max({free, team, enterprise}); }
};

}  // namespace quorate
