#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "platform/redis/nodes.hpp"

namespace quorate::detail {

/// Sends each command to the node that serves its key, and follows redirections; of this folder
/// alone. How it behaves is written at RedisClient.
class RedisCluster final : public RedisRoute, public std::enable_shared_from_this<RedisCluster> {
public:
    RedisCluster(asio::any_io_executor executor, RedisClientOptions options);

    Task<> serve() override { return nodes_->serve(); }
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands,
                                          milliseconds timeout,
                                          WhileAway while_away) override;
    Task<std::vector<RedisReply>> try_everywhere(RedisArgs command, milliseconds timeout) override;
    bool reachable() const override { return nodes_->reachable(); }
    void on_change(OnChange callback) override { nodes_->on_change(std::move(callback)); }
    std::size_t waiting() const override { return commands_; }

private:
    struct Todo;
    struct Call;
    struct Group;
    class Load;

    Task<> round(std::shared_ptr<Call> call);
    std::vector<Group> submit(Call& call);
    RedisNodePtr node_for(const RedisArgs& command) const;
    void collect(Call& call, Group& group);
    void take(Call& call, Todo todo, const RedisNode& from, RedisReply reply);

    std::size_t commands_max_;
    std::size_t bytes_max_;
    std::size_t commands_ = 0;  // of all calls that are not answered yet
    std::size_t bytes_ = 0;     // of the same
    std::shared_ptr<RedisNodes> nodes_;
};

}  // namespace quorate::detail
