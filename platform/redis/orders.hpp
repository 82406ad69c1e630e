#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/model/job.hpp"
#include "platform/redis/client.hpp"
#include "platform/wire/decoded.hpp"

/// Looks that an operator wants at once. They go beside the queue of jobs: nothing of them is
/// recorded, and one that is lost is ordered again by whoever waits for it.
namespace quorate {

/// So many stand in Redis for each region, the last ones, for so long after the last.
inline constexpr std::size_t kOrdersKept = 64;
inline constexpr std::chrono::seconds kOrdersKeptFor{30};
/// How long an answer waits to be read.
inline constexpr std::chrono::seconds kAnswersKeptFor{60};
/// A longer one is none: an encoded record has a few hundred bytes.
inline constexpr std::size_t kAnswerBytesMax = 16'384;

/// An order for the agents of a region, and where its answer will be.
struct OrderName {
    std::string region;
    std::string id;
};

/// Puts the jobs, which have an id, where one agent of their region finds each. @return of each
/// why it could not be put there; empty: it was. Throws as RedisClient::try_now.
Task<std::vector<std::string>> give_orders(RedisClient& client, std::vector<Job> jobs);

/// The next order for an agent of the region; waits for it up to `block`, so the client needs to
/// be one for this alone. An order that is taken is gone. Throws as RedisClient::run.
Task<std::optional<wire::Decoded<Job>>> take_order(RedisClient& blocking,
                                                   std::string region,
                                                   milliseconds block);

/// @param record wire::encode_record of what became of the order. Throws as RedisClient::run.
Task<> put_answer(RedisClient& client, OrderName order, std::string record);

/// Those that are there, in order. Throws as RedisClient::try_now.
Task<std::vector<std::optional<std::string>>> read_answers(RedisClient& client,
                                                           std::vector<OrderName> orders);

}  // namespace quorate
