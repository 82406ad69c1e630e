#include "platform/postgres/binary_copy.hpp"

#include <chrono>
#include <limits>
#include <stdexcept>

#include <libpq-fe.h>

#include "core/base/big_endian.hpp"
#include "platform/postgres/connection.hpp"
#include "platform/postgres/result.hpp"

namespace quorate {
namespace {

// PostgreSQL documentation, COPY, "Binary Format"; the formats of types as their *_recv functions
// read them.
constexpr std::string_view kHead{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
constexpr std::string_view kTail{"\377\377", 2};
constexpr std::size_t kSendAt = 65'536;
constexpr std::uint32_t kBytea = 17;
constexpr std::uint32_t kInt8 = 20;
constexpr std::uint32_t kInt4 = 23;
constexpr std::size_t kArrayHead = 20;
constexpr std::chrono::sys_days kEpoch{std::chrono::year{2000} / 1 / 1};

using detail::Result;

[[noreturn]] void fail(PGconn* connection, const PGresult* result, const std::string& statement) {
    const std::string message = PQerrorMessage(connection);
    if (PQstatus(connection) != CONNECTION_OK) throw pqxx::broken_connection{message};
    const char* field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view sqlstate{field == nullptr ? "" : field};
    // As libpqxx itself throws them: a Database runs the transaction again.
    if (sqlstate == "40001") throw pqxx::serialization_failure{message};
    if (sqlstate == "40P01") throw pqxx::deadlock_detected{message};
    throw pqxx::sql_error{message, statement, field};
}

/// Takes what libpq still has to say, so that the connection can be used again. @return the first
/// error
Result take_results(PGconn* connection) {
    Result error;
    while (Result result{PQgetResult(connection)})
        if (!error && PQresultStatus(result.get()) != PGRES_COMMAND_OK) error = std::move(result);
    return error;
}

}  // namespace

BinaryCopy::BinaryCopy(pqxx::work& work,
                       std::string_view table,
                       std::initializer_list<std::string_view> columns)
    : connection_{static_cast<detail::DatabaseConnection&>(work.conn()).handle()},
      columns_{columns.size()},
      buffer_{kHead} {
    statement_ = "COPY " + std::string{table} + " (";
    for (const auto column : columns)
        statement_ += (column == *columns.begin() ? "" : ", ") + std::string{column};
    statement_ += ") FROM STDIN (FORMAT binary)";
    const Result result{PQexec(connection_, statement_.c_str())};
    if (PQresultStatus(result.get()) != PGRES_COPY_IN) fail(connection_, result.get(), statement_);
    open_ = true;
    buffer_.reserve(2 * kSendAt);
}

BinaryCopy::~BinaryCopy() {
    if (!open_) return;
    PQputCopyEnd(connection_, "given up");
    take_results(connection_);
}

void BinaryCopy::finish() {
    buffer_ += kTail;
    send();
    if (PQputCopyEnd(connection_, nullptr) != 1) fail(connection_, nullptr, statement_);
    open_ = false;
    if (const auto error = take_results(connection_)) fail(connection_, error.get(), statement_);
}

void BinaryCopy::send() {
    if (PQputCopyData(connection_, buffer_.data(), static_cast<int>(buffer_.size())) != 1)
        fail(connection_, nullptr, statement_);
    buffer_.clear();
}

void BinaryCopy::number(std::uint64_t value, std::size_t bytes) {
    append_big_endian(value, bytes, buffer_);
}

void BinaryCopy::size(std::size_t bytes) {
    if (bytes > std::numeric_limits<std::int32_t>::max())
        throw std::length_error{"a value too long for COPY"};
    number(bytes, 4);
}

void BinaryCopy::row() {
    if (buffer_.size() >= kSendAt) send();
    number(columns_, 2);
}

void BinaryCopy::null() {
    number(0xFFFFFFFFU, 4);
}

void BinaryCopy::int2(std::int16_t value) {
    size(2);
    number(static_cast<std::uint64_t>(value), 2);
}

void BinaryCopy::int4(std::int32_t value) {
    size(4);
    number(static_cast<std::uint64_t>(value), 4);
}

void BinaryCopy::int8(std::int64_t value) {
    size(8);
    number(static_cast<std::uint64_t>(value), 8);
}

void BinaryCopy::timestamp(UtcTime value) {
    int8((value - kEpoch) / microseconds{1});
}

void BinaryCopy::bytes(std::string_view value) {
    size(value.size());
    buffer_ += value;
}

void BinaryCopy::jsonb(std::string_view text) {
    size(text.size() + 1);
    number(1, 1);  // the version of the format
    buffer_ += text;
}

void BinaryCopy::array_head(std::uint32_t element_type, std::size_t count, std::size_t bytes) {
    size(kArrayHead + bytes);
    number(1, 4);  // dimensions
    number(0, 4);  // no nulls
    number(element_type, 4);
    number(count, 4);
    number(1, 4);  // the lowest subscript
}

void BinaryCopy::array(std::span<const std::int32_t> values) {
    array_head(kInt4, values.size(), 8 * values.size());
    for (const auto value : values)
        int4(value);
}

void BinaryCopy::array(std::span<const std::int64_t> values) {
    array_head(kInt8, values.size(), 12 * values.size());
    for (const auto value : values)
        int8(value);
}

void BinaryCopy::array(std::span<const std::string> values) {
    std::size_t all = 0;
    for (const auto& value : values)
        all += 4 + value.size();
    array_head(kBytea, values.size(), all);
    for (const auto& value : values)
        bytes(value);
}

}  // namespace quorate
