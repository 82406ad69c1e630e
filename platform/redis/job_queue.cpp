#include "platform/redis/job_queue.hpp"

#include <stdexcept>

#include "platform/redis/convert.hpp"
#include "platform/redis/keys.hpp"
#include "platform/redis/script.hpp"
#include "platform/redis/scripts.hpp"
#include "platform/wire/job_codec.hpp"

namespace quorate {

namespace {

std::optional<UtcTime> planned_time(const RedisReply& reply) {
    if (reply.is_nil() || reply.text().empty()) return std::nullopt;
    const auto ms = detail::parse_number<std::int64_t>(reply.text());
    if (!ms) throw RedisError{"TYPE planned_until is no number"};
    return detail::from_ms(*ms);
}

}  // namespace

JobQueue::JobQueue(RedisClient& client, std::string region)
    : client_{&client}, region_{std::move(region)} {}

Task<std::optional<UtcTime>> JobQueue::planned_until() {
    RedisArgs command{"HGET", keys::planned(region_), "until_ms"};
    const auto reply = co_await client_->run(std::move(command));
    co_return planned_time(reply);
}

Task<Enqueued> JobQueue::enqueue(std::vector<Job> jobs,
                                 std::optional<UtcTime> from,
                                 UtcTime until) {
    if (jobs.size() > kBatchMax) throw std::invalid_argument{"too many jobs in one batch"};
    static const RedisScript kScript{scripts::enqueue};
    RedisScript::Call call;
    call.keys = {keys::jobs(region_), keys::planned(region_)};
    call.arguments.reserve(jobs.size() + 2);
    call.arguments.push_back(from ? std::to_string(detail::to_ms(*from)) : std::string{});
    call.arguments.push_back(std::to_string(detail::to_ms(until)));
    for (const auto& job : jobs)
        call.arguments.push_back(wire::encode_job(job));
    const auto reply = co_await kScript.run(*client_, std::move(call));
    const auto& answer = reply.list();
    Enqueued enqueued;
    enqueued.taken = answer.at(0).integer() == 1;
    enqueued.planned_until = planned_time(answer.at(1));
    co_return enqueued;
}

Task<std::uint64_t> JobQueue::trim(UtcTime before) {
    RedisArgs command{"XTRIM", keys::jobs(region_), "MINID", std::to_string(detail::to_ms(before))};
    const auto reply = co_await client_->run(std::move(command));
    co_return static_cast<std::uint64_t>(reply.integer());
}

Task<std::vector<QueueDepth>> read_depths(RedisClient& client, std::vector<std::string> regions) {
    std::vector<RedisArgs> commands;
    for (const auto& region : regions) {
        commands.push_back({"XLEN", keys::jobs(region)});
        commands.push_back({"XPENDING", keys::jobs(region), std::string{keys::kAgents}});
    }
    const auto replies = co_await client.try_all(std::move(commands));
    std::vector<QueueDepth> depths;
    for (std::size_t i = 0; i + 1 < replies.size(); i += 2) {
        QueueDepth depth;
        depth.entries = static_cast<std::uint64_t>(replies[i].integer());
        const auto* error = replies[i + 1].error();
        const bool no_group = error != nullptr && error->starts_with("NOGROUP");
        if (!no_group)
            depth.pending = static_cast<std::uint64_t>(replies[i + 1].list().at(0).integer());
        depths.push_back(depth);
    }
    co_return depths;
}

}  // namespace quorate
