#include "platform/redis/protocol.hpp"

#include <new>
#include <vector>

#include <hiredis/hiredis.h>

namespace quorate::detail {

namespace {

struct FreeReply {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
};
struct FreeReader {
    void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
};
struct FreeCommand {
    void operator()(char* command) const noexcept { redisFreeCommand(command); }
};

RedisReply converted(const redisReply& reply) {
    switch (reply.type) {
        case REDIS_REPLY_INTEGER:
            return RedisReply{static_cast<std::int64_t>(reply.integer)};
        case REDIS_REPLY_STRING:
        case REDIS_REPLY_STATUS:
            return RedisReply{std::string{reply.str, reply.len}};
        case REDIS_REPLY_ERROR:
            return RedisReply{RedisReply::Error{std::string{reply.str, reply.len}}};
        case REDIS_REPLY_ARRAY: {
            RedisReply::List list;
            list.reserve(reply.elements);
            for (std::size_t i = 0; i < reply.elements; ++i)
                list.push_back(converted(*reply.element[i]));
            return RedisReply{std::move(list)};
        }
        default:  // REDIS_REPLY_NIL; an int of a C library, not an enumeration of ours
            return RedisReply{};
    }
}

}  // namespace

void append_command(std::string& bytes, const RedisArgs& command) {
    std::vector<const char*> words;
    std::vector<std::size_t> lengths;
    words.reserve(command.size());
    lengths.reserve(command.size());
    for (const auto& word : command) {
        words.push_back(word.data());
        lengths.push_back(word.size());
    }
    char* text = nullptr;
    const int length =
        redisFormatCommandArgv(&text, static_cast<int>(words.size()), words.data(), lengths.data());
    const std::unique_ptr<char, FreeCommand> owner{text};
    if (length < 0) throw std::bad_alloc{};
    bytes.append(text, static_cast<std::size_t>(length));
}

struct ReplyReader::Parser {
    std::unique_ptr<redisReader, FreeReader> reader{redisReaderCreate()};
};

ReplyReader::ReplyReader() : parser_{std::make_unique<Parser>()} {
    if (!parser_->reader) throw std::bad_alloc{};
}
ReplyReader::~ReplyReader() = default;

void ReplyReader::feed(std::string_view bytes) {
    if (redisReaderFeed(parser_->reader.get(), bytes.data(), bytes.size()) != REDIS_OK)
        throw RedisUnavailable{std::string{"protocol error: "} + parser_->reader->errstr};
}

std::optional<RedisReply> ReplyReader::next() {
    void* taken = nullptr;
    if (redisReaderGetReply(parser_->reader.get(), &taken) != REDIS_OK)
        throw RedisUnavailable{std::string{"protocol error: "} + parser_->reader->errstr};
    const std::unique_ptr<redisReply, FreeReply> reply{static_cast<redisReply*>(taken)};
    if (!reply) return std::nullopt;
    return converted(*reply);
}

}  // namespace quorate::detail
