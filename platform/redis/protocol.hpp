#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "platform/redis/args.hpp"
#include "platform/redis/reply.hpp"

/// RESP2 by way of hiredis; of this folder alone.
namespace quorate::detail {

/// Appends the command as Redis reads it.
void append_command(std::string& bytes, const RedisArgs& command);

/// Turns the bytes of a connection into replies.
class ReplyReader {
public:
    ReplyReader();
    ~ReplyReader();
    ReplyReader(ReplyReader&&) = delete;

    void feed(std::string_view bytes);
    /// The next whole reply, if there is one. Throws RedisUnavailable if the bytes are no RESP: the
    /// connection is of no use then.
    std::optional<RedisReply> next();

private:
    struct Parser;
    std::unique_ptr<Parser> parser_;
};

}  // namespace quorate::detail
