#include "platform/postgres/migrations.hpp"

#include <fmt/format.h>

#include "platform/postgres/enum_tables.hpp"

namespace quorate {
namespace {

constexpr std::string_view kLock = "SELECT pg_advisory_xact_lock($1)";

/// 0: no schema yet.
int stored_version(pqxx::work& work) {
    if (work.exec1("SELECT to_regclass('quorate.schema_version')")[0].is_null()) return 0;
    return work.exec1("SELECT coalesce(max(version), 0) FROM quorate.schema_version")[0].as<int>();
}

std::string newer_than_build(int stored) {
    return fmt::format(
        "the database's schema has version {}, this build knows {}: install a newer Quorate",
        stored,
        schema_version());
}

void check_version(int stored) {
    if (stored > schema_version()) throw SchemaMismatch{newer_than_build(stored)};
    if (stored < schema_version())
        throw SchemaMismatch{fmt::format(
            "the database's schema has version {}, this build needs {}: run `quorate-archiver "
            "--config FILE --migrate`",
            stored,
            schema_version())};
}

/// Applies the next missing migration. @return its version; 0 where there is none.
int apply_next(pqxx::work& work) {
    work.exec0("SET LOCAL statement_timeout = 0");
    work.exec_params(std::string{kLock}, static_cast<std::int64_t>(AdvisoryLock::migrations));
    const int stored = stored_version(work);
    if (stored > schema_version()) throw SchemaMismatch{newer_than_build(stored)};
    for (const auto& migration : embedded_migrations()) {
        if (migration.version <= stored) continue;
        if (stored == 0)
            work.exec(
                "CREATE SCHEMA IF NOT EXISTS quorate;"
                "CREATE TABLE quorate.schema_version ("
                "    version    integer PRIMARY KEY,"
                "    name       text NOT NULL,"
                "    applied_at timestamptz NOT NULL DEFAULT now())");
        work.exec(std::string{migration.sql});
        work.exec_params0("INSERT INTO quorate.schema_version (version, name) VALUES ($1, $2)",
                          migration.version,
                          std::string{migration.name});
        return migration.version;
    }
    return 0;
}

/// What depends on the build or on today's date, not on a version of the schema.
void refresh(pqxx::work& work) {
    work.exec_params(std::string{kLock}, static_cast<std::int64_t>(AdvisoryLock::migrations));
    for (const auto& row : detail::stored_enum_names())
        work.exec_params0(
            "INSERT INTO quorate.enum_name (kind, value, name) VALUES ($1, $2, $3) "
            "ON CONFLICT (kind, value) DO UPDATE SET name = excluded.name "
            "WHERE enum_name.name <> excluded.name",
            std::string{row.kind},
            row.value,
            std::string{row.name});
    work.exec("SELECT quorate.make_minute_partitions()");
}

}  // namespace

int schema_version() {
    return embedded_migrations().back().version;
}

std::vector<int> migrate(Database& database) {
    std::vector<int> applied;
    for (;;) {
        const int version = database.transact_blocking(apply_next);
        if (version == 0) break;
        applied.push_back(version);
    }
    database.transact_blocking(refresh);
    return applied;
}

void require_schema(Database& database) {
    check_version(database.transact_blocking(stored_version));
}

Task<> require_schema_async(Database& database) {
    check_version(co_await database.transact(stored_version));
}

}  // namespace quorate
