#pragma once

#include <cstddef>

#include "archiver/metrics.hpp"
#include "archiver/retention/retention_store.hpp"
#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate {

/// Deletes what is past, a little at a time, and keeps the suppression clusters fresh.
class RetentionWork {
public:
    static constexpr std::size_t kRowsMax = 5000;      ///< of each table, in one transaction
    static constexpr std::size_t kEndpointsMax = 500;  ///< whose tool lists one transaction takes
    static constexpr milliseconds kEvery{3'600'000};
    static constexpr milliseconds kClustersEvery{60'000};

    RetentionWork(Database& database,
                  const Clock& clock,
                  Logger& log,
                  const ArchiverMetrics& metrics,
                  RetentionSettings settings)
        : database_{database}, clock_{clock}, log_{log}, metrics_{metrics}, settings_{settings} {}

    /// From its next step on.
    void keep(const RetentionSettings& settings) { settings_ = settings; }

    /// One transaction of it, if something is due. Throws as Database::transact.
    Task<> step();

private:
    Task<bool> delete_lists();
    Task<> drop_partitions();

    Database& database_;
    const Clock& clock_;
    Logger& log_;
    ArchiverMetrics metrics_;
    RetentionSettings settings_;
    SteadyTime due_{};
    SteadyTime clusters_due_{};
    EndpointId lists_done_{};  // tool lists of endpoints up to this one
};

}  // namespace quorate
