#include "platform/redis/shard_leases.hpp"

#include <utility>

#include "platform/redis/script.hpp"
#include "platform/redis/scripts.hpp"

namespace quorate {

namespace {

const RedisScript& script() {
    static const RedisScript kScript{scripts::lease};
    return kScript;
}

LeaseAnswer answer_of(const RedisReply& reply) {
    if (const auto* why = reply.unavailable()) return {std::nullopt, {}, *why};
    if (const auto* refusal = reply.error()) return {std::nullopt, {}, *refusal};
    const auto& row = reply.list();
    const auto epoch = static_cast<std::uint64_t>(row.at(0).integer());
    if (epoch == 0) return {std::nullopt, row.at(1).text(), {}};
    return {epoch, {}, {}};
}

}  // namespace

ShardLeases::ShardLeases(RedisClient& client, SharedWork work, std::string holder)
    : client_{&client}, work_{work}, holder_{std::move(holder)} {}

Task<std::vector<LeaseAnswer>> ShardLeases::hold(std::vector<ShardId> shards,
                                                 milliseconds length,
                                                 ShardEpochs above) {
    std::vector<RedisScript::Call> calls;
    calls.reserve(shards.size());
    for (const auto shard : shards) {
        auto& call = calls.emplace_back();
        call.keys = {keys::lease(work_, shard)};
        const auto known = above.find(shard);
        const auto floor = known == above.end() ? 0 : known->second;
        call.arguments = {"hold", holder_, std::to_string(length.count()), std::to_string(floor)};
    }
    const auto replies = co_await script().try_now(*client_, std::move(calls));
    std::vector<LeaseAnswer> answers;
    answers.reserve(replies.size());
    for (const auto& reply : replies)
        answers.push_back(answer_of(reply));
    co_return answers;
}

Task<> ShardLeases::release(std::vector<HeldShard> shards) {
    std::vector<RedisScript::Call> calls;
    calls.reserve(shards.size());
    for (const auto& held : shards) {
        auto& call = calls.emplace_back();
        call.keys = {keys::lease(work_, held.shard)};
        call.arguments = {"release", holder_, std::to_string(held.epoch)};
    }
    co_await script().try_now(*client_, std::move(calls));
}

}  // namespace quorate
