#include "platform/redis/job_queue.hpp"

#include <stdexcept>

#include "platform/redis/convert.hpp"
#include "platform/redis/keys.hpp"
#include "platform/redis/script.hpp"
#include "platform/redis/scripts.hpp"

namespace quorate {

namespace {

constexpr std::size_t kLengthBytes = 4;

UtcTime planned_time(const std::string& text) {
    const auto ms = detail::parse_number<std::int64_t>(text);
    if (!ms) throw RedisError{"TYPE a planned point is no number"};
    return detail::from_ms(*ms);
}

std::optional<UtcTime> planned_time(const RedisReply& reply) {
    if (reply.text().empty()) return std::nullopt;
    return planned_time(reply.text());
}

/// Of the replies to the commands of one region, which all go to one node.
QueueState state_of(const RedisReply* replies) {
    QueueState state;
    if (const auto* why = replies->unavailable()) {
        state.unavailable = *why;
        return state;
    }
    state.depth.entries = static_cast<std::uint64_t>(replies++->integer());
    const auto& pending = *replies++;
    const auto* error = pending.error();
    const bool no_group = error != nullptr && error->starts_with("NOGROUP");
    if (!no_group) state.depth.pending = static_cast<std::uint64_t>(pending.list().at(0).integer());
    const auto& first = replies++->list();
    if (!first.empty()) {
        const auto& id = first.front().list().at(0).text();  // milliseconds-sequence
        state.oldest = planned_time(id.substr(0, id.find('-')));
    }
    for (const auto& value : replies++->list()) {
        const auto until = planned_time(value.text());
        if (!state.planned_until || until < *state.planned_until) state.planned_until = until;
    }
    for (const auto& value : replies++->list()) {
        const auto count = detail::parse_number<std::uint64_t>(value.text());
        if (!count) throw RedisError{"TYPE a count of missed jobs is no number"};
        state.missed += *count;
    }
    return state;
}

}  // namespace

void JobBytes::begin() {
    begun_ = bytes_.size();
    bytes_.append(kLengthBytes, '\0');
}

void JobBytes::end() {
    const auto length = bytes_.size() - begun_ - kLengthBytes;
    for (std::size_t i = 0; i < kLengthBytes; ++i)
        bytes_[begun_ + i] = static_cast<char>((length >> (8 * (kLengthBytes - 1 - i))) & 0xFFU);
    ++count_;
}

JobQueue::JobQueue(RedisClient& client, std::string region)
    : client_{&client}, region_{std::move(region)} {}

Task<std::vector<FenceAnswer>> JobQueue::raise_fence(std::vector<HeldShard> shards) {
    static const RedisScript kScript{scripts::raise_fence};
    if (shards.size() > kBlocksMax) throw std::invalid_argument{"too many shards in one call"};
    if (shards.empty()) co_return std::vector<FenceAnswer>{};
    RedisScript::Call call;
    call.keys = {keys::planned(region_), keys::fence(region_)};
    for (const auto& held : shards) {
        call.arguments.push_back(std::to_string(held.shard.value()));
        call.arguments.push_back(std::to_string(held.epoch));
    }
    const auto reply = co_await kScript.run(*client_, std::move(call));
    const auto& rows = reply.list();
    std::vector<FenceAnswer> answers;
    for (std::size_t i = 0; i < shards.size(); ++i) {
        const auto fence = static_cast<std::uint64_t>(rows.at(2 * i).integer());
        answers.push_back({fence == shards[i].epoch, fence, planned_time(rows.at(2 * i + 1))});
    }
    co_return answers;
}

Task<std::vector<BlockAnswer>> JobQueue::enqueue(std::vector<JobBlock> blocks) {
    static const RedisScript kScript{scripts::enqueue};
    if (blocks.size() > kBlocksMax) throw std::invalid_argument{"too many blocks in one call"};
    if (blocks.empty()) co_return std::vector<BlockAnswer>{};
    RedisScript::Call call;
    call.keys = {
        keys::jobs(region_), keys::planned(region_), keys::fence(region_), keys::missed(region_)};
    call.arguments.reserve(6 * blocks.size());
    for (auto& block : blocks) {
        call.arguments.push_back(std::to_string(block.held.shard.value()));
        call.arguments.push_back(std::to_string(block.held.epoch));
        call.arguments.push_back(block.from ? std::to_string(detail::to_ms(*block.from))
                                            : std::string{});
        call.arguments.push_back(std::to_string(detail::to_ms(block.until)));
        call.arguments.push_back(std::to_string(block.missed));
        call.arguments.push_back(std::move(block.jobs.bytes()));
    }
    const auto reply = co_await kScript.run(*client_, std::move(call));
    const auto& rows = reply.list();
    std::vector<BlockAnswer> answers;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const auto& row = rows.at(i);
        if (row.is_integer())
            answers.push_back({BlockAnswer::Fate::taken, blocks[i].until});
        else if (row.text() == "fenced")
            answers.push_back({BlockAnswer::Fate::fenced, std::nullopt});
        else
            answers.push_back({BlockAnswer::Fate::moved, planned_time(row)});
    }
    co_return answers;
}

Task<std::uint64_t> JobQueue::trim(UtcTime before) {
    RedisArgs command{"XTRIM", keys::jobs(region_), "MINID", std::to_string(detail::to_ms(before))};
    const auto reply = co_await client_->run(std::move(command));
    co_return static_cast<std::uint64_t>(reply.integer());
}

Task<std::vector<QueueState>> read_queues(RedisClient& client, std::vector<std::string> regions) {
    std::vector<RedisArgs> commands;
    for (const auto& region : regions) {
        commands.push_back({"XLEN", keys::jobs(region)});
        commands.push_back({"XPENDING", keys::jobs(region), std::string{keys::kAgents}});
        commands.push_back({"XRANGE", keys::jobs(region), "-", "+", "COUNT", "1"});
        commands.push_back({"HVALS", keys::planned(region)});
        commands.push_back({"HVALS", keys::missed(region)});
    }
    const auto replies = co_await client.try_now(std::move(commands));
    std::vector<QueueState> states;
    for (std::size_t i = 0; i < replies.size(); i += replies.size() / regions.size())
        states.push_back(state_of(&replies[i]));
    co_return states;
}

}  // namespace quorate
