#pragma once

#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/redis/client.hpp"
#include "platform/redis/route.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/sleep.hpp"
#include "tests/simulation/model_redis.hpp"
#include "tests/support/beside.hpp"

/// The model Redis in the place of a real one, for the tests of platform/redis: what it does they
/// prove of both (tests/simulation/README.md).
namespace quorate::testing {

class RedisServer {
public:
    RedisServer() = default;

    /// As after kill -9: with all that was answered, but for scripts.
    void start() {
        model_.restart();
        up_ = true;
    }
    void stop() { up_ = false; }
    void kill() { up_ = false; }
    /// Of it the file by which a MovableClock moves the time.
    void set_environment(const std::vector<std::string>& variables) {
        for (const auto& variable : variables)
            if (variable.starts_with(kClockVariable))
                clock_file_ = variable.substr(kClockVariable.size());
    }

    bool up() const { return up_; }
    simulation::ModelRedis& model() const { return model_; }

private:
    static constexpr std::string_view kClockVariable = "QUORATE_MOVABLE_CLOCK=";

    UtcTime now() const {
        std::chrono::nanoseconds::rep ahead = 0;
        if (!clock_file_.empty())
            std::ifstream{clock_file_, std::ios::binary}.read(reinterpret_cast<char*>(&ahead),
                                                              sizeof ahead);
        return clock_.utc_now() + std::chrono::floor<microseconds>(std::chrono::nanoseconds{ahead});
    }

    SystemClock clock_;
    std::string clock_file_;
    mutable simulation::ModelRedis model_{[this] { return now(); }};
    bool up_ = true;
};

/// Commands run at once, but for a read that waits.
class ModelRoute final : public detail::RedisRoute {
public:
    explicit ModelRoute(const RedisServer& server) : server_{server} {}

    Task<> serve() override {
        for (;;)
            co_await sleep_for(std::chrono::seconds{1});
    }
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands,
                                          milliseconds timeout,
                                          detail::WhileAway /*while_away*/) override {
        const auto until = SystemClock{}.steady_now() + timeout;
        while (!server_.up()) {
            if (SystemClock{}.steady_now() >= until) throw RedisUnavailable{"it is down"};
            co_await sleep_for(milliseconds{1});
        }
        std::vector<RedisReply> replies;
        for (const auto& command : commands) {
            auto reply = server_.model().run(command);
            const auto blocks_until = SystemClock{}.steady_now() + block_of(command);
            while (reply.is_nil() && SystemClock{}.steady_now() < blocks_until) {
                co_await sleep_for(milliseconds{1});
                reply = server_.model().run(command);
            }
            replies.push_back(std::move(reply));
        }
        co_return replies;
    }
    Task<std::vector<RedisReply>> try_everywhere(RedisArgs command, milliseconds timeout) override {
        std::vector<RedisArgs> commands;
        commands.push_back(std::move(command));
        return try_all(std::move(commands), timeout, detail::WhileAway::wait);
    }
    bool reachable() const override { return server_.up(); }
    void on_change(OnChange /*callback*/) override {}
    std::size_t waiting() const override { return 0; }

private:
    static milliseconds block_of(const RedisArgs& command) {
        for (std::size_t i = 0; command.front() == "XREADGROUP" && i + 1 < command.size(); ++i)
            if (command[i] == "BLOCK") return milliseconds{simulation::integer_of(command[i + 1])};
        return milliseconds{0};
    }

    const RedisServer& server_;
};

inline void with_clients(const RedisServer& server,
                         const std::function<Task<>(RedisClient&, RedisClient&)>& body) {
    run_on_executor([&]() -> Task<> {
        RedisClient client{std::make_shared<ModelRoute>(server), std::chrono::seconds{10}};
        RedisClient blocking{std::make_shared<ModelRoute>(server), std::chrono::seconds{10}};
        std::vector<RedisClient*> clients{&client, &blocking};
        std::function<Task<>()> inner = [&] { return body(client, blocking); };
        co_await serving(std::move(clients), std::move(inner));
    });
}

}  // namespace quorate::testing
