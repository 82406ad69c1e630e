#include "archiver/retention/retention_work.hpp"

#include <utility>

namespace quorate {

Task<> RetentionWork::step() {
    const auto now = clock_.steady_now();
    if (now >= clusters_due_) {
        clusters_due_ = now + kClustersEvery;
        auto refresh = [](pqxx::work& work) {
            work.exec("SELECT quorate.refresh_suppression_clusters()");
        };
        co_await database_.transact(std::move(refresh));
    }
    if (now < due_) co_return;
    due_ = now + kEvery;  // also where it fails
    // Copies here and below: a reload may change them while the database's thread reads.
    auto erase = [settings = settings_, utc_now = clock_.utc_now()](pqxx::work& work) {
        return delete_past(work, settings, utc_now, kRowsMax);
    };
    const auto deleted = co_await database_.transact(std::move(erase));
    bool more = false;
    for (const auto& [table, rows] : deleted) {
        metrics_.deleted.with({table}).add(static_cast<double>(rows));
        more = more || rows >= kRowsMax;
    }
    const bool more_lists = co_await delete_lists();
    if (more || more_lists) {
        due_ = now;  // the next step goes on
        co_return;
    }
    if (settings_.drop) co_await drop_partitions();
}

/// @return whether some are left
Task<bool> RetentionWork::delete_lists() {
    auto erase = [this, settings = settings_, utc_now = clock_.utc_now()](pqxx::work& work) {
        return delete_past_lists(work, settings, utc_now, lists_done_, kEndpointsMax);
    };
    const auto past = co_await database_.transact(std::move(erase));
    metrics_.deleted.with({"manifest_seen"}).add(static_cast<double>(past.lists));
    metrics_.deleted.with({"manifest"}).add(static_cast<double>(past.texts));
    lists_done_ = past.last.value_or(EndpointId{});
    co_return past.last.has_value();
}

Task<> RetentionWork::drop_partitions() {
    const auto settings = settings_;
    auto report = [settings](pqxx::work& work) { return report_partitions(work, settings); };
    const auto reports = co_await database_.transact(std::move(report));
    for (const auto& partition : reports) {
        if (partition.kept_because) continue;
        auto drop = [settings, name = partition.name](pqxx::work& work) {
            return drop_partition(work, name, settings);
        };
        const auto bytes = co_await database_.transact(std::move(drop));
        log_event(log_,
                  LogLevel::info,
                  "partition.dropped",
                  kv("partition", partition.name),
                  kv("bytes", bytes));
    }
}

}  // namespace quorate
