#include "platform/redis/link.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "platform/redis/protocol.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate::detail {

namespace {

constexpr std::size_t kWriteBytes = 1U << 20U;  // a write takes commands until it has that much
constexpr std::size_t kReadBytes = 64U << 10U;

/// Whether the server says that it can't serve anybody: it is no master any more, or has no data
/// yet. The command did not run.
bool server_is_of_no_use(const std::string& error) {
    constexpr std::array<std::string_view, 4> kCodes{
        "READONLY ", "LOADING ", "MASTERDOWN ", "UNBLOCKED force unblock "};
    return std::any_of(
        kCodes.begin(), kCodes.end(), [&](auto code) { return error.starts_with(code); });
}

Task<RedisAddress> always(RedisAddress address) {
    co_return address;
}

}  // namespace

RedisLink::RedisLink(asio::any_io_executor executor, RedisClientOptions options)
    : RedisLink{
          std::move(executor), options, [address = options.address] { return always(address); }} {}

RedisLink::RedisLink(asio::any_io_executor executor, RedisClientOptions options, Locate locate)
    : executor_{std::move(executor)},
      options_{std::move(options)},
      locate_{std::move(locate)},
      wake_{executor_, asio::steady_timer::time_point::max()},
      pause_{executor_},
      connection_{executor_} {}

void RedisLink::tell(bool now, std::string reason) {
    const bool changed = !told_ || now != reachable_;
    told_ = true;
    reachable_ = now;
    why_ = std::move(reason);
    if (changed && callback_) callback_(reachable_, why_);
}

void RedisLink::finish(const BatchPtr& batch, std::string failure) {
    commands_ -= batch->expected;
    batch->finished = true;
    batch->failure = std::move(failure);
    batch->done.cancel();
}

void RedisLink::fail(Batches& batches, const std::string& failure) {
    for (const auto& batch : std::exchange(batches, {}))
        finish(batch, failure);
}

void RedisLink::take(const BatchPtr& batch) {
    if (stopped_) throw RedisUnavailable{"the client is stopped"};
    if (commands_ + batch->expected > options_.commands_max ||
        queued_bytes_ + batch->bytes.size() > options_.bytes_max)
        throw RedisUnavailable{"too many commands wait for Redis (" + why_ + ")"};
    commands_ += batch->expected;
    queued_bytes_ += batch->bytes.size();
    queued_.push_back(batch);
    wake_.cancel();
}

void RedisLink::leave(const RedisBatch& batch) {
    // What was sent stays: its replies still come, and are thrown away with it.
    if (batch.finished || batch.sent) return;
    const auto gone =
        std::erase_if(queued_, [&](const auto& queued) { return queued.get() == &batch; });
    if (gone == 0) return;
    queued_bytes_ -= batch.bytes.size();
    commands_ -= batch.expected;
}

/// Moves what is queued to what is under way. @return its bytes.
std::string RedisLink::take_writable() {
    std::string bytes;
    while (!queued_.empty() && bytes.size() < kWriteBytes) {
        const auto batch = std::move(queued_.front());
        queued_.pop_front();
        queued_bytes_ -= batch->bytes.size();
        batch->sent = true;
        bytes += std::exchange(batch->bytes, {});
        under_way_.push_back(batch);
    }
    return bytes;
}

void RedisLink::deliver(RedisReply reply) {
    if (under_way_.empty()) throw RedisUnavailable{"protocol error: a reply nobody asked for"};
    if (const auto* error = reply.error(); error != nullptr && server_is_of_no_use(*error))
        throw RedisUnavailable{*error};
    const auto batch = under_way_.front();
    batch->replies.push_back(std::move(reply));
    if (batch->replies.size() < batch->expected) return;
    under_way_.pop_front();
    served_ = true;
    finish(batch, {});
}

Task<> RedisLink::write(std::shared_ptr<RedisLink> link) {
    for (;;) {
        while (link->queued_.empty())
            co_await link->wake_.async_wait(asio::as_tuple(asio::use_awaitable));
        const auto bytes = link->take_writable();
        co_await link->connection_.write(bytes);
    }
}

