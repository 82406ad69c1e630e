// An endpoint that is forgotten while an archiver writes of it.
#include <future>

#include <gtest/gtest.h>

#include "archiver/rollup/rollup_store.hpp"
#include "archiver/store/state_store.hpp"
#include "tests/integration/archiver/archive.hpp"
#include "tests/integration/redis/with_client.hpp"

namespace quorate {
namespace {

using testing::Archive;
using testing::World;

/// An archive with an endpoint that is out of the catalogue, and minutes of it in no rollup yet.
struct Forgetting : ::testing::Test {
    Archive archive;
    EndpointId of = archive.endpoint("a");
    UtcMinute first = archive.hour(3);

    Forgetting() {
        archive.insert_plain(of, first, 60);
        archive.world.sql("DELETE FROM quorate.rollup_progress");
        archive.world.remove(of, first.plus(60, Window::minute()));
    }
    /// In transactions of the archiver's role, of another connection.
    template <class Work>
    std::future<void> beside(Work work) const {
        return std::async(std::launch::async, [this, work = std::move(work)] {
            Database other{{.conninfo = archive.world.config().postgres_conninfo,
                            .application_name = "beside",
                            .connections = 1}};
            other.transact_blocking([&](pqxx::work& transaction) {
                transaction.exec("SET LOCAL ROLE quorate_archiver");
                work(transaction);
            });
        });
    }
    /// Until it has ended, or waits for the other one.
    void wait_for_it(const std::future<void>& done) const {
        const std::string waits =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'beside'"
            " AND wait_event_type = 'Lock'";
        for (int i = 0; i < 600; ++i) {
            if (done.wait_for(std::chrono::milliseconds{50}) == std::future_status::ready) return;
            if (archive.world.sql(waits) == "1") return;
        }
        ADD_FAILURE() << "it neither ended nor waits";
    }
    /// What became of it.
    static std::string outcome(std::future<void> done) {
        try {
            done.get();
        } catch (const std::exception& error) {
            return error.what();
        }
        return "done";
    }
    /// Does `work` while the endpoint is being forgotten, which it does not wait for, and again
    /// when it is.
    template <class Work>
    std::string forget_beside(Work work) {
        std::string what;
        archive.database.transact_blocking([&](pqxx::work& transaction) {
            transaction.exec("SELECT count(*) FROM quorate.forget('acme', 'a')");
            auto pending = beside(work);
            wait_for_it(pending);
            EXPECT_EQ(pending.wait_for(std::chrono::seconds{0}), std::future_status::ready)
                << "it waits for as long as somebody forgets";
            pending_ = std::move(pending);
            if (pending_.wait_for(std::chrono::seconds{0}) == std::future_status::ready)
                what = outcome(std::move(pending_));
        });
        if (pending_.valid()) what = outcome(std::move(pending_));
        EXPECT_EQ(outcome(beside(work)), "done");
        return what;
    }
    std::string rows() const {
        return archive.world.sql(
            "SELECT (SELECT count(*) FROM quorate.rollup_hour), (SELECT count(*) FROM"
            " quorate.rollup_day), (SELECT count(*) FROM quorate.rollup_month), (SELECT count(*)"
            " FROM quorate.rolling), (SELECT count(*) FROM quorate.rollup_stale), (SELECT count(*)"
            " FROM quorate.state_log)");
    }
    std::future<void> pending_;
};

TEST_F(Forgetting, ARollupOfTheSameTimeLeavesNothing) {
    const auto shard = archive.world.shard(of);
    const auto until = first.plus(59, Window::minute());
    EXPECT_EQ(forget_beside([shard, until](pqxx::work& work) { roll_up(work, shard, until); }),
              "an endpoint is being forgotten");
    EXPECT_EQ(rows(), "0|0|0|0|0|0");
}

TEST_F(Forgetting, WhatIsNotForgottenAfterAllIsRolledUpLater) {
    const auto shard = archive.world.shard(of);
    const auto until = first.plus(59, Window::minute());
    const auto roll = [shard, until](pqxx::work& work) { roll_up(work, shard, until); };
    EXPECT_THROW(archive.database.transact_blocking([&](pqxx::work& transaction) {
        transaction.exec("SELECT count(*) FROM quorate.forget('acme', 'a')");
        EXPECT_EQ(outcome(beside(roll)), "an endpoint is being forgotten");
        throw std::runtime_error{"not after all"};
    }),
                 std::runtime_error);
    EXPECT_EQ(outcome(beside(roll)), "done");
    EXPECT_EQ(archive.world.sql("SELECT sum(up) FROM quorate.rollup_month"), "60");
}

/// Archivers leave out of what they write whom a forget has locked: it must not lock the living.
TEST_F(Forgetting, WhatIsWatchedIsRefusedAtOnceAndNotLocked) {
    archive.endpoint("alive");
    archive.database.transact_blocking([&](pqxx::work& work) {
        work.exec("SELECT quorate.hold_endpoints(array_agg(id)) FROM quorate.endpoint");
        try {
            archive.world.sql("SET lock_timeout = '2s'; SELECT quorate.forget('acme', '')");
            ADD_FAILURE() << "it was not refused";
        } catch (const std::runtime_error& error) {
            EXPECT_NE(std::string{error.what()}.find("acme/alive is watched still"),
                      std::string::npos)
                << error.what();
        }
    });
}

TEST_F(Forgetting, WaitsForARollupThatIsUnderWay) {
    const auto shard = archive.world.shard(of);
    std::future<void> forgetting;
    archive.database.transact_blocking([&](pqxx::work& work) {
        roll_up(work, shard, first.plus(59, Window::minute()));
        forgetting = std::async(std::launch::async, [this] {
            Database other{{.conninfo = archive.world.config().postgres_conninfo,
                            .application_name = "beside",
                            .connections = 1}};
            other.transact_blocking([](pqxx::work& forget) {
                forget.exec("SELECT count(*) FROM quorate.forget('acme', 'a')");
            });
        });
        wait_for_it(forgetting);
    });
    forgetting.get();
    EXPECT_EQ(rows(), "0|0|0|0|0|0");
}

TEST_F(Forgetting, AnHourThatIsCountedAnewMeanwhileLeavesNothing) {
    archive.world.sql(
        "INSERT INTO quorate.rollup_progress SELECT s, now() FROM generate_series(0, 3) s;"
        "INSERT INTO quorate.rollup_stale VALUES (" +
        std::to_string(of.value()) + ", '" + timestamp_text(first) + "')");
    EXPECT_EQ(forget_beside([](pqxx::work& work) { roll_up_stale(work, World::shards(), 10); }),
              "done");
    EXPECT_EQ(rows(), "0|0|0|0|0|0");
}

TEST_F(Forgetting, ALogThatIsWrittenAnewLeavesItOut) {
    EndpointProgress progress;
    progress.rule.last_minute = first;
    progress.shard = archive.world.shard(of);
    forget_beside([&](pqxx::work& work) {
        ProgressMap nothing;
        const Catalogue catalogue;
        SealPlan plan{nothing, catalogue, SystemClock{}.utc_now()};
        const ShardStates whole{progress.shard, true, {{of, &progress}}};
        store_states(work, plan, {whole});
    });
    EXPECT_EQ(
        archive.world.sql("SELECT coalesce(sum(cardinality(endpoints)), 0) FROM quorate.state_log"),
        "0");
}

TEST(RedisOfAForgottenEndpoint, HoldsNothingOfItOnceItIsSealed) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    const auto first = world.minute(-4);
    const auto endpoint = world.endpoint("search", regions, first);
    world.remove(endpoint, first.plus(2, world.window));
    // Keys of cells, of who has reported, and of late cells.
    const auto left = [](RedisClient& client) -> Task<std::size_t> {
        RedisArgs command{"KEYS", "{s*}:r*"};
        const auto reply = co_await client.run(std::move(command));
        co_return reply.list().size();
    };
    const auto forget = [&] { world.sql("SELECT count(*) FROM quorate.forget('acme', 'search')"); };
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await world.record(client, endpoint, first, "F.u");
        co_await world.record(client, endpoint, first.plus(1, world.window), "...");
        const auto before = co_await left(client);
        EXPECT_GT(before, 0U);
    });
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT min(minute) >= '" +
                                      to_rfc3339(first.plus(2, world.window)) +
                                      "' FROM quorate.shard_watermark",
                                  "t");
        forget();
        co_await world.record(client, endpoint, first, "uu.");  // late, and of nobody
        std::size_t keys = 0;
        const auto none = [&]() -> Task<bool> {
            keys = co_await left(client);
            co_return keys == 0;
        };
        co_await testing::eventually(none, std::chrono::seconds{60});
        EXPECT_EQ(keys, 0U);
    });
    EXPECT_EQ(world.sql("SELECT (SELECT count(*) FROM quorate.minute) +"
                        " (SELECT count(*) FROM quorate.rollup_hour) +"
                        " (SELECT count(*) FROM quorate.rollup_stale)"),
              "0");
}

}  // namespace
}  // namespace quorate
