#pragma once

#include <string>
#include <vector>

#include "platform/redis/settings.hpp"
#include "tests/integration/redis/watched.hpp"

namespace quorate::testing {

inline constexpr auto kTcp = RedisServer::Listen::tcp;
inline constexpr auto kSentinel = RedisServer::Listen::sentinel;

inline std::string port_of(const RedisServer& server) {
    return std::to_string(server.port());
}

inline std::vector<std::string> replica_of(const RedisServer& master) {
    return {"--replicaof",
            "127.0.0.1 " + port_of(master),
            "--repl-diskless-sync-delay",
            "0",
            "--replica-serve-stale-data",
            "yes"};
}

inline std::vector<std::string> watching(const RedisServer& master, const std::string& more = "") {
    return {"sentinel monitor quorate 127.0.0.1 " + port_of(master) + " 1",
            "sentinel down-after-milliseconds quorate 300",
            "sentinel failover-timeout quorate 2000",
            more};
}

inline RedisClientOptions by_sentinels(const std::vector<const RedisServer*>& sentinels) {
    RedisClientOptions options;
    options.timeout = std::chrono::seconds{10};
    options.backoff_first = milliseconds{5};
    options.backoff_longest = milliseconds{100};
    options.sentinel_master = "quorate";
    for (const auto* sentinel : sentinels)
        options.sentinels.push_back(sentinel->address());
    return options;
}

/// Whether the sentinel knows the replica, without which it can't fail over.
inline Task<bool> knows_the_replica(RedisClient& sentinel) {
    RedisArgs replicas{"SENTINEL", "REPLICAS", "quorate"};
    try {
        const auto reply = co_await sentinel.run(std::move(replicas));
        for (const auto& one : reply.list())
            for (std::size_t i = 0; i + 1 < one.list().size(); i += 2)
                if (one.list()[i].text() == "master-link-status" &&
                    one.list()[i + 1].text() == "ok")
                    co_return true;
    } catch (const RedisUnavailable&) {
    }
    co_return false;
}

inline void wait_until_the_replica_is_known(const RedisServer& sentinel) {
    with_watched(options_for(sentinel), [](WatchedClient& watched) -> Task<> {
        const auto known = [&] { return knows_the_replica(watched.client); };
        EXPECT_TRUE(co_await eventually(known));
    });
}

/// A master with a replica, and a sentinel that knows both.
struct WithSentinel {
    WithSentinel() { wait_until_the_replica_is_known(sentinel); }

    /// For the config of a daemon.
    RedisSettings settings() const {
        RedisSettings settings;
        settings.sentinels = {"127.0.0.1:" + port_of(sentinel)};
        settings.sentinel_master = "quorate";
        return settings;
    }
    RedisClientOptions options() const { return by_sentinels({&sentinel}); }

    RedisServer master{kTcp};
    RedisServer replica{kTcp, replica_of(master)};
    RedisServer sentinel{kSentinel, watching(master)};
};

/// Waits until the replica has what was written so far.
inline Task<> wait_until_it_is_copied(RedisClient& master) {
    RedisArgs wait{"WAIT", "1", "10000"};
    const auto copied = co_await master.run(std::move(wait));
    EXPECT_EQ(copied.integer(), 1);
}

}  // namespace quorate::testing
