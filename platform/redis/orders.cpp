#include "platform/redis/orders.hpp"

#include <utility>

#include "platform/redis/keys.hpp"
#include "platform/wire/job_codec.hpp"

namespace quorate {
namespace {

constexpr milliseconds kTimeout{2000};  // above the time that a command blocks
constexpr std::size_t kCommandsEach = 3;

/// @return why a command did not take place; empty: it did
std::string failure_of(const RedisReply& reply) {
    if (const auto* why = reply.unavailable()) return *why;
    const auto* error = reply.error();
    return error == nullptr ? std::string{} : std::string{*error};
}

}  // namespace

Task<std::vector<std::string>> give_orders(RedisClient& client, std::vector<Job> jobs) {
    std::vector<std::string> failures;
    if (jobs.empty()) co_return failures;
    const auto first_kept = std::to_string(-static_cast<std::int64_t>(kOrdersKept));
    std::vector<RedisArgs> commands;
    for (const auto& job : jobs) {
        const auto key = keys::orders(job.region);
        commands.push_back({"RPUSH", key, wire::encode_job(job)});
        commands.push_back({"LTRIM", key, first_kept, "-1"});
        commands.push_back({"EXPIRE", key, std::to_string(kOrdersKeptFor.count())});
    }
    const auto replies = co_await client.try_now(std::move(commands));
    for (std::size_t i = 0; i < replies.size(); i += kCommandsEach)
        failures.push_back(failure_of(replies[i]));
    co_return failures;
}

Task<std::optional<wire::Decoded<Job>>> take_order(RedisClient& blocking,
                                                   std::string region,
                                                   milliseconds block) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(block);
    RedisArgs command{"BLPOP", keys::orders(region), std::to_string(seconds.count())};
    const auto reply = co_await blocking.run(std::move(command), seconds + kTimeout);
    std::optional<wire::Decoded<Job>> order;
    if (!reply.is_nil()) order.emplace(wire::decode_job(reply.list().at(1).text()));
    co_return order;
}

Task<> put_answer(RedisClient& client, OrderName order, std::string record) {
    RedisArgs command{"SET",
                      keys::answer(order.region, order.id),
                      std::move(record),
                      "EX",
                      std::to_string(kAnswersKeptFor.count())};
    const auto reply = co_await client.run(std::move(command));
}

Task<std::vector<std::optional<std::string>>> read_answers(RedisClient& client,
                                                           std::vector<OrderName> orders) {
    std::vector<std::optional<std::string>> answers;
    if (orders.empty()) co_return answers;
    // One byte more than an answer may have, which tells one that is longer.
    const auto last = std::to_string(kAnswerBytesMax);
    std::vector<RedisArgs> commands;
    for (const auto& order : orders)
        commands.push_back({"GETRANGE", keys::answer(order.region, order.id), "0", last});
    const auto replies = co_await client.try_now(std::move(commands));
    for (const auto& reply : replies) {
        const bool there = failure_of(reply).empty() && !reply.text().empty();
        answers.push_back(there ? std::optional{reply.text()} : std::nullopt);
    }
    co_return answers;
}

}  // namespace quorate
