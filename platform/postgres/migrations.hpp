#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "platform/postgres/database.hpp"

namespace quorate {

/// One file of `migrations/`, embedded at build time; `0001_house.sql` has version 1.
struct Migration {
    int version;
    std::string_view name;  // the file's name
    std::string_view sql;
};

/// All of them, ascending, without a gap.
std::span<const Migration> embedded_migrations();

/// The version this build is made for: that of the last migration.
int schema_version();

/// The database's schema is not the one this build is made for; `what()` is one line that says what
/// to do.
class SchemaMismatch : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Brings the database up to `schema_version()`: each missing migration in a transaction of its
/// own, forward only, one process at a time (advisory lock). Then fills `quorate.enum_name` from
/// core/model and makes the partitions of the next months; both are harmless to repeat. Blocks.
/// @return the versions applied now; empty if there was nothing to do.
/// Throws PostgresUnavailable, PostgresError, or SchemaMismatch where the database is newer.
std::vector<int> migrate(Database& database);

/// Throws SchemaMismatch unless the database has exactly this build's schema. Blocks.
void require_schema(Database& database);

/// As `require_schema`, on a thread of the pool: for daemons, at start.
Task<> require_schema_async(Database& database);

}  // namespace quorate
