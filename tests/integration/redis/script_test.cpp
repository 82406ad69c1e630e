#include "platform/redis/script.hpp"

#include "tests/integration/redis/with_client.hpp"

namespace quorate {
namespace {

using testing::RedisServer;
using testing::with_client;

std::vector<RedisScript::Call> increments(int count) {
    std::vector<RedisScript::Call> calls;
    for (int i = 0; i < count; ++i)
        calls.push_back({{"counter"}, {std::to_string(i)}});
    return calls;
}

TEST(RedisScript, AfterScriptFlushEveryCallStillRunsOnce) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        const RedisScript script{"return {redis.call('INCR', KEYS[1]), ARGV[1]}"};
        for (int round = 0; round < 3; ++round) {
            auto calls = increments(10);
            const auto replies = co_await script.run_all(client, std::move(calls));
            EXPECT_EQ(replies.size(), 10U);
            for (int i = 0; i < 10; ++i) {
                EXPECT_EQ(replies[i].list().at(0).integer(), round * 10 + i + 1);
                EXPECT_EQ(replies[i].list().at(1).text(), std::to_string(i));
            }
            RedisArgs flush{"SCRIPT", "FLUSH"};
            co_await client.run(std::move(flush));
        }
    });
}

#ifndef QUORATE_ON_MODEL_REDIS  // at a command that it does not know it stops the run
TEST(RedisScript, AnErrorInTheScriptIsARedisError) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        const RedisScript script{"return redis.call('NOSUCHCOMMAND')"};
        RedisScript::Call call;
        bool failed = false;
        try {
            co_await script.run(client, std::move(call));
        } catch (const RedisError&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
    });
}
#endif

}  // namespace
}  // namespace quorate
