#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace quorate {

/// Redis could not be asked, or did not answer in time. Whether the command ran is not known:
/// repeat only what may run twice.
class RedisUnavailable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Redis answered, and the answer is an error (or not of the type that the command promises).
class RedisError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
    /// The first word, which names the kind: `NOSCRIPT`, `NOGROUP`, `OOM`, `WRONGTYPE`, `ERR`.
    std::string code() const;
};

/// One answer of Redis (RESP2). A plain value.
class RedisReply {
public:
    struct Error {
        std::string text;
    };
    /// In place of the answer of a cluster's node that gave none, where others gave theirs.
    struct Unavailable {
        std::string why;
    };
    using List = std::vector<RedisReply>;

    RedisReply() = default;
    explicit RedisReply(std::int64_t integer) : value_{integer} {}
    explicit RedisReply(std::string text) : value_{std::move(text)} {}
    explicit RedisReply(List list) : value_{std::move(list)} {}
    explicit RedisReply(Error error) : value_{std::move(error)} {}
    explicit RedisReply(Unavailable unavailable) : value_{std::move(unavailable)} {}

    bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
    bool is_nil() const { return std::holds_alternative<std::monostate>(value_); }
    bool is_list() const { return std::holds_alternative<List>(value_); }
    /// The error's text if this is an error, else nullptr.
    const std::string* error() const;

    /// Why the node did not answer, if so, else nullptr.
    const std::string* unavailable() const;

    /// Each throws RedisError if the reply is an error or of another type, and RedisUnavailable if
    /// there is none.
    std::int64_t integer() const;
    const std::string& text() const;  ///< a bulk string or a status such as `OK`
    const List& list() const;
    /// Throws RedisError if this is an error, RedisUnavailable if it is no answer; otherwise does
    /// nothing.
    void check() const;

private:
    template <class T>
    const T& get(const char* wanted) const;
    std::variant<std::monostate, std::int64_t, std::string, List, Error, Unavailable> value_;
};

}  // namespace quorate
