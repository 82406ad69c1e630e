#include "tests/bench/archiver/bare_copy.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <tuple>

#include <libpq-fe.h>

#include "archiver/store/json.hpp"
#include "archiver/store/packed_cell.hpp"
#include "core/model/decision.hpp"

namespace quorate::bench {
namespace {

PGconn* of(void* connection) {
    return static_cast<PGconn*>(connection);
}

template <class Number>
void append(std::string& bytes, Number number) {
    for (int shift = static_cast<int>(sizeof(Number)) * 8 - 8; shift >= 0; shift -= 8)
        bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xFFU));
}

template <class Number>
void append_field(std::string& bytes, Number number) {
    append(bytes, static_cast<std::int32_t>(sizeof(Number)));
    append(bytes, number);
}

void append_bytes(std::string& bytes, const std::string& value) {
    append(bytes, static_cast<std::int32_t>(value.size()));
    bytes += value;
}

/// Microseconds since 2000-01-01.
std::int64_t postgres_time(UtcMinute minute) {
    constexpr std::int64_t kEpoch2000Ms = 946'684'800'000;
    return (minute.epoch_ms() - kEpoch2000Ms) * 1000;
}

}  // namespace

BareCopy::BareCopy(const std::string& conninfo) : connection_{PQconnectdb(conninfo.c_str())} {
    if (PQstatus(of(connection_)) != CONNECTION_OK)
        throw std::runtime_error{PQerrorMessage(of(connection_))};
}

BareCopy::~BareCopy() {
    PQfinish(of(connection_));
}

int BareCopy::backend_pid() const {
    return PQbackendPID(of(connection_));
}

void BareCopy::run(const char* sql) {
    auto* result = PQexec(of(connection_), sql);
    const auto status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_COPY_IN)
        throw std::runtime_error{PQerrorMessage(of(connection_))};
}

void BareCopy::store(const std::string& tuples, std::size_t count) {
    run("BEGIN");
    const auto ledger =
        "INSERT INTO quorate.batch (minute_min, minute_max, minutes, sealed_at)"
        " VALUES (now(), now(), " +
        std::to_string(count) + ", now())";
    run(ledger.c_str());
    run("COPY quorate.minute (minute, batch_id, endpoint_id, decision, scope, rule_row,"
        " rule_version, uptime_use, cells, details) FROM STDIN (FORMAT binary)");
    std::string head{"PGCOPY\n\377\r\n\0", 11};
    append(head, std::int32_t{0});
    append(head, std::int32_t{0});
    const std::string tail{"\377\377", 2};
    for (const std::string* part : std::initializer_list<const std::string*>{&head, &tuples, &tail})
        if (PQputCopyData(of(connection_), part->data(), static_cast<int>(part->size())) != 1)
            throw std::runtime_error{PQerrorMessage(of(connection_))};
    if (PQputCopyEnd(of(connection_), nullptr) != 1)
        throw std::runtime_error{PQerrorMessage(of(connection_))};
    while (auto* result = PQgetResult(of(connection_))) {
        const auto status = PQresultStatus(result);
        PQclear(result);
        if (status != PGRES_COMMAND_OK) throw std::runtime_error{PQerrorMessage(of(connection_))};
    }
    run("COMMIT");
}

std::string binary_tuples(const std::vector<SealedRow>& rows) {
    std::vector<const SealedRow*> sorted;
    for (const auto& row : rows)
        sorted.push_back(&row);
    std::ranges::sort(sorted, {}, [](const SealedRow* row) {
        return std::tuple{row->version.endpoint, row->minute};
    });
    std::string bytes;
    for (const auto* row : sorted) {
        append(bytes, std::int16_t{10});
        append_field(bytes, postgres_time(row->minute));
        append_field(bytes, std::int64_t{1});
        append_field(bytes, static_cast<std::int32_t>(row->version.endpoint.value()));
        append_field(bytes, static_cast<std::int16_t>(row->record.decision));
        append_field(bytes, static_cast<std::int16_t>(row->record.scope));
        append_field(bytes, static_cast<std::int16_t>(row->record.rule_row));
        append_field(bytes, kRuleVersion);
        append_field(bytes, static_cast<std::int16_t>(row->use));
        std::string cells;
        for (const auto& cell : row->cells)
            append_packed(packed_cell(cell, false), cells);
        append_bytes(bytes, cells);
        const auto details = details_json(row->cells);
        if (details.empty())
            append(bytes, std::int32_t{-1});
        else
            append_bytes(bytes, "\1" + details);  // version of jsonb on the wire
    }
    return bytes;
}

}  // namespace quorate::bench
