#include "platform/redis/client.hpp"

#include <deque>
#include <random>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include "platform/redis/connection.hpp"
#include "platform/redis/protocol.hpp"
#include "platform/runtime/backoff.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate {

namespace {

constexpr std::size_t kWriteBytes = 1U << 20U;  // a write takes commands until it has that much
constexpr std::size_t kReadBytes = 64U << 10U;

/// The commands of one call, and where its replies gather.
struct Batch {
    Batch(const asio::any_io_executor& executor, milliseconds timeout) : done{executor, timeout} {}
    std::string bytes;
    std::size_t expected = 0;
    std::vector<RedisReply> replies;
    asio::steady_timer done;  // expires when the caller gives up; cancelled when it is finished
    bool sent = false;
    bool finished = false;
    std::string failure;  // empty: all replies are in
};
using BatchPtr = std::shared_ptr<Batch>;

}  // namespace

struct RedisClient::State {
    State(asio::any_io_executor on, RedisClientOptions with)
        : executor{std::move(on)},
          options{std::move(with)},
          wake{executor, asio::steady_timer::time_point::max()},
          connection{executor} {}

    asio::any_io_executor executor;
    RedisClientOptions options;
    std::deque<BatchPtr> queued;
    std::deque<BatchPtr> under_way;
    std::size_t commands = 0;      // of both queues
    std::size_t queued_bytes = 0;  // of `queued`
    asio::steady_timer wake;       // never expires; cancelling it wakes the writer
    detail::RedisConnection connection;
    std::function<void(bool, const std::string&)> callback;
    bool reachable = false;
    bool told = false;
    bool stopped = false;
    std::string why = "not connected yet";

    void tell(bool now, std::string reason) {
        const bool changed = !told || now != reachable;
        told = true;
        reachable = now;
        why = std::move(reason);
        if (changed && callback) callback(reachable, why);
    }

    void finish(const BatchPtr& batch, std::string failure) {
        commands -= batch->expected;
        batch->finished = true;
        batch->failure = std::move(failure);
        batch->done.cancel();
    }

    void fail(std::deque<BatchPtr>& batches, const std::string& failure) {
        for (const auto& batch : std::exchange(batches, {}))
            finish(batch, failure);
    }

    void take(const BatchPtr& batch) {
        if (stopped) throw RedisUnavailable{"the client is stopped"};
        if (commands + batch->expected > options.commands_max ||
            queued_bytes + batch->bytes.size() > options.bytes_max)
            throw RedisUnavailable{"too many commands wait for Redis (" + why + ")"};
        commands += batch->expected;
        queued_bytes += batch->bytes.size();
        queued.push_back(batch);
        wake.cancel();
    }

    void leave(const BatchPtr& batch) {
        // What was sent stays: its replies still come, and are thrown away with it.
        if (batch->finished || batch->sent) return;
        std::erase(queued, batch);
        queued_bytes -= batch->bytes.size();
        commands -= batch->expected;
    }

    /// Moves what is queued to what is under way. @return its bytes.
    std::string take_writable() {
        std::string bytes;
        while (!queued.empty() && bytes.size() < kWriteBytes) {
            const auto batch = std::move(queued.front());
            queued.pop_front();
            queued_bytes -= batch->bytes.size();
            batch->sent = true;
            bytes += std::exchange(batch->bytes, {});
            under_way.push_back(batch);
        }
        return bytes;
    }

    void deliver(RedisReply reply) {
        if (under_way.empty()) throw RedisUnavailable{"protocol error: a reply nobody asked for"};
        const auto batch = under_way.front();
        batch->replies.push_back(std::move(reply));
        if (batch->replies.size() < batch->expected) return;
        under_way.pop_front();
        finish(batch, {});
    }
};

/// What `serve` runs; members, so that they see the State.
struct RedisClient::Loops {
    static Task<> write(std::shared_ptr<State> state) {
        for (;;) {
            while (state->queued.empty())
                co_await state->wake.async_wait(asio::as_tuple(asio::use_awaitable));
            const auto bytes = state->take_writable();
            co_await asio::async_write(
                state->connection.socket(), asio::buffer(bytes), asio::use_awaitable);
        }
    }

