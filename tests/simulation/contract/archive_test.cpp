// What archivers keep, in Postgres and in the model of it: the same cases for both.
#include <functional>
#include <memory>

#include <gtest/gtest.h>

#include "archiver/store/postgres_archive.hpp"
#include "core/schedule/schedule.hpp"
#include "tests/integration/archiver/world.hpp"
#include "tests/simulation/model_archive.hpp"

namespace quorate {
namespace {

using simulation::ModelArchive;
using testing::run_on_executor;
using testing::World;

const Window kWindow = Window::minute();

/// The model without a network: each function at once.
class DirectArchive final : public ArchiveStore {
public:
    explicit DirectArchive(ModelArchive& model) : model_{model} {}
    Task<TakenShards> take_over(ShardEpochs taken) override { co_return model_.take_over(taken); }
    Task<std::size_t> end_holders(ShardEpochs /*taken*/) override { co_return std::size_t{0}; }
    Task<LoadedCatalogue> catalogue(std::set<ShardId> shards) override {
        co_return model_.catalogue(shards);
    }
    Task<std::vector<Gap>> gaps(std::map<ShardId, UtcMinute> from) override {
        co_return model_.gaps(from);
    }
    Task<OpenMinutes> open_minutes(std::map<ShardId, UtcMinute> sealed) override {
        co_return model_.open_minutes(sealed);
    }
    Task<> make_partitions(ShardEpochs held) override {
        model_.check_fences(held, {ShardId{0}});
        co_return;
    }
    Task<> commit(ShardEpochs held, PlanToStore to_store) override {
        model_.commit(held, to_store);
        co_return;
    }
    Task<LateOutcome> store_late(ShardEpochs held,
                                 std::set<ShardId> shards,
                                 std::vector<Cell> cells) override {
        co_return model_.store_late(held, shards, cells);
    }
    Task<std::optional<std::vector<RegionId>>> decide_regions(ShardEpochs held,
                                                              std::set<ShardId> shards,
                                                              std::vector<ShardTally> tallies,
                                                              UtcMinute minute,
                                                              bool out_of_time) override {
        co_return model_.decide_regions(held, shards, tallies, minute, out_of_time);
    }
    Task<Settled> settle(ShardEpochs held,
                         std::map<RegionId, std::uint32_t> agents_alive,
                         UtcTime /*at*/,
                         Window /*window*/,
                         std::size_t minutes_max) override {
        co_return model_.settle(held, agents_alive, minutes_max);
    }

private:
    ModelArchive& model_;
};

enum class Kind { postgres, model };

/// Two endpoints that three regions look at, in shards 1 and 2; all under lease 10.
class ArchiveContract : public ::testing::TestWithParam<Kind> {
protected:
    ArchiveContract() {
        for (const auto* name : {"a", "b", "c"})
            regions_.push_back(world_.region(name));
        for (const auto* name : {"one", "two"})
            endpoints_.push_back(world_.endpoint(name, regions_, world_.minute(-5)));
        if (GetParam() == Kind::postgres) {
            database_ = std::make_unique<Database>(DatabaseOptions{
                .conninfo = testing::cluster().conninfo(world_.name), .application_name = "test"});
            store_ = std::make_unique<PostgresArchive>(*database_);
        } else {
            for (const auto endpoint : endpoints_)
                model_.versions.push_back(version(endpoint));
            for (std::size_t i = 0; i < regions_.size(); ++i)
                model_.regions.emplace(regions_[i], std::string(1, static_cast<char>('a' + i)));
            store_ = std::make_unique<DirectArchive>(model_);
        }
        run([this]() -> Task<> {
            co_await take(10);
            auto loaded = co_await store_->catalogue(shards());
            names_ = loaded.regions;
            catalogue_ = Catalogue{std::move(loaded.versions), kWindow};
        });
    }

    EndpointVersion version(EndpointId endpoint) const {
        EndpointVersion made;
        made.endpoint = endpoint;
        made.shard = world_.shard(endpoint);
        made.cell_slot = World::slot(endpoint);
        made.tenant = "acme";
        made.name = endpoint == endpoints_[0] ? "one" : "two";
        made.valid_from = world_.minute(-5);
        made.regions = regions_;
        made.interval = kWindow.length();
        return made;
    }

    static void run(const std::function<Task<>()>& body) { run_on_executor(body); }

