#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/redis/keys.hpp"
#include "platform/redis/slot.hpp"
#include "tests/integration/redis/watched.hpp"

namespace quorate::testing {

/// Redis servers of one cluster, on free ports of loopback. The first three are masters and share
/// the slots; further ones are replicas of the first.
class RedisCluster {
public:
    static constexpr std::size_t kMasters = 3;

    explicit RedisCluster(std::size_t replicas = 0) {
        for (std::size_t i = 0; i < kMasters + replicas; ++i) {
            bus_.push_back(free_port());
            std::vector<std::string> settings{"--cluster-enabled",
                                              "yes",
                                              "--cluster-port",
                                              std::to_string(bus_.back()),
                                              "--cluster-node-timeout",
                                              "2000",
                                              "--cluster-require-full-coverage",
                                              "no",
                                              "--cluster-allow-reads-when-down",
                                              "no",
                                              "--repl-diskless-sync-delay",
                                              "0"};
            servers_.push_back(
                std::make_unique<RedisServer>(RedisServer::Listen::tcp, std::move(settings)));
        }
        with_servers([this]() -> Task<> { co_await form(); });
    }

    RedisServer& server(std::size_t index) { return *servers_.at(index); }

    /// For a client of the cluster that knows of the first server alone.
    RedisClientOptions options() const {
        auto options = options_for(*servers_.front());
        options.cluster = true;
        return options;
    }

    /// The index of the master that got the key's slot at first.
    static std::size_t first_owner(const std::string& key) {
        return std::min<std::size_t>(detail::slot_of(key) / kPart, kMasters - 1);
    }

    /// Runs `body` while each server has a client of its own: `direct(i)`.
    void with_servers(const std::function<Task<>()>& body) {
        run_on_executor([&]() -> Task<> {
            const auto executor = co_await asio::this_coro::executor;
            std::vector<RedisClient*> clients;
            for (const auto& server : servers_) {
                direct_.push_back(std::make_unique<RedisClient>(executor, options_for(*server)));
                clients.push_back(direct_.back().get());
            }
            std::function<Task<>()> inner = [&] { return body(); };
            co_await serving(std::move(clients), std::move(inner));
        });
        direct_.clear();
    }
    RedisClient& direct(std::size_t index) { return *direct_.at(index); }

    /// The server's id in the cluster.
    Task<std::string> id_of(std::size_t index) {
        RedisArgs command{"CLUSTER", "MYID"};
        const auto reply = co_await direct(index).run(std::move(command));
        co_return reply.text();
    }

    Task<> run_at(std::size_t index, RedisArgs command) {
        const auto reply = co_await direct(index).run(std::move(command));
        EXPECT_EQ(reply.text(), "OK");
    }

private:
    static constexpr std::size_t kPart = detail::kRedisSlots / kMasters;

    Task<> form() {
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            RedisArgs epoch{"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)};
            co_await run_at(i, std::move(epoch));
            if (i > 0) {
                RedisArgs meet{"CLUSTER",
                               "MEET",
                               "127.0.0.1",
                               std::to_string(servers_[i]->port()),
                               std::to_string(bus_[i])};
                co_await run_at(0, std::move(meet));
            }
            if (i >= kMasters) continue;
            RedisArgs slots{"CLUSTER", "ADDSLOTS"};
            const auto end = i + 1 == kMasters ? detail::kRedisSlots : (i + 1) * kPart;
            for (auto slot = i * kPart; slot < end; ++slot)
                slots.push_back(std::to_string(slot));
            co_await run_at(i, std::move(slots));
        }
        const auto whole = [this] { return is_whole(); };
        EXPECT_TRUE(co_await eventually(whole));
        const auto master = co_await id_of(0);
        for (std::size_t i = kMasters; i < servers_.size(); ++i) {
            RedisArgs replicate{"CLUSTER", "REPLICATE", master};
            co_await run_at(i, std::move(replicate));
            const auto copied = [this, i] { return has_a_link(i); };
            EXPECT_TRUE(co_await eventually(copied));
        }
    }

