#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "platform/redis/args.hpp"

namespace quorate::detail {

inline constexpr std::size_t kRedisSlots = 16'384;

/// The hash slot of a key in a Redis Cluster: of its hash tag (`{…}`, the first one, if it is not
/// empty) or else of the whole key.
std::uint16_t slot_of(std::string_view key);

/// The key that says where a command goes, its first one; nullptr where it has none (PING, TIME,
/// SCRIPT, …). Knows every command that Quorate uses, and takes the first argument of any other for
/// a key, as most of Redis's commands have it.
const std::string* key_of(const RedisArgs& command);

}  // namespace quorate::detail
