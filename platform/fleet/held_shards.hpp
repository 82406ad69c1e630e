#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "core/base/held_shard.hpp"
#include "core/time/time.hpp"

namespace quorate {

/// The shards that this process may plan or seal: those whose lease it holds, each until a time of
/// its own steady clock that comes before the lease's end. Filled by the fleet, read by whoever
/// does the work, both on one executor.
class HeldShards {
public:
    void hold(HeldShard held, SteadyTime until) {
        leases_[held.shard] = {held.epoch, until};
        lapsed_.erase(held.shard);
    }
    void drop(ShardId shard) {
        leases_.erase(shard);
        lapsed_.erase(shard);
    }
    /// It fell to us, and its lease could not be renewed: as far as we know nobody works on it.
    bool lapsed(ShardId shard) const { return lapsed_.contains(shard); }
    /// Drops a shard whose work is fenced under this epoch, and asks for a higher one from now on:
    /// where it is still ours Redis gave it one that is too low, as its clock was set back.
    void outbid(ShardId shard, std::uint64_t epoch) {
        drop(shard);
        above_[shard] = std::max(above_[shard], epoch);
    }
    /// The epochs that leases have to be above, as far as any were outbid.
    const ShardEpochs& above() const { return above_; }

    /// Those that may be worked on now, by number.
    std::vector<HeldShard> in_force(SteadyTime now) const {
        std::vector<HeldShard> held;
        for (const auto& [shard, lease] : leases_)
            if (now < lease.until) held.push_back({shard, lease.epoch});
        return held;
    }
    bool in_force(HeldShard held, SteadyTime now) const {
        const auto found = leases_.find(held.shard);
        return found != leases_.end() && found->second.epoch == held.epoch &&
               now < found->second.until;
    }
    /// Forgets those that are not in force any more. @return them.
    std::vector<HeldShard> drop_lapsed(SteadyTime now) {
        std::vector<HeldShard> lapsed;
        for (auto it = leases_.begin(); it != leases_.end();) {
            if (now < it->second.until) {
                ++it;
                continue;
            }
            lapsed.push_back({it->first, it->second.epoch});
            lapsed_.insert(it->first);
            it = leases_.erase(it);
        }
        return lapsed;
    }
    /// Forgets that shards lapsed which fall to others now.
    void keep_lapsed(const std::set<ShardId>& share) {
        std::erase_if(lapsed_, [&share](ShardId shard) { return !share.contains(shard); });
    }
    /// All that were taken and not dropped, whether in force or not.
    std::vector<HeldShard> all() const {
        std::vector<HeldShard> held;
        for (const auto& [shard, lease] : leases_)
            held.push_back({shard, lease.epoch});
        return held;
    }
    std::set<ShardId> ids() const {
        std::set<ShardId> ids;
        for (const auto& [shard, lease] : leases_)
            ids.insert(shard);
        return ids;
    }
    std::size_t size() const { return leases_.size(); }

private:
    struct Lease {
        std::uint64_t epoch = 0;
        SteadyTime until;
    };
    std::map<ShardId, Lease> leases_;
    std::set<ShardId> lapsed_;
    ShardEpochs above_;
};

}  // namespace quorate
