#include "platform/redis/nodes.hpp"

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "platform/redis/slot.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate::detail {

namespace {

constexpr std::size_t kNodesMax = 1000;
constexpr std::size_t kAskedMax = 16;  // in one look
constexpr std::chrono::seconds kLookEvery{60};

}  // namespace

RedisNodes::RedisNodes(asio::any_io_executor executor, RedisClientOptions options)
    : executor_{std::move(executor)},
      options_{std::move(options)},
      owners_(kRedisSlots, RedisTopology::kNobody),
      next_look_{executor_} {}

Task<> RedisNodes::serve() {
    const auto self = shared_from_this();
    TaskGroup links{executor_, 2 * kNodesMax};
    struct Stop {
        RedisNodes& nodes;
        ~Stop() {
            nodes.serving_ = nullptr;
            nodes.stopped_ = true;
            nodes.why_ = "the client is stopped";
            nodes.wake();
        }
    };
    const Stop stop_at_the_end{*this};
    serving_ = &links;
    links.spawn("topology", follow());
    co_await links.join();
}

Task<> RedisNodes::follow() {
    const auto seed = options_.seed == 0 ? std::random_device{}() : options_.seed;
    Backoff backoff{options_.backoff_first, options_.backoff_longest, seed};
    const SystemClock clock;
    for (;;) {
        look_wanted_ = false;
        const bool known = co_await look();
        // A look costs somebody a connection: they grow rarer while there is always a reason.
        co_await sleep_for(backoff.next());
        // A master that is away may have been replaced, which the others learn some time later.
        if (!known || look_wanted_ || !all_connected()) continue;
        const auto quiet_since = clock.steady_now();
        next_look_.expires_after(kLookEvery);
        co_await next_look_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (clock.steady_now() - quiet_since > options_.backoff_longest) backoff.reset();
    }
}

bool RedisNodes::all_connected() const {
    return std::all_of(
        masters_.begin(), masters_.end(), [](const auto& node) { return node->link->reachable(); });
}

void RedisNodes::look_again() {
    look_wanted_ = true;
    next_look_.cancel();
}

