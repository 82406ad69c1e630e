#pragma once

#include <string_view>

/// The Lua scripts of `platform/redis/scripts`, embedded at build time.
namespace quorate::scripts {

extern const std::string_view record;
extern const std::string_view late;
extern const std::string_view seal;
extern const std::string_view enqueue;
extern const std::string_view raise_fence;
extern const std::string_view lease;
extern const std::string_view peer_beat;
extern const std::string_view give_back;
extern const std::string_view forget_agent;
extern const std::string_view forget_consumers;
extern const std::string_view trim_held;

}  // namespace quorate::scripts
