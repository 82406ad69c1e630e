#pragma once

#include "platform/telemetry/metrics.hpp"

namespace quorate {

/// What `/metrics` of the archiver shows.
struct ArchiverMetrics {
    explicit ArchiverMetrics(Metrics& metrics)
        : sealed{metrics.counters("quorate_archiver_sealed_minutes_total",
                                  "Endpoint-minutes sealed, by decision.",
                                  {"decision"})},
          transitions{metrics.counters(
              "quorate_archiver_transitions_total", "Changes of incidents, by kind.", {"kind"})},
          late{metrics.counters("quorate_archiver_late_cells_total",
                                "Cells that came after their minute was sealed: stored, duplicate "
                                "or unexpected.",
                                {"outcome"})},
          undecodable{metrics.counter("quorate_archiver_undecodable_cells_total",
                                      "Cells in Redis that could not be read.")},
          manifests{
              metrics.counters("quorate_archiver_manifests_total",
                               "Tool lists that cells told of: stored, missing (not in Redis), "
                               "refused (not what their hash says).",
                               {"outcome"})},
          watermark_lag{metrics.gauge("quorate_archiver_watermark_lag_seconds",
                                      "How long the oldest unsealed minute is overdue; 0: none "
                                      "is.")},
          rollup_lag{metrics.gauge("quorate_archiver_rollup_lag_seconds",
                                   "How much of what is sealed is in no rollup yet, of the shard "
                                   "that is furthest behind.")},
          baseline_seconds{metrics.counter("quorate_archiver_baseline_seconds_total",
                                           "Time that computing what is usual of endpoints took.")},
          stale_hours{metrics.counter("quorate_archiver_stale_hours_total",
                                      "Hours that were counted anew, as a minute had changed.")},
          compacted{metrics.counter("quorate_archiver_compacted_minutes_total",
                                    "Endpoint-minutes packed into blocks.")},
          compaction_refused{metrics.counter(
              "quorate_archiver_compaction_refused_total",
              "Blocks that would not have said the same as their minutes, which stayed.")},
          compaction_lag{metrics.gauge("quorate_archiver_compaction_lag_seconds",
                                       "By how much the oldest minutes were past compact_after "
                                       "when they were packed; 0: none was.")},
          deleted{metrics.counters("quorate_archiver_deleted_rows_total",
                                   "Rows deleted as they were past, by table.",
                                   {"table"})},
          shards_held{metrics.gauge("quorate_archiver_shards_held",
                                    "Shards whose lease this archiver holds.")},
          archivers_alive{metrics.gauge("quorate_archiver_archivers_alive",
                                        "Living archivers, as this one sees them.")},
          leases_taken{metrics.counter("quorate_archiver_leases_taken_total",
                                       "Leases of shards that this archiver took.")},
          leases_lost{
              metrics.counter("quorate_archiver_leases_lost_total",
                              "Leases that ended before this archiver renewed or gave them back.")},
          fenced_commits{metrics.counter(
              "quorate_archiver_fenced_commits_total",
              "Transactions that Postgres refused, as others had taken shards of theirs.")},
          logged_states{metrics.gauge("quorate_archiver_logged_states",
                                      "States of endpoints in the logs of the shards held: about "
                                      "ten times their endpoints at most.")},
          waiting{metrics.gauge("quorate_archiver_waiting_minutes",
                                "Endpoint-minutes that wait until it is decided whether their only "
                                "failing region is believed.")},
          held{metrics.gauge("quorate_archiver_held_announcements",
                             "Complete minutes that wait for an earlier one.")},
          unusable_windows{
              metrics.gauge("quorate_archiver_unusable_windows",
                            "Maintenance windows and silences that do not hold as they were "
                            "ordered, as something of them can't be read.")},
          batch_minutes{metrics.histogram("quorate_archiver_batch_minutes",
                                          "Endpoint-minutes in one transaction.",
                                          {1, 10, 100, 500, 1000, 2000})},
          batch_seconds{metrics.histogram("quorate_archiver_batch_seconds",
                                          "Time of one transaction.",
                                          {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5})} {}

    MetricFamily<Counter> sealed;
    MetricFamily<Counter> transitions;
    MetricFamily<Counter> late;
    Counter undecodable;
    MetricFamily<Counter> manifests;
    Gauge watermark_lag;
    Gauge rollup_lag;
    Counter baseline_seconds;
    Counter stale_hours;
    Counter compacted;
    Counter compaction_refused;
    Gauge compaction_lag;
    MetricFamily<Counter> deleted;
    Gauge shards_held;
    Gauge archivers_alive;
    Counter leases_taken;
    Counter leases_lost;
    Counter fenced_commits;
    Gauge logged_states;
    Gauge waiting;
    Gauge held;
    Gauge unusable_windows;
    Histogram batch_minutes;
    Histogram batch_seconds;
};

}  // namespace quorate
