#include "archiver/rollup/rollup_work.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "archiver/rollup/rollup_store.hpp"
#include "archiver/store/endpoint_rows.hpp"
#include "archiver/store/fence_store.hpp"

namespace quorate {

Task<> RollupWork::step(std::map<ShardId, UtcMinute> sealed,
                        ShardEpochs held,
                        std::size_t endpoints) {
    const auto begun = clock_.steady_now();
    const auto every = std::clamp<milliseconds>(kPerEndpoint * endpoints, every_, kEveryMax);
    std::chrono::duration<double> lag{0};
    for (const auto& [id, minute] : sealed) {
        auto& shard = shards_[id];
        const auto now = clock_.steady_now();
        if (shard.until < minute.start() && shard.due <= now && now - begun < kAtATime) {
            shard.due = now + every;  // also where it fails, so that the others have their turn
            auto roll = [&held, id = id, minute = minute](pqxx::work& work) {
                check_fences(work, held, {id});
                return roll_up(work, id, minute);
            };
            std::optional<UtcTime> until;
            bool waits = false;
            try {
                until = co_await database_.transact(std::move(roll));
            } catch (const BeingForgotten&) {
                waits = true;
            }
            if (!waits) shard.until = until.value_or(minute.start());
            if (!waits && shard.until < minute.start()) shard.due = now;  // the next step goes on
        }
        if (shard.until != UtcTime{})
            lag = std::max<std::chrono::duration<double>>(lag, minute.start() - shard.until);
    }
    metrics_.rollup_lag.set(lag.count());
    if (begun < stale_due_ || sealed.empty()) co_return;
    stale_due_ = begun + every_;
    const bool more = co_await roll_stale(held);
    if (more) stale_due_ = begun;
}

/// @return whether there may be more
Task<bool> RollupWork::roll_stale(const ShardEpochs& held) {
    auto roll = [&held](pqxx::work& work) {
        std::set<ShardId> ids;
        for (const auto& [id, epoch] : held)
            ids.insert(id);
        check_fences(work, held, ids);
        return roll_up_stale(work, ids, kStaleHoursMax);
    };
    std::size_t count = 0;
    try {
        count = co_await database_.transact(std::move(roll));
    } catch (const BeingForgotten&) {  // later
    }
    metrics_.stale_hours.add(static_cast<double>(count));
    co_return count == kStaleHoursMax;
}

}  // namespace quorate
