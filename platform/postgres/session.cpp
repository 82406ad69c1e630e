#include "platform/postgres/session.hpp"

#include <utility>

#include <libpq-fe.h>
#include <poll.h>

#include "platform/postgres/errors.hpp"
#include "platform/postgres/result.hpp"
#include "platform/runtime/clock.hpp"

namespace quorate::detail {
namespace {

struct FreeMemory {
    void operator()(void* memory) const noexcept { PQfreemem(memory); }
};

}  // namespace

std::string one_line(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
        text.pop_back();
    for (auto& character : text)
        if (character == '\n' || character == '\t') character = ' ';
    return text;
}

void PostgresSession::Close::operator()(pg_conn* connection) const noexcept {
    PQfinish(connection);
}

PostgresSession::PostgresSession(const std::string& conninfo)
    : connection_{PQconnectdb(conninfo.c_str())} {
    if (PQstatus(connection_.get()) != CONNECTION_OK)
        throw PostgresUnavailable{one_line(PQerrorMessage(connection_.get()))};
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);  // not to stderr
}

bool PostgresSession::is_open() const {
    return PQstatus(connection_.get()) == CONNECTION_OK;
}

/// PQexec would wait for ever.
void PostgresSession::await_answer() {
    const SystemClock clock;
    const auto until = clock.steady_now() + kPatience;
    while (PQisBusy(connection_.get()) != 0) {
        const auto left = std::chrono::ceil<milliseconds>(until - clock.steady_now());
        pollfd socket{descriptor(), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&socket, 1, static_cast<int>(left.count())) == 0)
            throw PostgresUnavailable{"no answer within " + std::to_string(kPatience.count()) +
                                      " ms"};
        if (PQconsumeInput(connection_.get()) != 1)
            throw PostgresUnavailable{one_line(PQerrorMessage(connection_.get()))};
    }
}

std::optional<std::string> PostgresSession::exec(const std::string& sql) {
    if (PQsendQuery(connection_.get(), sql.c_str()) != 1)
        throw PostgresUnavailable{one_line(PQerrorMessage(connection_.get()))};
    Result result;
    for (;;) {
        await_answer();
        Result next{PQgetResult(connection_.get())};
        if (!next) break;
        result = std::move(next);
    }
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        const auto message = one_line(PQerrorMessage(connection_.get()));
        if (PQstatus(connection_.get()) != CONNECTION_OK) throw PostgresUnavailable{message};
        const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
        throw PostgresError{message, state == nullptr ? "" : state};
    }
    if (PQntuples(result.get()) == 0 || PQgetisnull(result.get(), 0, 0) != 0) return std::nullopt;
    return PQgetvalue(result.get(), 0, 0);
}

std::string PostgresSession::quoted_identifier(const std::string& text) const {
    const std::unique_ptr<char, FreeMemory> quoted{
        PQescapeIdentifier(connection_.get(), text.data(), text.size())};
    if (!quoted) throw PostgresError{one_line(PQerrorMessage(connection_.get())), {}};
    return quoted.get();
}

int PostgresSession::descriptor() const {
    return PQsocket(connection_.get());
}

std::vector<std::string> PostgresSession::take_notifications() {
    if (PQconsumeInput(connection_.get()) != 1)
        throw PostgresUnavailable{one_line(PQerrorMessage(connection_.get()))};
    std::vector<std::string> payloads;
    while (const std::unique_ptr<PGnotify, FreeMemory> notify{PQnotifies(connection_.get())})
        payloads.emplace_back(notify->extra);
    return payloads;
}

}  // namespace quorate::detail
