#include "platform/redis/fleet.hpp"

#include "platform/redis/keys.hpp"
#include "tests/integration/redis/with_client.hpp"

namespace quorate {
namespace {

using testing::RedisServer;
using testing::with_client;

Heartbeat heartbeat_of(const std::string& agent) {
    Heartbeat heartbeat;
    heartbeat.agent = agent;
    heartbeat.version = "0.1.0";
    heartbeat.at = UtcTime{milliseconds{1'700'000'000'000}};
    return heartbeat;
}

TEST(Fleet, HeartbeatsOfEachRegionAreReadSortedAndUnreadableOnesLeftOut) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        for (const auto* agent : {"b", "a", "gone"}) {
            auto heartbeat = heartbeat_of(agent);
            co_await write_heartbeat(client, "us-east", std::move(heartbeat));
        }
        co_await forget_agent(client, "us-east", "gone");
        RedisArgs broken{"HSET", keys::agents("us-east"), "broken", "{"};
        co_await client.run(std::move(broken));
        std::vector<std::string> regions{"nowhere", "us-east"};
        const auto fleets = co_await read_heartbeats(client, std::move(regions));
        EXPECT_TRUE(fleets.at(0).agents.empty());
        const std::vector<Heartbeat> expected{heartbeat_of("a"), heartbeat_of("b")};
        EXPECT_EQ(fleets.at(1).agents, expected);
    });
}

/// A clock that runs `ahead` of the system's.
class ShiftedClock final : public Clock {
public:
    explicit ShiftedClock(microseconds ahead) : ahead_{ahead} {}
    UtcTime utc_now() const override { return system_.utc_now() + ahead_; }
    SteadyTime steady_now() const override { return system_.steady_now(); }

private:
    SystemClock system_;
    microseconds ahead_;
};

TEST(Fleet, TheOffsetToRedissClockIsRightWithinItsRoundTrip) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        const microseconds ahead = std::chrono::seconds{12};
        const ShiftedClock clock{ahead};
        const auto measured = co_await measure_clock_offset(client, clock);
        EXPECT_LE(std::chrono::abs(measured.offset + ahead), measured.round_trip + milliseconds{1});
    });
}

}  // namespace
}  // namespace quorate
