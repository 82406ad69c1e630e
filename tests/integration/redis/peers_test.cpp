#include "platform/redis/peers.hpp"

#include "platform/redis/fleet.hpp"
#include "platform/redis/keys.hpp"
#include "tests/integration/redis/with_client.hpp"

namespace quorate {
namespace {

using testing::RedisServer;
using testing::with_client;

constexpr auto kWork = SharedWork::planning;

PeerBeat beat_of(const std::string& name) {
    PeerBeat beat;
    beat.name = name;
    beat.version = "0.1.0";
    beat.generation = 12;
    beat.current = true;
    beat.shards = 3;
    return beat;
}

Task<PeersView> tell(RedisClient& client, const PeerBeat& own, int instance) {
    return beat(client, kWork, own, std::to_string(instance));
}

/// Makes one look as if it had been silent.
Task<> backdate(RedisClient& client, const char* name, milliseconds silence) {
    const auto now = co_await redis_time(client);
    const auto at = std::chrono::floor<milliseconds>(now - silence).time_since_epoch().count();
    const auto text = std::to_string(at) + " old " + encode_beat(beat_of(name));
    RedisArgs command{"HSET", keys::heartbeats(kWork), name, text};
    co_await client.run(std::move(command));
}

TEST(Peers, AHeartbeatComesBackWithRedissTimeAndThoseOfAll) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        const auto now = co_await redis_time(client);
        const auto before = std::chrono::floor<milliseconds>(now);
        const auto other = beat_of("b");
        co_await tell(client, other, 1);
        auto bare = beat_of("a");
        bare.generation.reset();
        bare.current = false;
        const auto view = co_await tell(client, bare, 2);
        EXPECT_FALSE(view.name_taken);
        EXPECT_EQ(view.beats.size(), 2U);
        EXPECT_GE(view.at, before);
        bare.at = view.at;
        EXPECT_EQ(view.beats.at(0), bare);
        EXPECT_EQ(view.beats.at(1).generation, 12);
        EXPECT_TRUE(view.alive(view.beats.at(1)));
        const auto read = co_await read_peers(client, kWork);
        EXPECT_EQ(read.beats, view.beats);
    });
}

TEST(Peers, WhoIsSilentIsNotAliveAndForgottenLater) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        co_await backdate(client, "silent", kPeerAliveFor);
        co_await backdate(client, "ahead", -kPeerAliveFor - std::chrono::seconds{10});
        co_await backdate(client, "gone", kPeerForgottenAfter + milliseconds{1});
        RedisArgs odd{"HSET", keys::heartbeats(kWork), "odd", "no heartbeat"};
        co_await client.run(std::move(odd));
        const auto own = beat_of("a");
        const auto view = co_await tell(client, own, 1);
        EXPECT_EQ(view.beats.size(), 3U);
        for (const auto& one : view.beats)
            EXPECT_EQ(view.alive(one), one.name == "a") << one.name;
        RedisArgs count{"HLEN", keys::heartbeats(kWork)};
        const auto left = co_await client.run(std::move(count));
        EXPECT_EQ(left.integer(), 3);
        std::string silent = "silent";
        co_await forget_peer(client, kWork, std::move(silent));
        const auto after = co_await read_peers(client, kWork);
        EXPECT_EQ(after.beats.size(), 2U);
    });
}

TEST(Peers, ANameThatALivingProcessHasIsTakenUntilThatFallsSilent) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        auto first = beat_of("a");
        co_await tell(client, first, 1);
        auto second = beat_of("a");
        second.shards = 9;
        const auto refused = co_await tell(client, second, 2);
        EXPECT_TRUE(refused.name_taken);
        EXPECT_EQ(refused.beats.at(0).shards, 3U);
        co_await backdate(client, "a", kPeerAliveFor);
        const auto taken = co_await tell(client, second, 2);
        EXPECT_FALSE(taken.name_taken);
        EXPECT_EQ(taken.beats.at(0).shards, 9U);
    });
}

TEST(Peers, WhatIsNoHeartbeatOfOursIsLeftOut) {
    for (const auto* json : {"",
                             "[]",
                             "{}",
                             R"({"version":1,"current":true,"shards":1})",
                             R"({"version":"1","current":1,"shards":1})",
                             R"({"version":"1","current":true,"shards":"1"})",
                             R"({"version":"1","current":true,"shards":1,"generation":"x"})"})
        EXPECT_FALSE(decode_beat("a", {}, json)) << json;
    const auto newer = decode_beat("a", {}, R"({"version":"1","current":true,"shards":1,"x":2})");
    EXPECT_TRUE(newer.has_value());
}

}  // namespace
}  // namespace quorate
