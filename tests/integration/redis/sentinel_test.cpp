#include "tests/integration/redis/sentinel.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace quorate {
namespace {

using testing::ask;
using testing::by_sentinels;
using testing::eventually;
using ::testing::HasSubstr;
using testing::is_answering;
using testing::kSentinel;
using testing::kTcp;
using testing::options_for;
using testing::port_of;
using testing::RedisServer;
using testing::replica_of;
using testing::wait_until_the_replica_is_known;
using testing::WatchedClient;
using testing::watching;
using testing::why_unavailable;
using testing::why_unreachable;
using testing::with_watched;

/// Whether a write is taken.
Task<bool> takes_a_write(RedisClient& client) {
    RedisArgs set{"SET", "after", "2"};
    try {
        co_await client.run(std::move(set), milliseconds{500});
        co_return true;
    } catch (const RedisUnavailable&) {
        co_return false;
    }
}

TEST(RedisSentinel, AKilledMastersReplicaTakesOverAndTheClientGoesOnThere) {
    RedisServer master{kTcp};
    const RedisServer replica{kTcp, replica_of(master)};
    const RedisServer sentinel{kSentinel, watching(master)};
    wait_until_the_replica_is_known(sentinel);
    with_watched(by_sentinels({&sentinel}), [&](WatchedClient& watched) -> Task<> {
        RedisArgs set{"SET", "before", "1"};
        RedisArgs wait{"WAIT", "1", "10000"};
        EXPECT_EQ(co_await ask(watched.client, std::move(set)), "OK");
        const auto copied = co_await watched.client.run(std::move(wait));
        EXPECT_EQ(copied.integer(), 1);

        master.kill();
        const auto writing = [&] { return takes_a_write(watched.client); };
        EXPECT_TRUE(co_await eventually(writing));
        RedisArgs get{"GET", "before"};
        EXPECT_EQ(co_await ask(watched.client, std::move(get)), "1");
        RedisArgs port{"CONFIG", "GET", "port"};
        const auto there = co_await watched.client.run(std::move(port));
        EXPECT_EQ(there.list().at(1).text(), port_of(replica));
        EXPECT_EQ(watched.connects, 2);
    });
}

TEST(RedisSentinel, AMasterThatIsMadeAReplicaIsLeftAtTheNextWrite) {
    const RedisServer first{kTcp};
    const RedisServer second{kTcp, replica_of(first)};
    const RedisServer sentinel{kSentinel, watching(first)};
    wait_until_the_replica_is_known(sentinel);
    with_watched(by_sentinels({&sentinel}), [&](WatchedClient& watched) -> Task<> {
        const auto answering = [&] { return is_answering(watched.client); };
        EXPECT_TRUE(co_await eventually(answering));
        WatchedClient at_sentinel{co_await asio::this_coro::executor, options_for(sentinel)};
        std::vector<RedisClient*> clients{&at_sentinel.client};
        std::function<Task<>()> fail_over = [&]() -> Task<> {
            RedisArgs command{"SENTINEL", "FAILOVER", "quorate"};
            EXPECT_EQ(co_await ask(at_sentinel.client, std::move(command)), "OK");
        };
        co_await testing::serving(std::move(clients), std::move(fail_over));
        const auto moved = [&]() -> Task<bool> {
            const bool written = co_await takes_a_write(watched.client);
            if (!written) co_return false;
            RedisArgs port{"CONFIG", "GET", "port"};
            try {
                const auto there = co_await watched.client.run(std::move(port));
                co_return there.list().at(1).text() == port_of(second);
            } catch (const RedisUnavailable&) {
                co_return false;
            }
        };
        EXPECT_TRUE(co_await eventually(moved, std::chrono::seconds{60}));
    });
}

TEST(RedisSentinel, AReadOnlyAnswerBreaksTheConnectionWhereThereIsNoSentinelToo) {
    const RedisServer master{kTcp};
    const RedisServer replica{kTcp, replica_of(master)};
    with_watched(options_for(replica), [](WatchedClient& watched) -> Task<> {
        const auto answering = [&] { return is_answering(watched.client); };
        EXPECT_TRUE(co_await eventually(answering));
        RedisArgs set{"SET", "key", "1"};
        std::string why;
        try {
            co_await watched.client.run(std::move(set));
        } catch (const RedisUnavailable& error) {
            why = error.what();
        }
        EXPECT_THAT(why, HasSubstr("READONLY"));
        EXPECT_TRUE(co_await eventually(answering));
        EXPECT_GE(watched.connects, 2);
    });
}

TEST(RedisSentinel, OneThatNamesAReplicaIsNotBelieved) {
    const RedisServer master{kTcp};
    const RedisServer replica{kTcp, replica_of(master)};
    // It would correct itself after a while: the time that it takes for a failover.
    const RedisServer sentinel{kSentinel,
                               {"sentinel monitor quorate 127.0.0.1 " + port_of(replica) + " 1",
                                "sentinel down-after-milliseconds quorate 600000"}};
    EXPECT_THAT(why_unreachable(by_sentinels({&sentinel})), HasSubstr("is no master but a slave"));
}

TEST(RedisSentinel, SentinelsThatAreAwayOrKnowNothingArePassedOver) {
    const RedisServer master{kTcp};
    RedisServer away{kSentinel, watching(master)};
    const RedisServer ignorant{kSentinel};
    const RedisServer knowing{kSentinel, watching(master, "requirepass letmein")};
    away.kill();
    auto options = by_sentinels({&away, &ignorant});
    const auto why = why_unreachable(options);
    EXPECT_THAT(why, HasSubstr("no sentinel says where the master quorate is"));
    EXPECT_THAT(why, HasSubstr(port_of(away) + ": Connection refused"));
    EXPECT_THAT(why, HasSubstr(port_of(ignorant) + ": knows no master of that name"));

    options = by_sentinels({&away, &ignorant, &knowing});
    EXPECT_THAT(why_unreachable(options), HasSubstr("NOAUTH"));
    options.sentinel_login.password = "letmein";
    with_watched(options, [](WatchedClient& watched) -> Task<> {
        const auto answering = [&] { return is_answering(watched.client); };
        EXPECT_TRUE(co_await eventually(answering));
    });
}

}  // namespace
}  // namespace quorate
