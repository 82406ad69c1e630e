#include "platform/redis/acl.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/holds.hpp"
#include "platform/redis/job_consumer.hpp"
#include "platform/redis/job_queue.hpp"
#include "platform/redis/keys.hpp"
#include "platform/redis/manifests.hpp"
#include "platform/redis/orders.hpp"
#include "tests/integration/redis/cells.hpp"
#include "tests/integration/redis/watched.hpp"
#include "tests/unit/platform/wire/random_model.hpp"

namespace quorate {
namespace {

using testing::options_for;
using testing::RandomModel;
using testing::RedisServer;
using testing::refusal_of;

const std::string kOwn = "us-east";
const std::string kForeign = "us-east-2";  // its name begins like ours
const RegionId kOwnId{1};
const RegionId kForeignId{11};

/// A server with an agent's user of the region `kOwn`, an operator's client and two of the agent.
struct Bench {
    Bench(asio::any_io_executor executor, const RedisServer& server)
        : operators{executor, options_for(server)},
          agents{executor, as_agent(server)},
          blocking{executor, as_agent(server)} {}

    static RedisClientOptions as_agent(const RedisServer& server) {
        auto options = options_for(server);
        options.login = {"agent-" + kOwn, "hunter2", {}};
        return options;
    }

    Task<> add_user() {
        RedisArgs command{"ACL", "SETUSER", "agent-" + kOwn, "on", ">hunter2"};
        const auto rules = agent_acl_rules(kOwn, kOwnId);
        command.insert(command.end(), rules.begin(), rules.end());
        const auto reply = co_await operators.run(std::move(command));
        EXPECT_EQ(reply.text(), "OK");
    }

    /// As coordinators do.
    Task<> load_scripts() {
        for (const auto script : agent_scripts()) {
            RedisArgs command{"SCRIPT", "LOAD", std::string{script}};
            co_await operators.run_everywhere(std::move(command));
        }
    }

    Task<> enqueue(std::string region, std::size_t count) {
        RandomModel random{1};
        std::vector<Job> jobs;
        for (std::size_t i = 0; i < count; ++i)
            jobs.push_back(random.job());
        co_await testing::put_jobs(operators, std::move(region), std::move(jobs));
    }

