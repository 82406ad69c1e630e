#pragma once

#include <stdexcept>
#include <string>

namespace quorate {

/// Postgres cannot be reached, is starting or stopping, or the connection broke; whether a commit
/// that was under way took place is then unknown. Wait and repeat: work is written so that a repeat
/// does nothing twice.
class PostgresUnavailable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Postgres refused a statement; to repeat it as it is would not help.
class PostgresError : public std::runtime_error {
public:
    PostgresError(const std::string& message, std::string sqlstate)
        : std::runtime_error{message}, sqlstate_{std::move(sqlstate)} {}
    /// Five characters (PostgreSQL documentation, appendix A); empty if there was none.
    const std::string& sqlstate() const { return sqlstate_; }

private:
    std::string sqlstate_;
};

}  // namespace quorate