    Task<bool> says(std::size_t index, RedisArgs command, std::string wanted) {
        const auto reply = co_await direct(index).run(std::move(command));
        co_return reply.text().find(wanted) != std::string::npos;
    }
    Task<bool> has_a_link(std::size_t index) {
        RedisArgs info{"INFO", "replication"};
        return says(index, std::move(info), "master_link_status:up");
    }
    /// Whether every server knows every other and all slots.
    Task<bool> is_whole() {
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            RedisArgs info{"CLUSTER", "INFO"};
            const auto reply = co_await direct(i).run(std::move(info));
            const auto known = "cluster_known_nodes:" + std::to_string(servers_.size());
            if (reply.text().find("cluster_state:ok") == std::string::npos ||
                reply.text().find("cluster_slots_ok:16384") == std::string::npos ||
                reply.text().find(known) == std::string::npos)
                co_return false;
        }
        co_return true;
    }

    std::vector<std::uint16_t> bus_;
    std::vector<std::unique_ptr<RedisServer>> servers_;
    std::vector<std::unique_ptr<RedisClient>> direct_;
};

/// A region whose queue the master had at first.
inline std::string region_at(std::size_t master) {
    for (int i = 0;; ++i) {
        auto region = "region-" + std::to_string(i);
        if (RedisCluster::first_owner(keys::jobs(region)) == master) return region;
    }
}

/// A shard whose keys the master had at first.
inline ShardId shard_at(std::size_t master) {
    for (std::uint64_t i = 0;; ++i)
        if (RedisCluster::first_owner(keys::sealed(ShardId{i})) == master) return ShardId{i};
}

/// Runs `body` with a client of the cluster for most and one for blocking reads.
inline void with_two(RedisCluster& cluster,
                     const std::function<Task<>(WatchedClient&, RedisClient&)>& body) {
    cluster.with_servers([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        WatchedClient watched{executor, cluster.options()};
        RedisClient blocking{executor, cluster.options()};
        std::vector<RedisClient*> clients{&watched.client, &blocking};
        std::function<Task<>()> inner = [&] { return body(watched, blocking); };
        co_await serving(std::move(clients), std::move(inner));
    });
}

/// Moves one key of a slot that is on its way.
inline Task<> move_key(RedisCluster& cluster, std::string key, std::size_t from, std::size_t to) {
    RedisArgs move{"MIGRATE",
                   "127.0.0.1",
                   std::to_string(cluster.server(to).port()),
                   std::move(key),
                   "0",
                   "5000"};
    co_await cluster.run_at(from, std::move(move));
}

/// Moves a slot with its keys, as `redis-cli --cluster reshard` does; `half_way` runs when the keys
/// are on their way.
inline Task<> migrate(RedisCluster& cluster,
                      std::uint16_t slot,
                      std::size_t from,
                      std::size_t to,
                      std::function<Task<>()> half_way) {
    const auto number = std::to_string(slot);
    const auto source = co_await cluster.id_of(from);
    const auto target = co_await cluster.id_of(to);
    RedisArgs importing{"CLUSTER", "SETSLOT", number, "IMPORTING", source};
    RedisArgs migrating{"CLUSTER", "SETSLOT", number, "MIGRATING", target};
    co_await cluster.run_at(to, std::move(importing));
    co_await cluster.run_at(from, std::move(migrating));
    co_await half_way();
    RedisArgs list{"CLUSTER", "GETKEYSINSLOT", number, "1000"};
    const auto keys = co_await cluster.direct(from).run(std::move(list));
    for (const auto& key : keys.list())
        co_await move_key(cluster, key.text(), from, to);
    RedisArgs owner{"CLUSTER", "SETSLOT", number, "NODE", target};
    co_await cluster.run_at(to, owner);
    co_await cluster.run_at(from, owner);
}

}  // namespace quorate::testing
