#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/redis/client.hpp"

namespace quorate {

/// A Lua script that Redis runs atomically. Sent as its SHA-1 (EVALSHA); where Redis does not know
/// it (a restart, SCRIPT FLUSH) the same call is repeated with the text, which also loads it. Where
/// our user may not send texts the call counts as not answered: somebody else loads the script.
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

    /// As RedisClient::try_now: what went wrong with a call stays in its reply, be it an error or
    /// that its node did not answer, and a node that is away holds up no other. Throws
    /// RedisUnavailable where no call was answered.
    Task<std::vector<RedisReply>> try_now(RedisClient& client, std::vector<Call> calls) const;

    /// 40 hexadecimal digits.
    const std::string& sha1() const { return sha1_; }

private:
    /// RedisClient's `try_all` or `try_now`.
    using Send = Task<std::vector<RedisReply>> (RedisClient::*)(std::vector<RedisArgs> commands);
    Task<std::vector<RedisReply>> send(RedisClient& client,
                                       std::vector<Call> calls,
                                       Send how) const;

    std::string_view source_;
    std::string sha1_;
};

}  // namespace quorate
