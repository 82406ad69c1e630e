#pragma once

#include "archiver/store/archive_store.hpp"
#include "platform/postgres/database.hpp"

namespace quorate {

/// The archive in Postgres. Cancellation: as Database::transact.
class PostgresArchive final : public ArchiveStore {
public:
    explicit PostgresArchive(Database& database) : database_{database} {}

    Task<TakenShards> take_over(ShardEpochs taken) override;
    Task<std::size_t> end_holders(ShardEpochs taken) override;
    Task<LoadedCatalogue> catalogue(std::set<ShardId> shards) override;
    Task<std::vector<Gap>> gaps(std::map<ShardId, UtcMinute> from) override;
    Task<OpenMinutes> open_minutes(std::map<ShardId, UtcMinute> sealed) override;
    Task<> make_partitions(ShardEpochs held) override;
    Task<> commit(ShardEpochs held, PlanToStore to_store) override;
    Task<LateOutcome> store_late(ShardEpochs held,
                                 std::set<ShardId> shards,
                                 std::vector<Cell> cells) override;
    Task<std::optional<std::vector<RegionId>>> decide_regions(ShardEpochs held,
                                                              std::set<ShardId> shards,
                                                              std::vector<ShardTally> tallies,
                                                              UtcMinute minute,
                                                              bool out_of_time) override;
    Task<Settled> settle(ShardEpochs held,
                         std::map<RegionId, std::uint32_t> agents_alive,
                         UtcTime at,
                         Window window,
                         std::size_t minutes_max) override;

private:
    Database& database_;
};

}  // namespace quorate
