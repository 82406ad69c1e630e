#include "archiver/store/fence_store.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "archiver/store/sql_text.hpp"
#include "platform/postgres/database.hpp"

namespace quorate {
namespace {

ShardEpochs epochs_of(const pqxx::result& rows) {
    ShardEpochs epochs;
    for (const auto& row : rows)
        epochs.emplace(ShardId{row[0].as<std::uint64_t>()}, row[1].as<std::uint64_t>());
    return epochs;
}

/// It keeps the lock to itself for as long as it runs; all of ours share it for a transaction each.
void require_no_older_archiver(pqxx::work& work) {
    const auto key = static_cast<std::int64_t>(AdvisoryLock::archiver);
    if (!work.exec_params1("SELECT pg_try_advisory_xact_lock_shared($1)", key)[0].as<bool>())
        throw OlderArchiverSeals{};
}

}  // namespace

ShardsFenced::ShardsFenced(ShardEpochs by)
    : std::runtime_error{fmt::format("{} shards were taken by others", by.size())},
      by_{std::move(by)} {}

OlderArchiverSeals::OlderArchiverSeals()
    : std::runtime_error{"an archiver of a version without leases seals all shards: end it"} {}

void check_fences(pqxx::work& work, const ShardEpochs& held, const std::set<ShardId>& shards) {
    if (shards.empty()) return;
    require_no_older_archiver(work);
    const auto standing =
        epochs_of(work.exec_params("SELECT shard, epoch FROM quorate.shard_fence"
                                   " WHERE shard = ANY ($1::smallint[]) ORDER BY shard FOR UPDATE",
                                   array_text(shards)));
    ShardEpochs fenced;
    for (const auto shard : shards) {
        const auto ours = held.find(shard);
        const auto stands = standing.find(shard);
        const auto epoch = stands == standing.end() ? 0 : stands->second;
        if (ours == held.end() || ours->second != epoch) fenced.emplace(shard, epoch);
    }
    if (!fenced.empty()) throw ShardsFenced{std::move(fenced)};
}

ShardEpochs raise_fences(pqxx::work& work, const ShardEpochs& taken) {
    require_no_older_archiver(work);
    std::string rows;
    for (const auto& [shard, epoch] : taken)
        rows += fmt::format(
            R"({}{{"shard":{},"epoch":{}}})", rows.empty() ? "" : ",", shard.value(), epoch);
    work.exec0("SET LOCAL lock_timeout TO '2s'");  // longer than a commit takes
    work.exec_params(
        "INSERT INTO quorate.shard_fence AS f (shard, epoch) SELECT x.shard, x.epoch"
        " FROM json_to_recordset($1::json) AS x (shard smallint, epoch bigint) ORDER BY x.shard"
        " ON CONFLICT (shard) DO UPDATE SET epoch = excluded.epoch, raised_at = now()"
        " WHERE f.epoch <= excluded.epoch",
        "[" + rows + "]");
    work.exec0("SET LOCAL lock_timeout TO DEFAULT");
    auto standing = epochs_of(work.exec_params(
        "SELECT shard, epoch FROM quorate.shard_fence WHERE shard = ANY ($1::smallint[])",
        array_text(shards_of(taken))));
    std::erase_if(standing,
                  [&taken](const auto& each) { return each.second == taken.at(each.first); });
    return standing;
}

std::size_t end_holders(pqxx::work& work, const ShardEpochs& taken) {
    return work
        .exec_params1("SELECT quorate.end_holders($1::smallint[])", array_text(shards_of(taken)))[0]
        .as<std::size_t>();
}

}  // namespace quorate
