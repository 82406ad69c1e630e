#pragma once

#include "platform/telemetry/metrics.hpp"

namespace quorate::coordinator {

/// The metrics of the coordinator.
struct CoordinatorMetrics {
    explicit CoordinatorMetrics(Metrics& metrics)
        : jobs_enqueued{metrics.counters("quorate_coordinator_jobs_enqueued_total",
                                         "Jobs put into the region's queue.",
                                         {"region"})},
          jobs_missed{metrics.counters(
              "quorate_coordinator_jobs_missed_total",
              "Jobs not enqueued, as their window was over: we were away too long.",
              {"region"})},
          jobs_trimmed{metrics.counters("quorate_coordinator_jobs_trimmed_total",
                                        "Jobs removed from the queue as too old.",
                                        {"region"})},
          planning_lag_seconds{
              metrics.gauges("quorate_coordinator_planning_lag_seconds",
                             "How far planning is behind where it should be (two seconds ahead).",
                             {"region"})},
          planning_failures{metrics.counter("quorate_coordinator_planning_failures_total",
                                            "Ticks that could not reach Redis.")},
          leading{metrics.gauge("quorate_coordinator_leading",
                                "1 where this coordinator plans, 0 where it stands by.")},
          generation{metrics.gauge("quorate_coordinator_catalogue_generation",
                                   "Last change of the catalogue that is loaded.")},
          endpoints{metrics.gauge("quorate_coordinator_endpoints",
                                  "Endpoints that are planned (not paused).")},
          rpcs{metrics.counters(
              "quorate_coordinator_rpcs_total", "Calls of the admin API.", {"rpc", "code"})},
          watchers{metrics.gauge("quorate_coordinator_watchers", "Open Watch streams.")} {}

    MetricFamily<Counter> jobs_enqueued;
    MetricFamily<Counter> jobs_missed;
    MetricFamily<Counter> jobs_trimmed;
    MetricFamily<Gauge> planning_lag_seconds;
    Counter planning_failures;
    Gauge leading;
    Gauge generation;
    Gauge endpoints;
    MetricFamily<Counter> rpcs;
    Gauge watchers;
};

}  // namespace quorate::coordinator
