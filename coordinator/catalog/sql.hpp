#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "core/time/time.hpp"

/// How values of ours become parameters of SQL, and come back. Times travel as microseconds since
/// the epoch: `to_timestamp` of a double would lose some.
namespace quorate::coordinator::sql {

/// SQL text that turns the microseconds in `expression` into a timestamptz.
inline std::string timestamp(const std::string& expression) {
    return "('epoch'::timestamptz + " + expression + "::bigint * interval '1 microsecond')";
}

/// SQL text that turns a timestamptz into microseconds; null stays null.
inline std::string micros(const std::string& expression) {
    return "(extract(epoch FROM " + expression + ") * 1000000)::bigint";
}

inline std::int64_t us(UtcTime time) {
    return time.time_since_epoch().count();
}

/// An array literal of numbers, to be cast: `{1,2,3}`.
template <class Numbers, class Projection>
std::string array(const Numbers& numbers, Projection projection) {
    std::string text = "{";
    for (const auto& number : numbers) {
        if (text.size() > 1) text += ',';
        text += std::to_string(projection(number));
    }
    return text + "}";
}

/// An array literal of texts, to be cast.
inline std::string array(const std::vector<std::string>& texts) {
    std::string out = "{";
    for (const auto& text : texts) {
        if (out.size() > 1) out += ',';
        out += '"';
        for (const char c : text) {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        out += '"';
    }
    return out + "}";
}

/// The numbers of an array that Postgres wrote: `{1,2,3}`.
inline std::vector<std::int64_t> numbers(const pqxx::field& field) {
    std::vector<std::int64_t> out;
    const char* at = field.c_str();
    const char* const end = at + field.size();
    while (at != end) {
        std::int64_t number = 0;
        const auto [next, error] = std::from_chars(at, end, number);
        if (error == std::errc{}) {
            out.push_back(number);
            at = next;
        } else {
            ++at;
        }
    }
    return out;
}

template <class T>
std::optional<T> optional(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    return field.as<T>();
}

}  // namespace quorate::coordinator::sql