/// Asks nodes, one after the other, until one gives the topology. @return whether one did.
Task<bool> RedisNodes::look() {
    std::string answers;
    const auto nodes = whom_to_ask();
    for (const auto& node : nodes) {
        RedisGreeting greeting{options_.login, options_.tls, false, options_.connect_timeout};
        RedisArgs command{"CLUSTER", "SLOTS"};
        std::string answer;
        try {
            const auto reply = co_await ask_once(node, std::move(greeting), std::move(command));
            if (const auto topology = parse_topology(reply, node)) {
                apply(*topology);
                co_return true;
            }
            answer = "knows of no slots";
        } catch (const std::exception& error) {
            answer = detail::why(error);
        }
        const auto asked = co_await asio::this_coro::cancellation_state;
        if (asked.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error{asio::error::operation_aborted};
        answers += (answers.empty() ? "" : "; ") + to_text(node) + ": " + answer;
    }
    why_ = "no node gives the cluster's topology: " + answers;
    update();
    co_return false;
}

/// Connected masters first, another one each time; then the nodes of the config, then the rest.
std::vector<RedisAddress> RedisNodes::whom_to_ask() {
    std::vector<RedisAddress> connected;
    std::vector<RedisAddress> rest;
    for (const auto& master : masters_)
        (master->link->reachable() ? connected : rest).push_back(master->address);
    if (!connected.empty()) {
        const auto first = static_cast<std::ptrdiff_t>(looks_++ % connected.size());
        std::rotate(connected.begin(), connected.begin() + first, connected.end());
    }
    std::vector<RedisAddress> order;
    const auto add = [&](const RedisAddress& address) {
        const bool known = std::find(order.begin(), order.end(), address) != order.end();
        if (!known && order.size() < kAskedMax) order.push_back(address);
    };
    for (const auto& address : connected)
        add(address);
    add(options_.address);
    for (const auto& address : options_.cluster_nodes)
        add(address);
    for (const auto& address : rest)
        add(address);
    return order;
}

void RedisNodes::apply(const RedisTopology& topology) {
    std::vector<RedisNodePtr> masters;
    for (const auto& address : topology.masters)
        masters.push_back(at(address));
    if (std::find(masters.begin(), masters.end(), nullptr) != masters.end()) return;
    masters_ = std::move(masters);
    owners_ = topology.owners;
    drop_strangers();
    wake();
    if (told_) update();  // otherwise the first connection, or its failure, is to be told
}

/// Leaves nodes that are no masters, unless they still answer somebody (an ASK leads to a node that
/// may not have a slot yet).
void RedisNodes::drop_strangers() {
    for (auto entry = nodes_.begin(); entry != nodes_.end();) {
        const auto node = entry->second;
        const bool is_master = std::find(masters_.begin(), masters_.end(), node) != masters_.end();
        const bool is_busy = node->link->reachable() && node->link->waiting() > 0;
        if (is_master || is_busy) {
            ++entry;
            continue;
        }
        entry = nodes_.erase(entry);
        node->link->on_change({});
        node->link->stop(to_text(node->address) + " is no master of the cluster any more");
    }
}

RedisNodePtr RedisNodes::for_slot(std::uint16_t slot) const {
    const auto owner = owners_[slot];
    return owner < masters_.size() ? masters_[owner] : nullptr;
}

RedisNodePtr RedisNodes::home() const {
    if (masters_.empty()) return nullptr;
    const auto connected = std::find_if(
        masters_.begin(), masters_.end(), [](const auto& node) { return node->link->reachable(); });
    return connected == masters_.end() ? masters_.front() : *connected;
}

RedisNodePtr RedisNodes::at(const RedisAddress& address) {
    const auto name = to_text(address);
    if (const auto known = nodes_.find(name); known != nodes_.end()) return known->second;
    if (serving_ == nullptr || serving_->running() >= 2 * kNodesMax || nodes_.size() >= kNodesMax)
        return nullptr;
    auto options = options_;
    options.address = address;
    const auto link = std::make_shared<RedisLink>(executor_, std::move(options));
    link->on_change([this, address](bool reachable, const std::string& why) {
        link_changed(address, reachable, why);
    });
    serving_->spawn("node", link->serve());
    return nodes_[name] = std::make_shared<const RedisNode>(RedisNode{address, link});
}

void RedisNodes::move_slot(std::uint16_t slot, const RedisAddress& to) {
    look_again();
    const auto node = at(to);
    if (!node) return;
    auto master = std::find(masters_.begin(), masters_.end(), node);
    if (master == masters_.end()) master = masters_.insert(masters_.end(), node);
    owners_[slot] = static_cast<std::uint16_t>(master - masters_.begin());
}

void RedisNodes::wake() {
    for (auto* timer : waiting_)
        timer->cancel();
}

Task<> RedisNodes::change(Deadline until) {
    const auto self = shared_from_this();
    asio::steady_timer timer{executor_, until};
    const auto entry = waiting_.insert(waiting_.end(), &timer);
    struct Leave {
        RedisNodes& nodes;
        std::list<asio::steady_timer*>::iterator entry;
        ~Leave() { nodes.waiting_.erase(entry); }
    };
    const Leave leave{*this, entry};
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

void RedisNodes::link_changed(const RedisAddress& address, bool reachable, const std::string& why) {
    if (!reachable) {
        why_ = to_text(address) + ": " + why;
        look_again();
    }
    update();
}

/// Reachable is who has a connection to any master: the others' slots wait for theirs.
void RedisNodes::update() {
    const bool now = std::any_of(
        masters_.begin(), masters_.end(), [](const auto& node) { return node->link->reachable(); });
    const bool changed = !told_ || now != reachable_;
    told_ = true;
    reachable_ = now;
    if (changed && callback_) callback_(now, now ? std::string{} : why_);
}

}  // namespace quorate::detail
