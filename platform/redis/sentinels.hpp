#pragma once

#include <memory>
#include <string>
#include <vector>

#include "platform/redis/options.hpp"
#include "platform/runtime/task.hpp"

namespace quorate::detail {

/// The sentinels of one master; of this folder alone.
class RedisSentinels {
public:
    explicit RedisSentinels(const RedisClientOptions& options);

    /// Where the first sentinel that answers says that the master is, the one that answered last
    /// asked first. Whether it is one is for the connection to find out: a sentinel may not know
    /// better yet. Throws RedisUnavailable with what each of them said.
    Task<RedisAddress> find_master();

private:
    Task<RedisAddress> ask(RedisAddress sentinel) const;

    std::vector<RedisAddress> sentinels_;
    std::string master_;
    RedisAddress like_;  // TLS and database of the master
    RedisLogin login_;
    RedisTls tls_;
    milliseconds timeout_;
};

}  // namespace quorate::detail
