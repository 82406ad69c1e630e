#include "tests/simulation/archive_client.hpp"

#include <utility>

namespace quorate::simulation {
namespace {

/// Stands for the one decision about regions that is made at a time.
constexpr ShardId kRegionDecision{1'000'000};
constexpr milliseconds kRaisePatience{2000};

TransactionTerms reading() {
    TransactionTerms terms;
    terms.writes = false;
    return terms;
}

}  // namespace

TransactionTerms ArchiveClient::terms(std::set<ShardId> shards) const {
    TransactionTerms terms;
    if (archive_.fences) terms.locks = std::move(shards);
    return terms;
}

Task<TakenShards> ArchiveClient::take_over(ShardEpochs taken) {
    auto raising = terms(shards_of(taken));
    raising.patience = kRaisePatience;
    std::function<TakenShards()> raise = [&] {
        auto found = archive_.take_over(taken);
        return found;
    };
    TakenShards found;
    try {
        found = co_await client_.transact(std::move(raising), std::move(raise));
    } catch (const PostgresError& error) {
        if (error.sqlstate() != kFenceLocked) throw;
        found.locked = true;
    }
    co_return found;
}

Task<std::size_t> ArchiveClient::end_holders(ShardEpochs taken) {
    std::function<std::size_t()> end = [&] {
        return client_.server().end_holders(shards_of(taken));
    };
    co_return co_await client_.transact(reading(), std::move(end));
}

Task<LoadedCatalogue> ArchiveClient::catalogue(std::set<ShardId> shards) {
    std::function<LoadedCatalogue()> load = [&] { return archive_.catalogue(shards); };
    co_return co_await client_.transact(reading(), std::move(load));
}

Task<std::vector<Gap>> ArchiveClient::gaps(std::map<ShardId, UtcMinute> from) {
    std::function<std::vector<Gap>()> load = [&] { return archive_.gaps(from); };
    co_return co_await client_.transact(reading(), std::move(load));
}

Task<OpenMinutes> ArchiveClient::open_minutes(std::map<ShardId, UtcMinute> sealed) {
    std::function<OpenMinutes()> load = [&] { return archive_.open_minutes(sealed); };
    co_return co_await client_.transact(reading(), std::move(load));
}

Task<> ArchiveClient::make_partitions(ShardEpochs held) {
    std::function<bool()> make = [&] {
        archive_.check_fences(held, {ShardId{0}});
        return true;
    };
    auto of_shard = terms(std::set<ShardId>{ShardId{0}});
    co_await client_.transact(std::move(of_shard), std::move(make));
}

Task<> ArchiveClient::commit(ShardEpochs held, PlanToStore to_store) {
    std::function<bool()> store = [&] {
        archive_.commit(held, to_store);
        see_(held, to_store.plan.shards());
        return true;
    };
    co_await client_.transact(terms(to_store.plan.shards()), std::move(store));
}

Task<LateOutcome> ArchiveClient::store_late(ShardEpochs held,
                                            std::set<ShardId> shards,
                                            std::vector<Cell> cells) {
    std::function<LateOutcome()> store = [&] {
        auto outcome = archive_.store_late(held, shards, cells);
        see_(held, shards);
        return outcome;
    };
    co_return co_await client_.transact(terms(shards), std::move(store));
}

Task<std::optional<std::vector<RegionId>>> ArchiveClient::decide_regions(
    ShardEpochs held,
    std::set<ShardId> shards,
    std::vector<ShardTally> tallies,
    UtcMinute minute,
    bool out_of_time) {
    std::function<std::optional<std::vector<RegionId>>()> decide = [&] {
        auto decided = archive_.decide_regions(held, shards, tallies, minute, out_of_time);
        see_(held, shards);
        return decided;
    };
    auto alone = shards;
    alone.insert(kRegionDecision);
    co_return co_await client_.transact(terms(std::move(alone)), std::move(decide));
}

Task<Settled> ArchiveClient::settle(ShardEpochs held,
                                    std::map<RegionId, std::uint32_t> agents_alive,
                                    UtcTime /*at*/,
                                    Window /*window*/,
                                    std::size_t minutes_max) {
    std::function<Settled()> settle = [&] {
        auto settled = archive_.settle(held, agents_alive, minutes_max);
        see_(held, {ShardId{0}});
        return settled;
    };
    auto of_shard = terms(std::set<ShardId>{ShardId{0}});
    co_return co_await client_.transact(std::move(of_shard), std::move(settle));
}

Task<coordinator::CatalogueAnswer> CatalogueClient::load(coordinator::CatalogueQuestion question) {
    std::function<coordinator::CatalogueAnswer()> load = [&] {
        auto answer = catalogue_;
        if (question.after == answer.update.generation) {
            answer.update.endpoints.clear();
            answer.update.versions.clear();
        }
        return answer;
    };
    co_return co_await client_.transact(reading(), std::move(load));
}

}  // namespace quorate::simulation
