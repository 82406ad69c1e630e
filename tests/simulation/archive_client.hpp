#pragma once

#include <functional>
#include <memory>

#include "archiver/intake/chores.hpp"
#include "archiver/store/archive_store.hpp"
#include "coordinator/catalog/catalogue_source.hpp"
#include "tests/simulation/model_archive.hpp"
#include "tests/simulation/postgres_server.hpp"

namespace quorate::simulation {

/// Looks over the shoulder of whoever commits under a lease, at the moment of the commit.
using SeeCommit = std::function<void(const ShardEpochs& held, const std::set<ShardId>& shards)>;

/// The archive as an archiver reaches it: statements of the model, over the network.
class ArchiveClient : public ArchiveStore {
public:
    /// @param see called at each commit under leases
    ArchiveClient(
        PostgresServer& server, ModelArchive& archive, Host& host, Process& process, SeeCommit see)
        : client_{server, host, process}, archive_{archive}, see_{std::move(see)} {}

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

    PostgresClient& client() { return client_; }

protected:
    /// Rows that a transaction under these fences locks: none where nobody looks at fences.
    TransactionTerms terms(std::set<ShardId> shards) const;
    ModelArchive& archive() { return archive_; }
    void see(const ShardEpochs& held, const std::set<ShardId>& shards) { see_(held, shards); }

private:
    PostgresClient client_;
    ModelArchive& archive_;
    SeeCommit see_;
};

/// No tool lists, no rollups: what archivers do beside sealing is left out.
class NoChores final : public Chores {
public:
    Task<> step(ChoreShards /*shards*/) override { co_return; }
    void forget() override {}
    void keep(const RetentionSettings& /*settings*/) override {}
    Task<ToolLists> lists(const ProgressMap& /*committed*/,
                          const std::vector<CellsFound>& /*found*/,
                          const RegionNames& /*regions*/) override {
        co_return ToolLists{};
    }
    Task<> lists_stored(const SealPlan& /*plan*/, const RegionNames& /*regions*/) override {
        co_return;
    }
};

/// The catalogue as a coordinator reads it.
class CatalogueClient final : public coordinator::CatalogueSource {
public:
    CatalogueClient(PostgresServer& server,
                    const coordinator::CatalogueAnswer& catalogue,
                    Host& host,
                    Process& process)
        : client_{server, host, process}, catalogue_{catalogue} {}
    Task<coordinator::CatalogueAnswer> load(coordinator::CatalogueQuestion question) override;

private:
    PostgresClient client_;
    const coordinator::CatalogueAnswer& catalogue_;
};

}  // namespace quorate::simulation
