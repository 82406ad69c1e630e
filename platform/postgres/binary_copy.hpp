#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include <pqxx/pqxx>

#include "core/time/time.hpp"

extern "C" {
struct pg_conn;
}

namespace quorate {

/// Rows by COPY … (FORMAT binary), which costs Postgres two thirds of what text does. Within the
/// transaction of a Database; nothing else may use it between the constructor and finish(). What is
/// added must have the type of its column exactly. Throws as pqxx; if it is destroyed before
/// finish() the transaction has failed.
class BinaryCopy {
public:
    /// @param table with its schema. Names are taken as they are, not quoted.
    BinaryCopy(pqxx::work& work,
               std::string_view table,
               std::initializer_list<std::string_view> columns);
    ~BinaryCopy();
    BinaryCopy(const BinaryCopy&) = delete;
    BinaryCopy& operator=(const BinaryCopy&) = delete;

    /// Begins a row: one value of each column must follow.
    void row();
    void null();
    void int2(std::int16_t value);
    void int4(std::int32_t value);
    void int8(std::int64_t value);
    void timestamp(UtcTime value);
    void bytes(std::string_view value);
    void jsonb(std::string_view text);
    void array(std::span<const std::int32_t> values);
    void array(std::span<const std::int64_t> values);
    void array(std::span<const std::string> values);  ///< of bytea

    void finish();

private:
    void size(std::size_t bytes);
    void number(std::uint64_t value, std::size_t bytes);
    void array_head(std::uint32_t element_type, std::size_t count, std::size_t bytes);
    void send();

    pg_conn* connection_;
    std::string statement_;
    std::size_t columns_;
    std::string buffer_;
    bool open_ = false;
};

}  // namespace quorate
