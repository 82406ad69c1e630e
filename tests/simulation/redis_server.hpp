#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "platform/redis/route.hpp"
#include "platform/runtime/backoff.hpp"
#include "tests/simulation/host.hpp"
#include "tests/simulation/model_redis.hpp"
#include "tests/simulation/world.hpp"

namespace quorate::simulation {

class RedisLink;

/// What a process waits for while a server has it.
struct RedisCall {
    explicit RedisCall(const asio::any_io_executor& executor) : timer{executor} {}
    asio::steady_timer timer;  ///< expires when the caller gives up; cancelled when it is over
    std::optional<std::vector<RedisReply>> replies;
    std::string failure;
    bool over() const { return replies || !failure.empty(); }
};

/// Commands on their way to the server; they outlive who sent them.
struct RedisMessage {
    std::vector<RedisArgs> commands;
    std::weak_ptr<RedisLink> link;
    std::weak_ptr<RedisCall> call;
    Host* host = nullptr;
    std::uint64_t connection = 0;  ///< of the link
};

/// A model Redis behind a network.
class RedisServer {
public:
    explicit RedisServer(World& world);

    ModelRedis& redis() { return redis_; }
    HostClock& clock() { return clock_; }
    World& world() { return world_; }

    bool up() const { return up_; }
    bool stalled() const { return stalled_; }
    /// The process ends, all connections with it.
    void stop();
    void start(std::optional<ModelRedis::Keys> keys);
    /// It answers nobody, and takes up everything afterwards.
    void stall();
    void go_on();

    void receive(std::shared_ptr<RedisMessage> message);
    void connected(const std::shared_ptr<RedisLink>& link) { links_.push_back(link); }

private:
    struct Waiting {
        std::shared_ptr<RedisMessage> message;
        SteadyTime until;
    };
    void execute(const std::shared_ptr<RedisMessage>& message);
    void serve_waiting();
    void answer(const std::shared_ptr<RedisMessage>& message, std::vector<RedisReply> replies);
    static bool is_closed(const RedisMessage& message);

    World& world_;
    HostClock clock_;
    ModelRedis redis_;
    bool up_ = true;
    bool stalled_ = false;
    std::uint64_t seen_additions_ = 0;
    std::deque<std::shared_ptr<RedisMessage>> inbox_;  // while stalled
    std::list<Waiting> waiting_;                       // for entries of a stream
    std::vector<std::weak_ptr<RedisLink>> links_;
};

/// A process's connection to it, as platform/redis has one: pipelined, and broken by an answer that
/// does not come in time.
class RedisLink final : public detail::RedisRoute, public std::enable_shared_from_this<RedisLink> {
public:
    RedisLink(RedisServer& server, Host& host, Process& process);

    Task<> serve() override;
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands,
                                          milliseconds timeout,
                                          detail::WhileAway while_away) override;
    Task<std::vector<RedisReply>> try_everywhere(RedisArgs command, milliseconds timeout) override;
    bool reachable() const override { return connected_; }
    void on_change(OnChange callback) override { on_change_ = std::move(callback); }
    std::size_t waiting() const override { return calls_.size(); }

    /// An answer has arrived.
    void take(std::uint64_t connection,
              const std::shared_ptr<RedisCall>& call,
              std::vector<RedisReply> replies);
    /// The other side closed, or we do.
    void break_off(const std::string& why);
    std::uint64_t connection() const { return connection_; }
    bool is_connected() const { return connected_; }
    SteadyTime arrival_of_answer() { return arrival(last_answered_); }
    Process& process() { return process_; }

private:
    Task<std::string> connect();
    Task<> wait_until_connected(SteadyTime deadline);
    SteadyTime arrival(SteadyTime& last);

    RedisServer& server_;
    Host& host_;
    Process& process_;
    asio::any_io_executor executor_;
    OnChange on_change_;
    bool connected_ = false;
    bool known_away_ = false;
    std::uint64_t connection_ = 0;
    std::string why_broken_;
    SteadyTime last_sent_{};
    SteadyTime last_answered_{};
    asio::steady_timer changed_;  // never expires; cancelled when the connection is made or broken
    std::list<std::shared_ptr<RedisCall>> calls_;
    Backoff backoff_;
};

}  // namespace quorate::simulation
