#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/model/job.hpp"
#include "platform/redis/client.hpp"
#include "platform/wire/decoded.hpp"

namespace quorate {

/// One job handed to this agent. It stays pending in Redis until `finish` or `give_back`.
struct Delivery {
    std::string entry;       ///< id of the stream's entry
    wire::Decoded<Job> job;  ///< or why its bytes are no job
};

/// An agent that has jobs pending, and how many.
struct JobHolder {
    std::string agent;
    std::size_t pending = 0;
    friend bool operator==(const JobHolder&, const JobHolder&) = default;
};

/// An agent's side of its region's queue of jobs. Every job is delivered at least once until it is
/// finished. All functions throw as RedisClient::run; where the group is gone (Redis lost its data)
/// they make it anew.
class JobConsumer {
public:
    /// @param client runs everything but `read`; @param blocking runs `read` alone.
    /// @param agent unique among the region's living agents; a restarted agent keeps its name.
    JobConsumer(RedisClient& client, RedisClient& blocking, std::string region, std::string agent);

    /// Jobs for this agent, at most `count`; waits up to `block` for the first one.
    Task<std::vector<Delivery>> read(std::size_t count, milliseconds block);

    /// Jobs that are pending at this agent, at most `count`, behind the entry `after` (empty: from
    /// the first): those it works on, those that an earlier life of it took and did not finish, and
    /// those that Redis handed to a connection of it that was dead by then. Entries that are gone
    /// are left out and forgotten.
    Task<std::vector<Delivery>> read_own(std::size_t count, std::string after);

    /// Takes over at most `count` jobs that are pending at `agent`, a dead one. Of several agents
    /// that try at the same time one gets a job.
    Task<std::vector<Delivery>> claim(std::string agent, std::size_t count);

    /// The agents (this one included) that have jobs pending.
    Task<std::vector<JobHolder>> holders();

    /// The jobs are done and their cells written: they leave the queue.
    Task<> finish(std::vector<std::string> entries);

    /// Puts jobs that were not started back at the end of the queue, for others; atomic, and only
    /// those that this agent still holds. @return how many went back.
    Task<std::size_t> give_back(std::vector<std::string> entries);

    /// Removes what Redis keeps of agents that have had no command here for so long and have
    /// nothing pending, at most kForgetMax. @return how many.
    Task<std::size_t> forget_silent(milliseconds silence);
    static constexpr std::size_t kForgetMax = 1000;

private:
    Task<RedisReply> run_in_group(RedisClient& client, RedisArgs command, milliseconds timeout);
    RedisClient* client_;
    RedisClient* blocking_;
    std::string region_;
    std::string agent_;
};

}  // namespace quorate
