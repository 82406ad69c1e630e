#include "platform/redis/job_consumer.hpp"

#include <stdexcept>

#include "platform/redis/convert.hpp"
#include "platform/redis/keys.hpp"
#include "platform/redis/script.hpp"
#include "platform/redis/scripts.hpp"
#include "platform/wire/job_codec.hpp"

namespace quorate {

namespace {

constexpr milliseconds kTimeout{2000};  // above the BLOCK of a read
// Of the agents that claim the same job the first resets its idle time and so wins; a dead agent's
// jobs have been idle for longer than this since long.
constexpr auto kClaimIdleMs = "1000";

/// Entries as XREADGROUP and XCLAIM give them: [id, [field, value, …]]. Those that were removed
/// from the stream meanwhile come without fields: their ids go to `gone`.
std::vector<Delivery> to_deliveries(const RedisReply& entries, std::vector<std::string>& gone) {
    std::vector<Delivery> deliveries;
    for (const auto& entry : entries.list()) {
        if (entry.is_nil()) continue;
        if (entry.list().at(1).is_nil()) {
            gone.push_back(entry.list().at(0).text());
            continue;
        }
        const auto& fields = entry.list().at(1).list();
        Delivery delivery{entry.list().at(0).text(), wire::DecodeError{"job: has no field j"}};
        for (std::size_t i = 0; i + 1 < fields.size(); i += 2)
            if (fields[i].text() == "j") delivery.job = wire::decode_job(fields[i + 1].text());
        deliveries.push_back(std::move(delivery));
    }
    return deliveries;
}

/// The entries of the one stream that XREADGROUP was asked for; nil means none came in time.
std::vector<Delivery> of_one_stream(const RedisReply& reply, std::vector<std::string>& gone) {
    if (reply.is_nil()) return {};
    return to_deliveries(reply.list().at(0).list().at(1), gone);
}

}  // namespace

JobConsumer::JobConsumer(RedisClient& client,
                         RedisClient& blocking,
                         std::string region,
                         std::string agent)
    : client_{&client},
      blocking_{&blocking},
      region_{std::move(region)},
      agent_{std::move(agent)} {}

Task<RedisReply> JobConsumer::run_in_group(RedisClient& client,
                                           RedisArgs command,
                                           milliseconds timeout) {
    for (int tries = 0;; ++tries) {
        std::vector<RedisArgs> commands{command};
        auto replies = co_await client.try_all(std::move(commands), timeout);
        const auto* error = replies.front().error();
        const bool no_group = error != nullptr && error->starts_with("NOGROUP");
        if (!no_group || tries > 0) {
            replies.front().check();
            co_return std::move(replies.front());
        }
        std::vector<RedisArgs> create;
        create.push_back(
            {"XGROUP", "CREATE", keys::jobs(region_), std::string{keys::kAgents}, "0", "MKSTREAM"});
        const auto created = co_await client.try_all(std::move(create), timeout);
        error = created.front().error();
        if (error != nullptr && !error->starts_with("BUSYGROUP")) throw RedisError{*error};
    }
}

Task<std::vector<Delivery>> JobConsumer::read(std::size_t count, milliseconds block) {
    RedisArgs command{"XREADGROUP",
                      "GROUP",
                      std::string{keys::kAgents},
                      agent_,
                      "COUNT",
                      std::to_string(count),
                      "BLOCK",
                      std::to_string(block.count()),
                      "STREAMS",
                      keys::jobs(region_),
                      ">"};
    const auto reply = co_await run_in_group(*blocking_, std::move(command), block + kTimeout);
    std::vector<std::string> none;  // new entries have their fields
    co_return of_one_stream(reply, none);
}

Task<std::vector<Delivery>> JobConsumer::read_own(std::size_t count, std::string after) {
    if (after.empty()) after = "0";
    for (;;) {
        RedisArgs command{"XREADGROUP",
                          "GROUP",
                          std::string{keys::kAgents},
                          agent_,
                          "COUNT",
                          std::to_string(count),
                          "STREAMS",
                          keys::jobs(region_),
                          after};
        const auto reply = co_await run_in_group(*client_, std::move(command), kTimeout);
        std::vector<std::string> gone;
        auto deliveries = of_one_stream(reply, gone);
        const bool end = gone.empty() || !deliveries.empty();
        co_await finish(std::move(gone));
        if (end) co_return deliveries;
    }
}

Task<std::vector<Delivery>> JobConsumer::claim(std::string agent, std::size_t count) {
    RedisArgs pending{"XPENDING",
                      keys::jobs(region_),
                      std::string{keys::kAgents},
                      "IDLE",
                      kClaimIdleMs,
                      "-",
                      "+",
                      std::to_string(count),
                      std::move(agent)};
    const auto held = co_await run_in_group(*client_, std::move(pending), kTimeout);
    if (held.list().empty()) co_return std::vector<Delivery>{};
    RedisArgs claim{
        "XCLAIM", keys::jobs(region_), std::string{keys::kAgents}, agent_, kClaimIdleMs};
    for (const auto& row : held.list())
        claim.push_back(row.list().at(0).text());
    const auto entries = co_await run_in_group(*client_, std::move(claim), kTimeout);
    std::vector<std::string> gone;  // XCLAIM forgets them itself
    co_return to_deliveries(entries, gone);
}

Task<std::vector<JobHolder>> JobConsumer::holders() {
    RedisArgs command{"XPENDING", keys::jobs(region_), std::string{keys::kAgents}};
    const auto reply = co_await run_in_group(*client_, std::move(command), kTimeout);
    std::vector<JobHolder> holders;
    const auto& consumers = reply.list().at(3);
    if (consumers.is_nil()) co_return holders;
    for (const auto& row : consumers.list()) {
        const auto pending = detail::parse_number<std::size_t>(row.list().at(1).text());
        if (!pending) throw RedisError{"TYPE XPENDING gave no number"};
        holders.push_back({row.list().at(0).text(), *pending});
    }
    co_return holders;
}

Task<> JobConsumer::finish(std::vector<std::string> entries) {
    if (entries.empty()) co_return;
    RedisArgs acknowledge{"XACK", keys::jobs(region_), std::string{keys::kAgents}};
    acknowledge.insert(acknowledge.end(), entries.begin(), entries.end());
    RedisArgs remove{"XDEL", keys::jobs(region_)};
    remove.insert(remove.end(), entries.begin(), entries.end());
    std::vector<RedisArgs> commands;
    commands.push_back(std::move(acknowledge));
    commands.push_back(std::move(remove));
    const auto replies = co_await client_->try_now(std::move(commands));
    for (const auto& reply : replies)
        reply.check();
}

Task<std::size_t> JobConsumer::give_back(std::vector<std::string> entries) {
    if (entries.empty()) co_return std::size_t{0};
    static const RedisScript kScript{scripts::give_back};
    RedisScript::Call call;
    call.keys = {keys::jobs(region_)};
    call.arguments = {std::string{keys::kAgents}, agent_};
    call.arguments.insert(call.arguments.end(), entries.begin(), entries.end());
    const auto reply = co_await kScript.run(*client_, std::move(call));
    co_return static_cast<std::size_t>(reply.integer());
}

Task<std::size_t> JobConsumer::forget_silent(milliseconds silence) {
    static const RedisScript kScript{scripts::forget_consumers};
    RedisScript::Call call;
    call.keys = {keys::jobs(region_)};
    call.arguments = {
        std::string{keys::kAgents}, std::to_string(silence.count()), std::to_string(kForgetMax)};
    const auto reply = co_await kScript.run(*client_, std::move(call));
    co_return static_cast<std::size_t>(reply.integer());
}

}  // namespace quorate
