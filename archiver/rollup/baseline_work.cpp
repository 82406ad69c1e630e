#include "archiver/rollup/baseline_work.hpp"

#include <utility>

#include "archiver/rollup/baseline_store.hpp"

namespace quorate {

Task<> BaselineWork::step(std::map<ShardId, UtcMinute> sealed) {
    const auto begun = clock_.steady_now();
    for (const auto& [id, minute] : sealed) {
        auto& shard = shards_[id];
        while (shard.due <= clock_.steady_now() && clock_.steady_now() - begun < kAtATime) {
            shard.due = begun + kEvery;  // also where it fails, so that the others have their turn
            auto compute = [id = id, after = shard.done, now = minute.start()](pqxx::work& work) {
                return compute_baselines(work, id, after, now, kEndpointsMax);
            };
            const auto last = co_await database_.transact(std::move(compute));
            shard.done = last.value_or(EndpointId{});
            if (last) shard.due = begun;  // further ones may be left
        }
    }
    const std::chrono::duration<double> elapsed = clock_.steady_now() - begun;
    metrics_.baseline_seconds.add(elapsed.count());
}

}  // namespace quorate
