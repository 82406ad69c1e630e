#include "platform/redis/cluster.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "platform/redis/slot.hpp"
#include "platform/runtime/clock.hpp"

namespace quorate::detail {

namespace {

constexpr int kRedirectsMax = 5;  // of one command
constexpr milliseconds kPauseFirst{10};
constexpr milliseconds kPauseLongest{500};

const RedisArgs& asking() {
    static const RedisArgs kAsking{"ASKING"};
    return kAsking;
}

/// Whether the command did not run, and may elsewhere or later. The stream under a read that blocks
/// goes when its slot is migrated; where it was deleted, the next try says so. A script that reads
/// a key beside its KEYS is refused in its midst while the slot is on its way and the key is not
/// here; the one that does, `record`, may be repeated after any part of it.
bool comes_too_early(const std::string& error) {
    constexpr std::array<std::string_view, 4> kTexts{
        "TRYAGAIN ",
        "CLUSTERDOWN ",
        "UNBLOCKED the stream key no longer exists",
        "ERR Script attempted to access a non local key in a cluster node"};
    return std::any_of(
        kTexts.begin(), kTexts.end(), [&](auto text) { return error.starts_with(text); });
}

}  // namespace

/// A command that has no answer yet.
struct RedisCluster::Todo {
    std::size_t index = 0;
    RedisNodePtr ask_at;  // where an ASK led, for the next try alone
    int redirects = 0;
};

/// The commands of one call on their way.
struct RedisCluster::Call {
    std::vector<RedisArgs> commands;
    std::vector<RedisReply> replies;
    std::vector<Todo> todo;  // in the order of the commands
    milliseconds timeout;
    WhileAway while_away = WhileAway::wait;
    Deadline deadline;
    milliseconds pause = kPauseFirst;
    bool must_pause = false;  // the next round would come too early

