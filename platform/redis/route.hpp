#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/time/time.hpp"
#include "platform/redis/args.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/task.hpp"

namespace quorate::detail {

/// What becomes of commands for a server that is known to be away: they wait until their timeout
/// for it to come back, or fail at once.
enum class WhileAway : std::uint8_t { wait, fail };

/// Where a RedisClient's commands go: one server (RedisLink) or the nodes of a cluster. What the
/// functions promise is written at RedisClient.
class RedisRoute {
public:
    using OnChange = std::function<void(bool reachable, const std::string& why)>;

    RedisRoute() = default;
    RedisRoute(const RedisRoute&) = delete;
    RedisRoute& operator=(const RedisRoute&) = delete;
    virtual ~RedisRoute() = default;

    virtual Task<> serve() = 0;
    virtual Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands,
                                                  milliseconds timeout,
                                                  WhileAway while_away) = 0;
    virtual Task<std::vector<RedisReply>> try_everywhere(RedisArgs command,
                                                         milliseconds timeout) = 0;
    virtual bool reachable() const = 0;
    virtual void on_change(OnChange callback) = 0;
    virtual std::size_t waiting() const = 0;
};

}  // namespace quorate::detail