    static Task<> read(std::shared_ptr<State> state) {
        detail::ReplyReader reader;
        std::vector<char> buffer(kReadBytes);
        for (;;) {
            const auto size = co_await state->connection.socket().async_read_some(
                asio::buffer(buffer), asio::use_awaitable);
            reader.feed({buffer.data(), size});
            while (auto reply = reader.next())
                state->deliver(std::move(*reply));
        }
    }

    /// Connects and serves until the connection breaks. @return why.
    static Task<std::string> session(std::shared_ptr<State> state, Backoff& backoff) {
        try {
            co_await state->connection.open(state->options.address, state->options.connect_timeout);
            backoff.reset();
            state->tell(true, {});
            TaskGroup loops{state->executor, 2};
            loops.spawn("write", write(state));
            loops.spawn("read", read(state));
            co_await loops.join();
        } catch (const std::exception& error) {
            co_return state->connection.why_broken(error);
        }
        co_return "ended";
    }
};

RedisClient::RedisClient(asio::any_io_executor executor, RedisClientOptions options)
    : state_{std::make_shared<State>(std::move(executor), std::move(options))} {}

RedisClient::~RedisClient() = default;

Task<> RedisClient::serve() {
    const auto state = state_;
    struct Stop {
        State& state;
        ~Stop() {
            state.stopped = true;
            state.connection.close();
            state.fail(state.under_way, "the client is stopped");
            state.queued_bytes = 0;
            state.fail(state.queued, "the client is stopped");
        }
    };
    const Stop stop{*state};
    const auto& options = state->options;
    const auto seed = options.seed == 0 ? std::random_device{}() : options.seed;
    Backoff backoff{options.backoff_first, options.backoff_longest, seed};
    for (;;) {
        const auto why = co_await Loops::session(state, backoff);
        state->connection.close();
        state->fail(state->under_way, "the connection to Redis broke: " + why);
        const auto asked = co_await asio::this_coro::cancellation_state;
        if (asked.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error{asio::error::operation_aborted};
        state->tell(false, why);
        co_await sleep_for(backoff.next());
    }
}

Task<RedisReply> RedisClient::run(RedisArgs command) {
    return run(std::move(command), state_->options.timeout);
}

Task<RedisReply> RedisClient::run(RedisArgs command, milliseconds timeout) {
    std::vector<RedisArgs> commands;
    commands.push_back(std::move(command));
    auto replies = co_await try_all(std::move(commands), timeout);
    replies.front().check();
    co_return std::move(replies.front());
}

Task<std::vector<RedisReply>> RedisClient::run_all(std::vector<RedisArgs> commands) {
    auto replies = co_await try_all(std::move(commands));
    for (const auto& reply : replies)
        reply.check();
    co_return replies;
}

Task<std::vector<RedisReply>> RedisClient::try_all(std::vector<RedisArgs> commands) {
    return try_all(std::move(commands), state_->options.timeout);
}

Task<std::vector<RedisReply>> RedisClient::try_all(std::vector<RedisArgs> commands,
                                                   milliseconds timeout) {
    if (commands.empty()) co_return std::vector<RedisReply>{};
    const auto state = state_;
    const auto batch = std::make_shared<Batch>(state->executor, timeout);
    batch->expected = commands.size();
    for (const auto& command : commands)
        detail::append_command(batch->bytes, command);
    state->take(batch);

    struct Leave {
        State& state;
        const BatchPtr& batch;
        ~Leave() { state.leave(batch); }
    };
    const Leave leave{*state, batch};
    co_await batch->done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (batch->finished && batch->failure.empty()) co_return std::move(batch->replies);
    if (batch->finished) throw RedisUnavailable{batch->failure};
    const auto asked = co_await asio::this_coro::cancellation_state;
    if (asked.cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error{asio::error::operation_aborted};
    const auto waited = std::to_string(timeout.count()) + " ms";
    if (!batch->sent)
        throw RedisUnavailable{"Redis could not be asked within " + waited + ": " + state->why};
    state->connection.break_off("no reply within " + waited);
    throw RedisUnavailable{"Redis did not answer within " + waited};
}

bool RedisClient::reachable() const {
    return state_->reachable;
}

void RedisClient::on_change(std::function<void(bool, const std::string&)> callback) {
    state_->callback = std::move(callback);
}

std::size_t RedisClient::waiting() const {
    return state_->commands;
}

}  // namespace quorate
