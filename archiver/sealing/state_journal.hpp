#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "archiver/sealing/seal_plan.hpp"

namespace quorate {

/// States to be stored of one shard.
struct ShardStates {
    ShardId shard;
    bool whole = false;  ///< all of the shard, in place of what its log holds
    std::vector<std::pair<EndpointId, const EndpointProgress*>> states;  ///< ascending
};

/// Which states a plan stores. To rewrite a row of each endpoint with each minute would cost more
/// than the minutes themselves, and of an endpoint that is well it would say nothing new: so a plan
/// appends what changed to the logs of its shards, and a log that has grown to ten times its shard
/// is replaced by the states alone (docs/adr/0035).
class StateJournal {
public:
    static constexpr std::size_t kLogFactor = 10;
    /// A state is stored once a day at least: when its endpoint was last sealed is known from the
    /// minutes, which are kept for a day at least.
    static constexpr std::chrono::hours kAgeMax{24};

    /// What a log holds.
    struct Logged {
        std::map<ShardId, std::size_t> states;  ///< how many
        std::unordered_map<EndpointId, UtcMinute>
            endpoints;  ///< the last sealed minute at the last of each
    };
    explicit StateJournal(Logged logged = {});

    /// What is to be stored with a plan. It points into the plan, and into what the plan was made
    /// from.
    std::vector<ShardStates> entries(const SealPlan& plan) const;

    /// Adds what the logs of further shards hold.
    void add(Logged logged);
    /// Forgets a shard with these endpoints, which is another's now.
    void forget(ShardId shard, const std::vector<EndpointId>& endpoints);
    /// Forgets an endpoint that is deleted; what the log holds of it counts on.
    void forget(EndpointId endpoint) { logged_.endpoints.erase(endpoint); }

    /// How many states the logs hold.
    std::size_t states() const;

    /// Notes that these are stored.
    void stored(const std::vector<ShardStates>& entries);

private:
    bool is_stored(const SealPlan& plan,
                   EndpointId endpoint,
                   const EndpointProgress& progress) const;
    bool is_full(const SealPlan& plan, ShardId shard) const;
    Logged logged_;
};

}  // namespace quorate