    std::set<ShardId> shards() const {
        return {world_.shard(endpoints_[0]), world_.shard(endpoints_[1])};
    }
    ShardEpochs epochs(std::uint64_t epoch) const {
        ShardEpochs all;
        for (const auto shard : shards())
            all.emplace(shard, epoch);
        return all;
    }
    Task<TakenShards> take(std::uint64_t epoch) { return store_->take_over(epochs(epoch)); }

    /// Seals a minute of the endpoint; a symbol per region, see World::cell, `u` for none.
    void seal(SealPlan& plan,
              std::size_t endpoint,
              std::int64_t minute,
              const std::string& symbols) {
        std::vector<Cell> cells;
        for (std::size_t i = 0; i < symbols.size(); ++i)
            if (symbols[i] != 'u')
                cells.push_back(world_.cell(
                    endpoints_[endpoint], regions_[i], world_.minute(minute), symbols[i]));
        const auto* expected = catalogue_.expected(endpoints_[endpoint], world_.minute(minute));
        plan.seal(
            *expected, world_.minute(minute), std::move(cells), [](RegionId) { return true; });
    }
    SealPlan plan_at(std::int64_t minute) {
        return SealPlan{progress_, catalogue_, watermark(world_.minute(minute), kWindow)};
    }
    /// @return what it was refused for; empty: it was taken
    Task<std::string> commit(SealPlan& plan, std::uint64_t epoch = 10) {
        const auto states = journal_.entries(plan);
        PlanToStore to_store{plan, states, names_, [] {}};
        try {
            co_await store_->commit(epochs(epoch), std::move(to_store));
        } catch (const ShardsFenced&) {
            co_return std::string{"fenced"};
        } catch (const PostgresError& error) {
            co_return error.sqlstate();
        }
        journal_.stored(states);
        for (const auto& [endpoint, progress] : plan.changed)
            progress_[endpoint] = progress;
        co_return std::string{};
    }
    /// One minute of the first endpoint, committed.
    Task<> sealed(std::int64_t minute, std::string symbols) {
        auto plan = plan_at(minute);
        seal(plan, 0, minute, symbols);
        const auto refused = co_await commit(plan);
        EXPECT_EQ(refused, "");
    }