    RedisClient operators;
    RedisClient agents;
    RedisClient blocking;
};

void on_bench(const std::function<Task<>(Bench&)>& body) {
    const RedisServer server{RedisServer::Listen::tcp};
    testing::run_on_executor([&]() -> Task<> {
        Bench bench{co_await asio::this_coro::executor, server};
        std::function<Task<>()> inner = [&] { return body(bench); };
        // An agent that came before its user would be refused, and wait before it tries again.
        std::function<Task<>()> prepared = [&]() -> Task<> {
            co_await bench.add_user();
            co_await bench.load_scripts();
            std::vector<RedisClient*> clients{&bench.agents, &bench.blocking};
            co_await testing::serving(std::move(clients), std::move(inner));
        };
        std::vector<RedisClient*> clients{&bench.operators};
        co_await testing::serving(std::move(clients), std::move(prepared));
    });
}

/// A cell of which two are expected; one with details, as a cell of trouble has them.
CellToRecord cell(std::uint64_t region, Verdict verdict = Verdict::up) {
    auto made = testing::cell_of(1, region);
    made.verdict = verdict;
    return testing::to_record(made, 2);
}

TEST(RedisAcl, AnAgentCanDoAllOfItsWork) {
    on_bench([](Bench& bench) -> Task<> {
        co_await bench.enqueue(kOwn, 3);
        JobConsumer consumer{bench.agents, bench.blocking, kOwn, "agent-1"};
        const auto taken = co_await consumer.read(10, milliseconds{1000});
        EXPECT_EQ(taken.size(), 3U);
        if (taken.size() != 3U) co_return;
        const auto holders = co_await consumer.holders();
        EXPECT_EQ(holders.size(), 1U);
        std::vector<std::string> back{taken[0].entry};
        EXPECT_EQ(co_await consumer.give_back(std::move(back)), 1U);
        std::vector<std::string> done{taken[1].entry};
        co_await consumer.finish(std::move(done));
        const auto own = co_await consumer.read_own(10, "");
        EXPECT_EQ(own.size(), 1U);
        const auto forgotten = co_await consumer.forget_silent(std::chrono::hours{24});
        EXPECT_EQ(forgotten, 0U);
        JobConsumer second{bench.agents, bench.blocking, kOwn, "agent-2"};
        const auto claimed = [&]() -> Task<bool> {
            const auto jobs = co_await second.claim("agent-1", 10);
            co_return jobs.size() == 1;
        };
        EXPECT_TRUE(co_await testing::eventually(claimed));

        CellBuffer operators{bench.operators};
        std::vector<CellToRecord> foreign{cell(2)};
        co_await operators.record(std::move(foreign));
        CellBuffer buffer{bench.agents};
        for (const auto wanted : {Recorded::fresh, Recorded::duplicate}) {
            std::vector<CellToRecord> cells{cell(1)};
            const auto answers = co_await buffer.record(std::move(cells));
            EXPECT_EQ(answers, std::vector<Recorded>{wanted});
        }
        std::vector<CellToRecord> other{cell(1, Verdict::fail)};
        const auto merged = co_await buffer.record(std::move(other));
        EXPECT_EQ(merged, std::vector<Recorded>{Recorded::merged});
        const auto complete = co_await testing::announced(operators, testing::kShard);
        EXPECT_EQ(complete.size(), 1U);
        std::vector<ShardMinute> minutes{{testing::kShard, testing::kMinute}};
        co_await operators.seal(std::move(minutes));
        std::vector<CellToRecord> late{cell(1)};
        const auto too_late = co_await buffer.record(std::move(late));
        EXPECT_EQ(too_late, std::vector<Recorded>{Recorded::late});

        Heartbeat heartbeat;
        heartbeat.agent = "agent-1";
        heartbeat.version = "1";
        heartbeat.missed_total = 7;
        co_await write_heartbeat(bench.agents, kOwn, heartbeat);
        std::vector<std::string> regions{kOwn};
        const auto fleet = co_await read_heartbeats(bench.agents, std::move(regions));
        EXPECT_EQ(fleet.at(0).agents.size(), 1U);
        co_await forget_agent(bench.agents, kOwn, "agent-1");
        RedisArgs kept{"HGET", keys::counts(kOwn), "missed"};
        const auto missed = co_await bench.operators.run(std::move(kept));
        EXPECT_EQ(missed.text(), "7");
        co_await redis_time(bench.agents);
        std::vector<ManifestContent> lists{{std::string(64, 'a'), "[]"}};
        co_await put_manifests(bench.agents, kOwn, std::move(lists));
        std::vector<ManifestName> names{{kOwn, std::string(64, 'a')}};
        const auto texts = co_await read_manifests(bench.operators, std::move(names));
        EXPECT_EQ(texts.at(0), "[]");
        std::vector<Hold> holds{{EndpointId{7}, 8, UtcTime{milliseconds{9}}}};
        co_await tell_holds(bench.agents, kOwn, std::move(holds));
        const auto told = co_await read_holds(bench.agents, kOwn, "");
        EXPECT_EQ(told.holds.size(), 1U);

        Job job;
        job.id = "run-1";
        job.region = kOwn;
        std::vector<Job> orders{job};
        const auto failures = co_await give_orders(bench.operators, std::move(orders));
        EXPECT_EQ(failures, std::vector<std::string>{""});
        const auto order = co_await take_order(bench.blocking, kOwn, milliseconds{1000});
        EXPECT_TRUE(order.has_value());
        OrderName name{kOwn, "run-1"};
        co_await put_answer(bench.agents, name, "record");
        std::vector<OrderName> asked{name, {kOwn, "run-2"}};
        const auto answers = co_await read_answers(bench.operators, std::move(asked));
        EXPECT_EQ(answers.at(0), "record");
        EXPECT_FALSE(answers.at(1).has_value());
    });
}

TEST(RedisAcl, AStolenCredentialReachesNoOtherRegionAndNothingOfTheServer) {
    on_bench([](Bench& bench) -> Task<> {
        co_await bench.enqueue(kForeign, 2);
        const auto jobs = keys::jobs(kForeign);
        const auto fleet = keys::agents(kForeign);
        const std::string group{keys::kAgents};
        const auto shard = testing::kShard;
        const auto minute = testing::kMinute;
        const auto cells = keys::cells(shard, kForeignId, minute, 0);
        const auto presence = keys::presence(shard, kForeignId, minute);
        const std::vector<RedisArgs> tries{
            {"XREADGROUP", "GROUP", group, "thief", "STREAMS", jobs, ">"},
            {"XREAD", "STREAMS", jobs, "0"},
            {"XRANGE", jobs, "-", "+"},
            {"XPENDING", jobs, group},
            {"XCLAIM", jobs, group, "thief", "0", "1-1"},
            {"XACK", jobs, group, "1-1"},
            {"XDEL", jobs, "1-1"},
            {"XADD", jobs, "*", "j", "forged"},
            {"XGROUP", "CREATE", jobs, "mine", "0"},
            {"XGROUP", "DESTROY", keys::jobs(kOwn), group},
            {"XGROUP", "DELCONSUMER", jobs, group, "agent-1"},
            {"XINFO", "CONSUMERS", jobs, group},
            {"XTRIM", keys::jobs(kOwn), "MAXLEN", "0"},
            {"DEL", jobs},
            {"RENAME", jobs, keys::jobs(kOwn)},
            {"COPY", jobs, keys::jobs(kOwn)},
            {"HSET", fleet, "agent-1", "{}"},
            {"HGETALL", fleet},
            {"XADD", keys::holds(kForeign), "*", "h", "1 2 3"},
            {"XRANGE", keys::holds(kForeign), "-", "+"},
            {"SET", keys::manifest(kForeign, "a"), "forged"},
            {"GET", keys::manifest(kForeign, "a")},
            {"GETRANGE", keys::manifest(kOwn, "a"), "0", "1"},
            {"UNLINK", keys::manifest(kOwn, "a")},
            {"EXPIRE", keys::manifest(kForeign, "a"), "0"},
            {"BLPOP", keys::orders(kForeign), "1"},
            {"RPUSH", keys::orders(kOwn), "forged"},
            {"SET", keys::answer(kForeign, "run-1"), "forged"},
            {"GET", keys::answer(kOwn, "run-1")},
            {"SET", keys::jobs(kOwn), "forged"},
            {"SET", keys::fence(kOwn), "forged"},
            {"EVAL",
             "return redis.call('SET', KEYS[1], 'forged')",
             "1",
             keys::manifest(kForeign, "a")},
            {"HDEL", fleet, "agent-1"},
            {"HINCRBY", keys::counts(kForeign), "missed", "1"},
            {"HSET", keys::planned(kOwn), "until_ms", "0"},
            {"HSET", keys::planned(kForeign), "until_ms", "0"},
            {"HSET", keys::fence(kOwn), "1", "0"},
            {"HDEL", keys::fence(kOwn), "1"},
            {"HSET", keys::fence(kForeign), "1", "0"},
            {"HSET", keys::lease(SharedWork::planning, shard), "until_ms", "0"},
            {"HSET", keys::lease(SharedWork::sealing, shard), "until_ms", "0"},
            {"HGETALL", keys::heartbeats(SharedWork::planning)},
            {"HGETALL", keys::heartbeats(SharedWork::sealing)},
            {"EVAL", "return redis.call('XRANGE', KEYS[1], '-', '+')", "1", jobs},
            {"GET", cells},
            {"SETRANGE", cells, "0", "forged"},
            {"SET", cells, "forged"},
            {"EXPIRE", cells, "0"},
            {"SET", presence, "forged"},
            {"HGET", keys::details(shard, kForeignId, minute), "1"},
            {"HSET", keys::details(shard, kForeignId, minute), "1", "forged"},
            {"RPUSH", keys::done(shard, kForeignId), "forged"},
            {"RPUSH", keys::late(shard, kForeignId), "forged"},
            {"EVAL", "return redis.call('SET', KEYS[1], 'forged')", "1", cells},
            {"DEL", cells},
            {"SET", keys::sealed(shard), "9999999999999"},
            {"LTRIM", keys::done(shard, kOwnId), "1", "0"},
            {"KEYS", "*"},
            {"SCAN", "0"},
            {"FLUSHALL"},
            {"CONFIG", "GET", "*"},
            {"ACL", "LIST"},
            {"ACL", "SETUSER", "agent-" + kOwn, "+@all"},
            {"CLIENT", "LIST"},
            {"MONITOR"},
            {"SHUTDOWN"},
            {"SCRIPT", "FLUSH"},
            {"FUNCTION", "LIST"},
            {"PUBLISH", "c", "m"},
            {"REPLICAOF", "127.0.0.1", "1"},
            {"CLUSTER", "RESET"},
        };
        for (const auto& command : tries)
            EXPECT_EQ(co_await refusal_of(bench.agents, command), "NOPERM")
                << command.at(0) << ' ' << (command.size() > 1 ? command[1] : "");
        // Keys that a script does not declare are checked when it uses them.
        RedisArgs hidden{"EVAL", "return redis.call('XLEN', '" + jobs + "')", "0"};
        EXPECT_NE(co_await refusal_of(bench.agents, std::move(hidden)), "");
        RedisArgs forged{"EVAL", "return redis.call('SET', '" + cells + "', 'forged')", "0"};
        EXPECT_NE(co_await refusal_of(bench.agents, std::move(forged)), "");
        RedisArgs read{"EVAL", "return redis.call('XRANGE', '" + jobs + "', '-', '+')", "0"};
        EXPECT_NE(co_await refusal_of(bench.agents, std::move(read)), "");
        const auto depth = co_await testing::depth_of(bench.operators, kForeign);
        EXPECT_EQ(depth, (QueueDepth{2, 0}));
    });
}

/// Whether the agent's cell goes in.
Task<bool> records(Bench& bench) {
    CellBuffer buffer{bench.agents};
    std::vector<CellToRecord> cells{cell(1)};
    try {
        co_await buffer.record(std::move(cells));
        co_return true;
    } catch (const RedisUnavailable&) {
        co_return false;
    }
}

// A loop would hold up Redis for all regions, and one that has written can't even be killed.
TEST(RedisAcl, AStolenCredentialRunsNoScriptOfItsOwn) {
    on_bench([](Bench& bench) -> Task<> {
        const auto jobs = keys::jobs(kOwn);
        RedisArgs loop{"EVAL", "while true do end", "1", jobs};
        EXPECT_EQ(co_await refusal_of(bench.agents, std::move(loop)), "NOPERM");
        RedisArgs read_only{"EVAL_RO", "while true do end", "1", jobs};
        EXPECT_EQ(co_await refusal_of(bench.agents, std::move(read_only)), "NOPERM");
        RedisArgs load{"SCRIPT", "LOAD", "while true do end"};
        EXPECT_EQ(co_await refusal_of(bench.agents, std::move(load)), "NOPERM");
        RedisArgs function{"FUNCTION", "LOAD", "#!lua name=x\n"};
        EXPECT_EQ(co_await refusal_of(bench.agents, std::move(function)), "NOPERM");
    });
}

TEST(RedisAcl, WhereRedisForgotTheScriptsAnAgentsCellsWaitUntilTheyAreLoaded) {
    on_bench([](Bench& bench) -> Task<> {
        EXPECT_TRUE(co_await records(bench));
        RedisArgs forget{"SCRIPT", "FLUSH"};
        co_await bench.operators.run(std::move(forget));
        EXPECT_FALSE(co_await records(bench));
        co_await bench.load_scripts();
        EXPECT_TRUE(co_await records(bench));
    });
}

TEST(RedisAcl, OfOtherRegionsItReadsWhichCellsAreIn) {
    on_bench([](Bench& bench) -> Task<> {
        RedisArgs presence{"GET", keys::presence(testing::kShard, kForeignId, testing::kMinute)};
        EXPECT_EQ(co_await refusal_of(bench.agents, std::move(presence)), "");
        RedisArgs sealed{"GET", keys::sealed(testing::kShard)};
        EXPECT_EQ(co_await refusal_of(bench.agents, std::move(sealed)), "");
    });
}

TEST(RedisAcl, ANameThatIsNoRegionGetsNoRules) {
    for (const auto* name : {"", "*", "us east", "a}:*", "A"})
        EXPECT_THROW((void)agent_acl_rules(name, RegionId{1}), std::invalid_argument) << name;
}

}  // namespace
}  // namespace quorate
