#pragma once

#include <map>
#include <vector>

#include "archiver/compaction/compaction_work.hpp"
#include "archiver/expiry/expiry_work.hpp"
#include "archiver/manifests/manifest_work.hpp"
#include "archiver/retention/retention_work.hpp"
#include "archiver/rollup/baseline_work.hpp"
#include "archiver/rollup/rollup_work.hpp"

namespace quorate {

/// The shards that there is something to do for.
struct ChoreShards {
    std::map<ShardId, UtcMinute> sealed;  ///< up to which they are
    ShardEpochs held;
    std::size_t endpoints = 0;    ///< of them
    bool whole_database = false;  ///< also what one archiver does for all
};

/// What archivers do beside sealing: they bring in tool lists, and keep the stored minutes in
/// order. Their functions throw as Database::transact, and ShardsFenced.
class Chores {
public:
    Chores() = default;
    Chores(const Chores&) = delete;
    Chores& operator=(const Chores&) = delete;
    virtual ~Chores() = default;

    /// A little of what is due: rollups, baselines, compaction, retention.
    virtual Task<> step(ChoreShards shards) = 0;
    /// What was committed is read anew.
    virtual void forget() = 0;
    /// How long history is kept, from the next time on that some is deleted.
    virtual void keep(const RetentionSettings& settings) = 0;

    /// See ManifestWork. What is referred to outlives the call.
    virtual Task<ToolLists> lists(const ProgressMap& committed,
                                  const std::vector<CellsFound>& found,
                                  const RegionNames& regions) = 0;
    virtual Task<> lists_stored(const SealPlan& plan, const RegionNames& regions) = 0;
};

/// The chores of an archive in Postgres.
class PostgresChores final : public Chores {
public:
    struct Options {
        Window window = Window::minute();
        milliseconds rollup_every{15'000};
        milliseconds compact_after{48 * 3'600'000};
        RetentionSettings retention;
    };
    /// Everything referred to must outlive them.
    PostgresChores(Options options,
                   Database& database,
                   RedisClient& redis,
                   const Clock& clock,
                   Logger& log,
                   const ArchiverMetrics& metrics);

    Task<> step(ChoreShards shards) override;
    void forget() override { rollups_.forget(); }
    void keep(const RetentionSettings& settings) override { retention_.keep(settings); }
    Task<ToolLists> lists(const ProgressMap& committed,
                          const std::vector<CellsFound>& found,
                          const RegionNames& regions) override;
    Task<> lists_stored(const SealPlan& plan, const RegionNames& regions) override;

private:
    ManifestWork manifests_;
    RollupWork rollups_;
    BaselineWork baselines_;
    RetentionWork retention_;
    CompactionWork compaction_;
    ExpiryWork expiry_;
};

}  // namespace quorate