    World world_{kWindow};
    std::vector<RegionId> regions_;
    std::vector<EndpointId> endpoints_;
    ModelArchive model_;
    std::unique_ptr<Database> database_;
    std::unique_ptr<ArchiveStore> store_;
    RegionNames names_;
    Catalogue catalogue_;
    ProgressMap progress_;
    StateJournal journal_;
};

TEST_P(ArchiveContract, TheCatalogueHasVersionsSlotsAndNames) {
    run([this]() -> Task<> {
        const auto loaded = co_await store_->catalogue(shards());
        EXPECT_EQ(loaded.versions.size(), 2U);
        EXPECT_EQ(loaded.regions.size(), 3U);
        for (const auto endpoint : endpoints_)
            EXPECT_EQ(loaded.slots.at(world_.shard(endpoint)), World::slot(endpoint) + 1);
        std::set<ShardId> one{world_.shard(endpoints_[0])};
        const auto some = co_await store_->catalogue(std::move(one));
        EXPECT_EQ(some.versions.size(), 1U);
    });
}

TEST_P(ArchiveContract, AFenceOnlyRises) {
    run([this]() -> Task<> {
        const auto lower = co_await take(9);
        EXPECT_EQ(lower.refused, epochs(10));
        const auto same = co_await take(10);
        EXPECT_TRUE(same.refused.empty());
        const auto higher = co_await take(11);
        EXPECT_TRUE(higher.refused.empty());
        const auto back = co_await take(10);
        EXPECT_EQ(back.refused, epochs(11));
    });
}

TEST_P(ArchiveContract, NothingIsCommittedUnderALeaseThatAnotherHas) {
    run([this]() -> Task<> {
        co_await take(11);
        auto plan = plan_at(-4);
        seal(plan, 0, -4, "...");
        plan.watermarks.push_back({world_.shard(endpoints_[0]), world_.minute(-4)});
        EXPECT_EQ(co_await commit(plan), "fenced");
        const auto taken = co_await take(11);
        EXPECT_TRUE(taken.committed.states.progress.empty());
        EXPECT_TRUE(taken.committed.watermarks.empty());
    });
}

TEST_P(ArchiveContract, AMinuteIsStoredOnceAndAPlanThatRepeatsOneChangesNothing) {
    run([this]() -> Task<> {
        auto again = plan_at(-4);  // made before the first one was committed
        seal(again, 0, -4, "FFF");
        seal(again, 1, -4, "...");
        again.watermarks.push_back({world_.shard(endpoints_[1]), world_.minute(-4)});
        co_await sealed(-4, "...");
        EXPECT_EQ(co_await commit(again), "23505");
        const auto taken = co_await take(10);
        EXPECT_EQ(taken.committed.states.progress.size(), 1U);
        EXPECT_TRUE(taken.committed.watermarks.empty());
    });
}

TEST_P(ArchiveContract, StatesComeBackAsTheyWereCommitted) {
    run([this]() -> Task<> {
        co_await sealed(-5, "...");
        co_await sealed(-4, "FF.");
        co_await sealed(-3, "FF.");
        co_await sealed(-2, "FF.");
        auto taken = co_await take(10);
        const auto& loaded = taken.committed.states.progress.at(endpoints_[0]);
        const auto& ours = progress_.at(endpoints_[0]);
        EXPECT_EQ(loaded.rule, ours.rule);
        EXPECT_EQ(loaded.notices, ours.notices);
        EXPECT_EQ(loaded.scope, ours.scope);
        EXPECT_EQ(loaded.cells, ours.cells);
        EXPECT_EQ(loaded.voters, ours.voters);
        EXPECT_EQ(loaded.since, ours.since);
        EXPECT_TRUE(loaded.rule.incident.open);
        EXPECT_TRUE(loaded.rule.incident.id.has_value());
    });
}

TEST_P(ArchiveContract, AStateThatIsNotLoggedAgainIsOfTheLastMinute) {
    run([this]() -> Task<> {
        co_await sealed(-5, "...");
        co_await sealed(-4, "...");
        co_await sealed(-3, "...");
        co_await sealed(-2, "...");
        auto taken = co_await take(10);
        EXPECT_EQ(taken.committed.states.progress.at(endpoints_[0]).rule.last_minute,
                  world_.minute(-2));
        const auto logged = taken.committed.states.logged.states.at(world_.shard(endpoints_[0]));
        EXPECT_LT(logged, 4U) << "none of the minutes that changed nothing was left out";
    });
}

TEST_P(ArchiveContract, AWatermarkNeverGoesBack) {
    run([this]() -> Task<> {
        const auto shard = world_.shard(endpoints_[0]);
        for (const auto minute : {-4, -3, -4}) {
            auto plan = plan_at(-3);
            plan.watermarks.push_back({shard, world_.minute(minute)});
            EXPECT_EQ(co_await commit(plan), "");
        }
        const auto taken = co_await take(10);
        EXPECT_EQ(taken.committed.watermarks,
                  (std::map<ShardId, UtcMinute>{{shard, world_.minute(-3)}}));
    });
}

TEST_P(ArchiveContract, ALateCellFillsAGapOnce) {
    run([this]() -> Task<> {
        co_await sealed(-4, ".u.");
        const auto shard = world_.shard(endpoints_[0]);
        const std::map<ShardId, UtcMinute> from{{shard, world_.minute(-5)}};
        auto gaps = co_await store_->gaps(from);
        EXPECT_EQ(gaps.size(), 1U);
        EXPECT_EQ(gaps.at(0).regions, std::vector{regions_[1]});
        EXPECT_EQ(gaps.at(0).minute, world_.minute(-4));
        const std::map<ShardId, UtcMinute> later{{shard, world_.minute(-3)}};
        gaps = co_await store_->gaps(later);
        EXPECT_TRUE(gaps.empty());
        for (const auto region : {regions_[0], regions_[1], regions_[1]}) {
            std::set<ShardId> of{shard};
            std::vector<Cell> cells{world_.cell(endpoints_[0], region, world_.minute(-4), 'F'),
                                    world_.cell(endpoints_[0], region, world_.minute(-2), 'F')};
            const auto outcome =
                co_await store_->store_late(epochs(10), std::move(of), std::move(cells));
            EXPECT_EQ(outcome.unexpected, 1U);
            EXPECT_EQ(outcome.stored + outcome.duplicate, 1U);
        }
        gaps = co_await store_->gaps(from);
        EXPECT_TRUE(gaps.empty());
        std::set<ShardId> of{shard};
        std::vector<Cell> none;
        bool fenced = false;
        try {
            co_await store_->store_late(epochs(9), std::move(of), std::move(none));
        } catch (const ShardsFenced&) {
            fenced = true;
        }
        EXPECT_TRUE(fenced);
    });
}

TEST_P(ArchiveContract, MinutesAfterTheWatermarkAreOpenAndTellTheirVerdicts) {
    run([this]() -> Task<> {
        co_await sealed(-4, "F..");
        co_await sealed(-3, "..u");
        const std::map<ShardId, UtcMinute> sealed_until{
            {world_.shard(endpoints_[0]), world_.minute(-4)}};
        const auto open = co_await store_->open_minutes(sealed_until);
        EXPECT_EQ(open.sealed.size(), 1U);
        EXPECT_EQ(open.sealed.at(0).minute, world_.minute(-3));
        EXPECT_EQ(open.sealed.at(0).cells.at(2).verdict, Verdict::unknown);
        EXPECT_EQ(open.sealed.at(0).cells.at(0).verdict, Verdict::up);
        EXPECT_TRUE(open.decided.empty());
    });
}

TEST_P(ArchiveContract, ItIsDecidedOnceWhichRegionsAreBelieved) {
    run([this]() -> Task<> {
        auto begun = plan_at(-4);
        for (const auto endpoint : endpoints_)
            begun.watermarks.push_back({world_.shard(endpoint), world_.minute(-5)});
        EXPECT_EQ(co_await commit(begun), "");
        const auto minute = world_.minute(-4);
        RegionTally bad;
        bad.voters = 6;
        bad.fails = 6;
        bad.lone_fails = 6;
        bad.hosts = {1, 2, 3};
        bad.host_count = 3;
        const auto decide = [&](std::size_t endpoint, bool out_of_time) {
            const auto shard = world_.shard(endpoints_[endpoint]);
            std::vector<ShardTally> tallies{{minute, shard, {{regions_[0], bad}}}};
            return store_->decide_regions(
                epochs(10), std::set<ShardId>{shard}, std::move(tallies), minute, out_of_time);
        };
        auto decided = co_await decide(0, false);
        EXPECT_FALSE(decided) << "the other shard has not told";
        decided = co_await decide(1, false);
        const std::vector<RegionId> first{regions_[0]};
        EXPECT_EQ(decided, first);
        std::vector<ShardTally> none;
        std::set<ShardId> nobody;
        decided = co_await store_->decide_regions(
            epochs(10), std::move(nobody), std::move(none), minute, true);
        EXPECT_EQ(decided, first) << "it stands";

        const std::map<ShardId, UtcMinute> sealed_until{
            {world_.shard(endpoints_[0]), world_.minute(-5)}};
        const auto open = co_await store_->open_minutes(sealed_until);
        EXPECT_EQ(open.decided.at(minute), first);
    });
}

TEST_P(ArchiveContract, MinutesAreSettledUpToTheLastThatAllShardsHaveSealed) {
    run([this]() -> Task<> {
        const ShardEpochs house{{ShardId{0}, 3}};
        co_await store_->take_over(house);
        const std::map<RegionId, std::uint32_t> agents;
        const UtcTime now{world_.minute(0).start()};
        auto settled = co_await store_->settle(house, agents, now, kWindow, 50);
        EXPECT_FALSE(settled.until);
        auto plan = plan_at(-3);
        plan.watermarks.push_back({world_.shard(endpoints_[0]), world_.minute(-3)});
        plan.watermarks.push_back({world_.shard(endpoints_[1]), world_.minute(-4)});
        plan.tallies.push_back({world_.minute(-4), world_.shard(endpoints_[0]), {}});
        EXPECT_EQ(co_await commit(plan), "");
        settled = co_await store_->settle(house, agents, now, kWindow, 50);
        EXPECT_EQ(settled.until, world_.minute(-4));
        bool fenced = false;
        const ShardEpochs old{{ShardId{0}, 2}};
        try {
            co_await store_->settle(old, agents, now, kWindow, 50);
        } catch (const ShardsFenced&) {
            fenced = true;
        }
        EXPECT_TRUE(fenced);
    });
}

std::string name_of(const ::testing::TestParamInfo<Kind>& kind) {
    return kind.param == Kind::postgres ? "Postgres" : "Model";
}

INSTANTIATE_TEST_SUITE_P(Stores,
                         ArchiveContract,
                         ::testing::Values(Kind::postgres, Kind::model),
                         name_of);

}  // namespace
}  // namespace quorate
