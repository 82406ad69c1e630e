#include "platform/redis/reply.hpp"

namespace quorate {

std::string RedisError::code() const {
    const std::string text = what();
    return text.substr(0, text.find(' '));
}

const std::string* RedisReply::error() const {
    const auto* error = std::get_if<Error>(&value_);
    return error == nullptr ? nullptr : &error->text;
}

const std::string* RedisReply::unavailable() const {
    const auto* unavailable = std::get_if<Unavailable>(&value_);
    return unavailable == nullptr ? nullptr : &unavailable->why;
}

void RedisReply::check() const {
    if (const auto* why = unavailable()) throw RedisUnavailable{*why};
    if (const auto* text = error()) throw RedisError{*text};
}

template <class T>
const T& RedisReply::get(const char* wanted) const {
    check();
    if (const auto* value = std::get_if<T>(&value_)) return *value;
    throw RedisError{std::string{"TYPE the reply is not "} + wanted};
}

std::int64_t RedisReply::integer() const {
    return get<std::int64_t>("an integer");
}

const std::string& RedisReply::text() const {
    return get<std::string>("a text");
}

const RedisReply::List& RedisReply::list() const {
    return get<List>("a list");
}

}  // namespace quorate
