#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/time/time.hpp"

extern "C" {
struct pg_conn;
}

namespace quorate::detail {

/// A message of libpq, which ends in a newline and may have several lines, as one line.
std::string one_line(std::string text);

/// One connection that never reconnects behind our back, for what lives and dies with a session:
/// advisory locks and LISTEN. (libpqxx 6 opens a broken connection again by itself, and the lock
/// would be gone unnoticed.) Blocks; one thread at a time.
class PostgresSession {
public:
    /// How long a statement may take that needs no work of the server.
    static constexpr milliseconds kPatience{5000};

    /// Throws PostgresUnavailable. Takes at most the `connect_timeout` of the text, per host.
    explicit PostgresSession(const std::string& conninfo);

    /// Runs one statement. @return the first column of the first row; nothing without rows or NULL.
    /// Throws PostgresUnavailable if the connection broke or no answer came within `kPatience`
    /// (then the session is of no more use), PostgresError if it was refused.
    std::optional<std::string> exec(const std::string& sql);
    /// False once the connection broke; a server that says nothing leaves it open.
    bool is_open() const;
    /// `text` as an SQL identifier, quoted.
    std::string quoted_identifier(const std::string& text) const;

    /// The socket's descriptor: readable when notifications wait or the connection broke.
    int descriptor() const;
    /// Payloads of the notifications that have come in; does not wait. Throws PostgresUnavailable.
    std::vector<std::string> take_notifications();

private:
    void await_answer();
    struct Close {
        void operator()(pg_conn* connection) const noexcept;
    };
    std::unique_ptr<pg_conn, Close> connection_;
};

}  // namespace quorate::detail
