#include "archiver/rollup/rollup_work.hpp"

#include <algorithm>
#include <vector>

#include "archiver/rollup/rollup_store.hpp"

namespace quorate {

Task<> RollupWork::step(std::map<ShardId, UtcMinute> sealed, std::size_t endpoints) {
    const auto begun = clock_.steady_now();
    const auto every = std::clamp<milliseconds>(kPerEndpoint * endpoints, every_, kEveryMax);
    std::chrono::duration<double> lag{0};
    for (const auto& [id, minute] : sealed) {
        auto& shard = shards_[id];
        const auto now = clock_.steady_now();
        if (shard.until < minute.start() && shard.due <= now && now - begun < kAtATime) {
            auto roll = [id = id, minute = minute](pqxx::work& work) {
                return roll_up(work, id, minute);
            };
            const auto until = co_await database_.transact(std::move(roll));
            shard.until = until.value_or(minute.start());
            // Where more is left the next step goes on.
            if (shard.until >= minute.start()) shard.due = now + every;
        }
        if (shard.until != UtcTime{})
            lag = std::max<std::chrono::duration<double>>(lag, minute.start() - shard.until);
    }
    metrics_.rollup_lag.set(lag.count());
    if (begun < stale_due_ || sealed.empty()) co_return;
    co_await roll_stale(sealed);
    stale_due_ = clock_.steady_now() + every_;
}

Task<> RollupWork::roll_stale(const std::map<ShardId, UtcMinute>& sealed) {
    std::vector<ShardId> ids;
    for (const auto& [id, minute] : sealed)
        ids.push_back(id);
    std::size_t count = kStaleHoursMax;
    while (count == kStaleHoursMax) {
        auto roll = [&ids](pqxx::work& work) { return roll_up_stale(work, ids, kStaleHoursMax); };
        count = co_await database_.transact(std::move(roll));
        metrics_.stale_hours.add(static_cast<double>(count));
    }
}

}  // namespace quorate
