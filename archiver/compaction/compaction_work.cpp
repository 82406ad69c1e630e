#include "archiver/compaction/compaction_work.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "archiver/compaction/compaction_store.hpp"
#include "archiver/store/endpoint_rows.hpp"
#include "archiver/store/fence_store.hpp"

namespace quorate {

Task<> CompactionWork::step(ShardEpochs held) {
    const auto now = clock_.steady_now();
    if (now < due_) co_return;
    due_ = now + kEvery;  // also where it fails
    const CompactionBounds bounds{
        window_, clock_.utc_now() - after_, kBlocksMax, kEndpointsMax, shards_of(held)};
    auto pack = [this, &held, &bounds](pqxx::work& work) {
        check_fences(work, held, bounds.shards);
        return compact(work, bounds, last_, refused_);
    };
    std::optional<CompactionRefused> refused;
    CompactionOutcome outcome;
    try {
        outcome = co_await database_.transact(std::move(pack));
    } catch (const CompactionRefused& error) {
        refused = error;
    }
    if (refused) {
        refused_.insert(refused->endpoint);
        metrics_.compaction_refused.add();
        auto read = [endpoint = refused->endpoint](pqxx::work& work) {
            return endpoint_name(work, endpoint);
        };
        const auto name = co_await database_.transact(std::move(read));
        log_event(log_,
                  LogLevel::error,
                  "compaction.refused",
                  kv("endpoint", name),
                  kv("endpoint_id", refused->endpoint),
                  kv("detail", refused->what()));
        due_ = now;  // the others go on
        co_return;
    }
    metrics_.compacted.add(static_cast<double>(outcome.minutes));
    found_ = found_ || outcome.blocks > 0;
    overdue_ = std::max(overdue_, outcome.overdue);
    last_ = outcome.last;
    if (!outcome.is_end) {
        due_ = now;
        co_return;
    }
    metrics_.compaction_lag.set(std::chrono::duration<double>(overdue_).count());
    if (found_) due_ = now;  // another round, for what is still due
    last_ = EndpointId{0};
    found_ = false;
    overdue_ = milliseconds{0};
}

}  // namespace quorate
