#include "tests/simulation/redis_server.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/runtime/sleep.hpp"

namespace quorate::simulation {
namespace {

constexpr auto kNever = asio::steady_timer::time_point::max();
constexpr milliseconds kConnectTimeout{2000};
constexpr milliseconds kWayMax{2};  // of a message, usually

/// On a grid: what comes at about the same time comes at once, which costs less.
SteadyTime whole_ms(SteadyTime time) {
    return std::chrono::ceil<milliseconds>(time);
}

/// Of a read that waits; nothing: it does not.
std::optional<milliseconds> block_of(const RedisArgs& command) {
    if (command.front() != "XREADGROUP") return std::nullopt;
    for (std::size_t i = 4; i + 1 < command.size() && command[i] != "STREAMS"; i += 2)
        if (command[i] == "BLOCK") return milliseconds{integer_of(command[i + 1])};
    return std::nullopt;
}

}  // namespace

RedisServer::RedisServer(World& world)
    : world_{world}, redis_{[this] { return clock_.utc_now(); }} {}

void RedisServer::stop() {
    up_ = false;
    stalled_ = false;
    inbox_.clear();
    waiting_.clear();
    for (const auto& each : std::exchange(links_, {}))
        if (const auto link = each.lock()) link->break_off("the connection was closed");
}

void RedisServer::start(std::optional<ModelRedis::Keys> keys) {
    if (keys)
        redis_.restart(*std::move(keys));
    else
        redis_.restart();
    up_ = true;
}

void RedisServer::stall() {
    if (up_) stalled_ = true;
}

void RedisServer::go_on() {
    stalled_ = false;
    while (!inbox_.empty() && !stalled_) {
        const auto message = inbox_.front();
        inbox_.pop_front();
        execute(message);
    }
}

void RedisServer::receive(std::shared_ptr<RedisMessage> message) {
    if (!up_ || message->host->redis_cut) return;
    if (stalled_)
        inbox_.push_back(std::move(message));
    else
        execute(message);
}

void RedisServer::execute(const std::shared_ptr<RedisMessage>& message) {
    std::vector<RedisReply> replies;
    replies.reserve(message->commands.size());
    world_.trace().add(message->host->name);
    for (const auto& command : message->commands) {
        for (const auto& argument : command)
            world_.trace().add(argument);
        auto reply = redis_.run(command);
        const auto block = reply.is_nil() ? block_of(command) : std::nullopt;
        if (block) {  // alone on its connection
            const auto until = world_.now() + *block;
            waiting_.push_back({message, until});
            world_.at(until, [this] { serve_waiting(); });
            return;
        }
        replies.push_back(std::move(reply));
    }
    answer(message, std::move(replies));
    if (redis_.additions() != seen_additions_) serve_waiting();
}

/// A client that is gone is served nothing; of one that Redis can't see to be gone it takes longer.
bool RedisServer::is_closed(const RedisMessage& message) {
    if (message.host->redis_cut) return false;
    const auto link = message.link.lock();
    return !link || link->process().dead() || !link->is_connected() ||
           link->connection() != message.connection;
}

void RedisServer::serve_waiting() {
    if (stalled_ || !up_) return;
    seen_additions_ = redis_.additions();
    for (auto each = waiting_.begin(); each != waiting_.end();) {
        if (is_closed(*each->message)) {
            each = waiting_.erase(each);
            continue;
        }
        auto reply = redis_.run(each->message->commands.front());
        if (reply.is_nil() && world_.now() < each->until) {
            ++each;
            continue;
        }
        std::vector<RedisReply> replies;
        replies.push_back(std::move(reply));
        answer(each->message, std::move(replies));
        each = waiting_.erase(each);
    }
}

void RedisServer::answer(const std::shared_ptr<RedisMessage>& message,
                         std::vector<RedisReply> replies) {
    const auto link = message->link.lock();
    if (!link) return;
    const auto arrival = link->arrival_of_answer();
    auto arrives = [message, replies = std::move(replies)]() mutable {
        const auto still = message->link.lock();
        const auto call = message->call.lock();
        if (!still || !call || message->host->redis_cut) return;
        if (message->host->answers_lost)
            still->break_off("the connection broke");
        else
            still->take(message->connection, call, std::move(replies));
    };
    world_.at(arrival, std::move(arrives));
}

RedisLink::RedisLink(RedisServer& server, Host& host, Process& process)
    : server_{server},
      host_{host},
      process_{process},
      executor_{process.executor()},
      changed_{executor_, kNever},
      backoff_{milliseconds{50}, milliseconds{2000}, server.world().chance().seed()} {}

Task<> RedisLink::serve() {
    for (;;) {
        auto why = co_await connect();
        if (why.empty()) {
            ++connection_;
            connected_ = true;
            known_away_ = false;
            server_.connected(shared_from_this());
            backoff_.reset();
            changed_.cancel();
            if (on_change_) on_change_(true, {});
            while (connected_)
                co_await changed_.async_wait(asio::as_tuple(asio::use_awaitable));
            why = why_broken_;
        }
        known_away_ = true;
        changed_.cancel();
        if (on_change_) on_change_(false, why);
        co_await sleep_for(backoff_.next());
    }
}

/// @return why not; empty: it is made
Task<std::string> RedisLink::connect() {
    const auto give_up = server_.world().now() + kConnectTimeout;
    constexpr milliseconds kLook{20};
    while (host_.redis_cut || server_.stalled()) {
        if (server_.world().now() >= give_up) co_return "it does not answer";
        co_await sleep_for(kLook);
    }
    co_await sleep_for(kWayMax);
    if (!server_.up()) co_return "the connection was refused";
    if (host_.redis_cut) co_return "it does not answer";
    co_return std::string{};
}

Task<> RedisLink::wait_until_connected(SteadyTime deadline) {
    constexpr milliseconds kLook{20};
    while (!connected_ && server_.world().now() < deadline)
        co_await sleep_until(std::min(deadline, server_.world().now() + kLook));
}

Task<std::vector<RedisReply>> RedisLink::try_all(std::vector<RedisArgs> commands,
                                                 milliseconds timeout,
                                                 detail::WhileAway while_away) {
    auto& world = server_.world();
    const auto deadline = world.now() + timeout;
    if (process_.dead()) throw RedisUnavailable{"the process is dead"};
    if (!connected_ && known_away_ && while_away == detail::WhileAway::fail)
        throw RedisUnavailable{"Redis is away: " + why_broken_};
    if (!connected_) co_await wait_until_connected(deadline);
    if (!connected_) throw RedisUnavailable{"Redis is away: " + why_broken_};

    const auto call = std::make_shared<RedisCall>(executor_);
    calls_.push_back(call);
    const auto message = std::make_shared<RedisMessage>(
        RedisMessage{std::move(commands), weak_from_this(), call, &host_, connection_});
    auto& server = server_;
    world.at(arrival(last_sent_), [&server, message] { server.receive(message); });
    call->timer.expires_at(deadline);
    const auto self = shared_from_this();
    co_await call->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    std::erase(calls_, call);
    if (call->replies) co_return *std::move(call->replies);
    if (!call->failure.empty()) throw RedisUnavailable{call->failure};
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error{asio::error::operation_aborted};
    break_off("no answer in time");
    throw RedisUnavailable{"Redis did not answer in time"};
}

Task<std::vector<RedisReply>> RedisLink::try_everywhere(RedisArgs command, milliseconds timeout) {
    std::vector<RedisArgs> commands;
    commands.push_back(std::move(command));
    return try_all(std::move(commands), timeout, detail::WhileAway::wait);
}

/// In the order of sending.
SteadyTime RedisLink::arrival(SteadyTime& last) {
    auto& world = server_.world();
    const auto way = world.chance().between(milliseconds{0}, kWayMax) + host_.redis_delay;
    last = std::max(last, whole_ms(world.now() + way));
    return last;
}

void RedisLink::take(std::uint64_t connection,
                     const std::shared_ptr<RedisCall>& call,
                     std::vector<RedisReply> replies) {
    if (process_.dead() || !connected_ || connection != connection_ || call->over()) return;
    call->replies = std::move(replies);
    call->timer.cancel();
    process_.wake();
}

void RedisLink::break_off(const std::string& why) {
    if (!connected_ || process_.dead()) return;
    connected_ = false;
    known_away_ = true;
    why_broken_ = why;
    for (const auto& call : calls_) {
        if (call->over()) continue;
        call->failure = why;
        call->timer.cancel();
    }
    changed_.cancel();
    process_.wake();
}

}  // namespace quorate::simulation
