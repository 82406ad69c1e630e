#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/redis/client.hpp"

namespace quorate {

/// A Lua script that Redis runs atomically. Sent as its SHA-1 (EVALSHA); where Redis does not know
/// it (a restart, SCRIPT FLUSH) the same call is repeated with the text, which also loads it.
class RedisScript {
public:
    /// @param source Lua; must stay valid as long as the script (those of `scripts.hpp` always
    /// are).
    explicit RedisScript(std::string_view source);

    /// Keys must share one hash tag, so that the script runs on a Cluster.
    struct Call {
        std::vector<std::string> keys;
        std::vector<std::string> arguments;
    };

    /// Throws as RedisClient::run.
    Task<RedisReply> run(RedisClient& client, Call call) const;

    /// Pipelined; one reply per call, in order. Throws as RedisClient::run_all.
    Task<std::vector<RedisReply>> run_all(RedisClient& client, std::vector<Call> calls) const;

    /// 40 hexadecimal digits.
    const std::string& sha1() const { return sha1_; }

private:
    std::string_view source_;
    std::string sha1_;
};

}  // namespace quorate