    void end(std::size_t index, std::string why) {
        replies[index] = RedisReply{RedisReply::Unavailable{std::move(why)}};
    }
};

/// The part of a round that goes to one node.
struct RedisCluster::Group {
    RedisNodePtr node;
    RedisLink::Pending pending;
    std::vector<Todo> members;
};

/// Counts a call's commands for as long as it lives.
class RedisCluster::Load {
public:
    Load(RedisCluster& cluster, const std::vector<RedisArgs>& commands)
        : cluster_{cluster}, commands_{commands.size()} {
        for (const auto& command : commands)
            for (const auto& argument : command)
                bytes_ += argument.size();
        if (cluster.nodes_->stopped()) throw RedisUnavailable{cluster.nodes_->why()};
        if (cluster.commands_ + commands_ > cluster.commands_max_ ||
            cluster.bytes_ + bytes_ > cluster.bytes_max_)
            throw RedisUnavailable{"too many commands wait for Redis (" + cluster.nodes_->why() +
                                   ")"};
        cluster.commands_ += commands_;
        cluster.bytes_ += bytes_;
    }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;
    ~Load() {
        cluster_.commands_ -= commands_;
        cluster_.bytes_ -= bytes_;
    }

private:
    RedisCluster& cluster_;
    std::size_t commands_;
    std::size_t bytes_ = 0;
};

RedisCluster::RedisCluster(asio::any_io_executor executor, RedisClientOptions options)
    : commands_max_{options.commands_max},
      bytes_max_{options.bytes_max},
      nodes_{std::make_shared<RedisNodes>(std::move(executor), std::move(options))} {}

Task<std::vector<RedisReply>> RedisCluster::try_all(std::vector<RedisArgs> commands,
                                                    milliseconds timeout,
                                                    WhileAway while_away) {
    const auto self = shared_from_this();
    const Load load{*this, commands};
    const auto call = std::make_shared<Call>();
    call->timeout = timeout;
    call->while_away = while_away;
    call->deadline = SystemClock{}.steady_now() + timeout;
    call->replies.resize(commands.size());
    for (std::size_t i = 0; i < commands.size(); ++i)
        call->todo.push_back({i, nullptr, 0});
    call->commands = std::move(commands);
    while (!call->todo.empty())
        co_await round(call);
    const bool none = std::all_of(call->replies.begin(),
                                  call->replies.end(),
                                  [](const auto& reply) { return reply.unavailable() != nullptr; });
    if (none) throw RedisUnavailable{*call->replies.front().unavailable()};
    co_return std::move(call->replies);
}

Task<std::vector<RedisReply>> RedisCluster::try_everywhere(RedisArgs command,
                                                           milliseconds timeout) {
    const auto self = shared_from_this();
    const auto masters = nodes_->masters();
    if (masters.empty()) throw RedisUnavailable{nodes_->why()};
    const auto shared = std::make_shared<const RedisArgs>(std::move(command));
    std::vector<RedisLink::Pending> pending;
    for (const auto& master : masters) {
        std::vector<const RedisArgs*> one;
        one.push_back(shared.get());
        pending.push_back(master->link->submit(one, timeout));
    }
    std::vector<RedisReply> replies;
    for (std::size_t i = 0; i < pending.size(); ++i) {
        co_await pending[i].settled();
        if (pending[i].failure().empty())
            replies.push_back(std::move(pending[i].replies().front()));
        else
            replies.emplace_back(RedisReply::Unavailable{to_text(masters[i]->address) + ": " +
                                                         pending[i].failure()});
    }
    co_return replies;
}

/// Sends what has no answer, and waits for the answers; what is to be tried again stays in `todo`.
Task<> RedisCluster::round(std::shared_ptr<Call> call) {
    call->must_pause = false;
    auto groups = submit(*call);
    for (auto& group : groups) {
        co_await group.pending.settled();
        collect(*call, group);
    }
    auto& todo = call->todo;
    std::sort(todo.begin(), todo.end(), [](const auto& left, const auto& right) {
        return left.index < right.index;
    });
    const auto now = SystemClock{}.steady_now();
    if (now >= call->deadline || nodes_->stopped()) {
        const auto why = "Redis could not be asked within " +
                         std::to_string(call->timeout.count()) + " ms: " + nodes_->why();
        for (const auto& one : todo)
            call->end(one.index, why);
        todo.clear();
    }
    if (todo.empty() || !call->must_pause) co_return;
    const auto until = std::min(call->deadline, now + call->pause);
    call->pause = std::min(call->pause * 2, kPauseLongest);
    co_await nodes_->change(until);
}

RedisNodePtr RedisCluster::node_for(const RedisArgs& command) const {
    const auto* key = key_of(command);
    return key == nullptr ? nodes_->home() : nodes_->for_slot(slot_of(*key));
}

/// Hands the commands to the connections of their nodes, in order. Those that nobody serves stay.
std::vector<RedisCluster::Group> RedisCluster::submit(Call& call) {
    struct Part {
        std::vector<const RedisArgs*> commands;
        std::vector<Todo> members;
    };
    std::map<RedisNodePtr, Part> parts;
    for (auto& one : std::exchange(call.todo, {})) {
        const auto& command = call.commands[one.index];
        const auto node = one.ask_at ? one.ask_at : node_for(command);
        if (!node || node->link->stopped()) {
            nodes_->look_again();
            call.must_pause = true;
            one.ask_at = nullptr;
            call.todo.push_back(std::move(one));
            continue;
        }
        if (call.while_away == WhileAway::fail && node->link->is_away()) {
            call.end(one.index, to_text(node->address) + ": " + node->link->why());
            continue;
        }
        auto& part = parts[node];
        if (one.ask_at) part.commands.push_back(&asking());
        part.commands.push_back(&command);
        part.members.push_back(std::move(one));
    }
    const auto left = std::chrono::ceil<milliseconds>(call.deadline - SystemClock{}.steady_now());
    const auto timeout = std::clamp(left, milliseconds{0}, call.timeout);
    std::vector<Group> groups;
    for (auto& [node, part] : parts) {
        try {
            groups.push_back(
                {node, node->link->submit(part.commands, timeout), std::move(part.members)});
        } catch (const RedisUnavailable& error) {
            for (const auto& one : part.members)
                call.end(one.index, error.what());
        }
    }
    return groups;
}

void RedisCluster::collect(Call& call, Group& group) {
    const auto& failure = group.pending.failure();
    if (!failure.empty()) {
        // A node that left the cluster before it was asked: another one serves its slots.
        const bool elsewhere =
            !group.pending.sent() && group.node->link->stopped() && !nodes_->stopped();
        for (auto& one : group.members) {
            one.ask_at = nullptr;
            if (elsewhere)
                call.todo.push_back(std::move(one));
            else
                call.end(one.index, to_text(group.node->address) + ": " + failure);
        }
        return;
    }
    auto reply = group.pending.replies().begin();
    for (auto& one : group.members) {
        if (one.ask_at) ++reply;  // that of ASKING
        take(call, std::move(one), *group.node, std::move(*reply++));
    }
}

/// Keeps the reply, or sends the command on where the reply says that it did not run here.
void RedisCluster::take(Call& call, Todo todo, const RedisNode& from, RedisReply reply) {
    todo.ask_at = nullptr;
    const auto* error = reply.error();
    const auto redirect = error != nullptr ? parse_redirect(*error, from.address) : std::nullopt;
    const bool later = error != nullptr && comes_too_early(*error);
    if (!redirect && !later) {
        call.replies[todo.index] = std::move(reply);
        return;
    }
    if (redirect && ++todo.redirects > kRedirectsMax) {
        call.end(todo.index, "the cluster's nodes disagree, the last said " + *error);
        return;
    }
    if (later) {
        nodes_->look_again();
        call.must_pause = true;
    } else if (redirect->for_good) {
        nodes_->move_slot(redirect->slot, redirect->to);
    } else {
        todo.ask_at = nodes_->at(redirect->to);
    }
    call.todo.push_back(std::move(todo));
}

}  // namespace quorate::detail