Task<> RedisLink::read(std::shared_ptr<RedisLink> link) {
    ReplyReader reader;
    std::vector<char> buffer(kReadBytes);
    for (;;) {
        const auto size = co_await link->connection_.read_some(buffer);
        reader.feed({buffer.data(), size});
        while (auto reply = reader.next())
            link->deliver(std::move(*reply));
    }
}

/// Connects and serves until the connection breaks. @return why.
Task<std::string> RedisLink::session(Backoff& backoff) {
    served_ = false;
    try {
        auto address = co_await locate_();
        RedisGreeting greeting{options_.login, options_.tls, false, options_.connect_timeout};
        greeting.must_be_master = !options_.sentinels.empty();
        co_await connection_.open(std::move(address), std::move(greeting));
        if (stopped_) co_return why_;
        tell(true, {});
        TaskGroup loops{executor_, 2};
        loops.spawn("write", write(shared_from_this()));
        loops.spawn("read", read(shared_from_this()));
        co_await loops.join();
    } catch (const std::exception& error) {
        // A server that only lets us in to send us away is asked less and less often.
        if (served_) backoff.reset();
        co_return connection_.why_broken(error);
    }
    co_return "ended";
}

Task<> RedisLink::serve() {
    const auto self = shared_from_this();
    struct Stop {
        RedisLink& link;
        ~Stop() { link.stop("the client is stopped"); }
    };
    const Stop stop_at_the_end{*this};
    const auto seed = options_.seed == 0 ? std::random_device{}() : options_.seed;
    Backoff backoff{options_.backoff_first, options_.backoff_longest, seed};
    const auto asked = co_await asio::this_coro::cancellation_state;
    while (!stopped_) {
        auto broken = co_await session(backoff);
        connection_.close();
        fail(under_way_, "the connection to Redis broke: " + broken);
        if (asked.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error{asio::error::operation_aborted};
        if (stopped_) co_return;
        tell(false, std::move(broken));
        pause_.expires_after(backoff.next());
        co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

void RedisLink::stop(std::string why) {
    stopped_ = true;
    why_ = std::move(why);
    reachable_ = false;
    connection_.break_off(why_);
    pause_.cancel();
    fail(under_way_, why_);
    queued_bytes_ = 0;
    fail(queued_, why_);
}

RedisLink::Pending RedisLink::submit(const std::vector<const RedisArgs*>& commands,
                                     milliseconds timeout) {
    const auto batch = std::make_shared<RedisBatch>(executor_, timeout);
    batch->expected = commands.size();
    for (const auto* command : commands)
        append_command(batch->bytes, *command);
    take(batch);
    return {shared_from_this(), batch};
}

Task<> RedisLink::Pending::settled() {
    const auto link = link_;
    const auto batch = batch_;
    if (!batch->finished) co_await batch->done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (batch->finished) co_return;
    const auto asked = co_await asio::this_coro::cancellation_state;
    if (asked.cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error{asio::error::operation_aborted};
    const auto waited = std::to_string(batch->timeout.count()) + " ms";
    if (batch->sent) {
        batch->failure = "Redis did not answer within " + waited;
        link->connection_.break_off("no reply within " + waited);
    } else {
        batch->failure = "Redis could not be asked within " + waited + ": " + link->why_;
        link->leave(*batch);
    }
}

Task<std::vector<RedisReply>> RedisLink::try_all(std::vector<RedisArgs> commands,
                                                 milliseconds timeout,
                                                 WhileAway while_away) {
    if (while_away == WhileAway::fail && is_away()) throw RedisUnavailable{why_};
    std::vector<const RedisArgs*> list;
    list.reserve(commands.size());
    for (const auto& command : commands)
        list.push_back(&command);
    auto pending = submit(list, timeout);
    co_await pending.settled();
    if (!pending.failure().empty()) throw RedisUnavailable{pending.failure()};
    co_return std::move(pending.replies());
}

Task<std::vector<RedisReply>> RedisLink::try_everywhere(RedisArgs command, milliseconds timeout) {
    std::vector<RedisArgs> commands;
    commands.push_back(std::move(command));
    return try_all(std::move(commands), timeout, WhileAway::wait);
}

}  // namespace quorate::detail
