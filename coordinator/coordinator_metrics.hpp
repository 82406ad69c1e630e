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
              "Jobs not enqueued, as their minute was sealed: we were away too long.",
              {"region"})},
          jobs_trimmed{metrics.counters("quorate_coordinator_jobs_trimmed_total",
                                        "Jobs removed from the queue as too old.",
                                        {"region"})},
          jobs_held_back{metrics.counters(
              "quorate_coordinator_jobs_held_back_total",
              "Jobs that say that nobody looks, to spare an origin or a tenant's share.",
              {"region"})},
          planning_lag_seconds{
              metrics.gauges("quorate_coordinator_planning_lag_seconds",
                             "How far planning is behind where it should be (two seconds ahead).",
                             {"region"})},
          planning_failures{metrics.counter("quorate_coordinator_planning_failures_total",
                                            "Ticks that could not reach Redis.")},
          clock_offset_seconds{metrics.gauge(
              "quorate_coordinator_clock_offset_seconds",
              "Redis's clock minus ours; jobs are planned, and changes dated, by Redis's.")},
          shards_held{metrics.gauge("quorate_coordinator_shards_held",
                                    "Shards whose lease this coordinator holds.")},
          coordinators_alive{metrics.gauge("quorate_coordinator_coordinators_alive",
                                           "Living coordinators, as this one sees them.")},
          leases_taken{metrics.counter("quorate_coordinator_leases_taken_total",
                                       "Leases of shards that this coordinator took.")},
          leases_lost{metrics.counter(
              "quorate_coordinator_leases_lost_total",
              "Leases that ended before this coordinator renewed or gave them back.")},
          fence_refusals{metrics.counter(
              "quorate_coordinator_fence_refusals_total",
              "Blocks of jobs that Redis refused, as the shard has another fence.")},
          agent_user_failures{
              metrics.counter("quorate_coordinator_agent_user_failures_total",
                              "Times that Redis took no ACL users of the regions' agents.")},
          generation{metrics.gauge("quorate_coordinator_catalogue_generation",
                                   "Last change of the catalogue that is loaded.")},
          endpoints{metrics.gauge("quorate_coordinator_endpoints",
                                  "Endpoints of the shards held that are not paused.")},
          rpcs{metrics.counters(
              "quorate_coordinator_rpcs_total", "Calls of the admin API.", {"rpc", "code"})},
          refusals{metrics.counters("quorate_coordinator_refusals_total",
                                    "Calls of the admin API whose caller is not known, may not, or "
                                    "calls too often.",
                                    {"why"})},
          watchers{metrics.gauge("quorate_coordinator_watchers", "Open Watch streams.")},
          watch_feeds{metrics.gauge("quorate_coordinator_watch_feeds",
                                    "What watchers ask for, those who ask for the same as one: "
                                    "each is read from Postgres five times a second.")},
          watchers_cut_off{metrics.counter(
              "quorate_coordinator_watchers_cut_off_total",
              "Watchers that read more slowly than decisions came, and were 4 MiB behind.")},
          secrets{metrics.gauge("quorate_coordinator_secrets", "Secrets that are stored.")},
          secrets_locked{metrics.gauge("quorate_coordinator_secrets_locked",
                                       "Tenants whose secrets can't be read, for want of the key "
                                       "that wraps theirs.")},
          data_keys_old{metrics.gauge(
              "quorate_coordinator_data_keys_old",
              "Tenants whose data key is wrapped by another than the first wrapping key.")},
          credentials_missing{
              metrics.counters("quorate_coordinator_credentials_missing_total",
                               "Jobs that want credentials and have none: they end as "
                               "UNKNOWN(auth_token_unavailable).",
                               {"region"})} {}

    MetricFamily<Counter> jobs_enqueued;
    MetricFamily<Counter> jobs_missed;
    MetricFamily<Counter> jobs_trimmed;
    MetricFamily<Counter> jobs_held_back;
    MetricFamily<Gauge> planning_lag_seconds;
    Counter planning_failures;
    Gauge clock_offset_seconds;
    Gauge shards_held;
    Gauge coordinators_alive;
    Counter leases_taken;
    Counter leases_lost;
    Counter fence_refusals;
    Counter agent_user_failures;
    Gauge generation;
    Gauge endpoints;
    MetricFamily<Counter> rpcs;
    MetricFamily<Counter> refusals;
    Gauge watchers;
    Gauge watch_feeds;
    Counter watchers_cut_off;
    Gauge secrets;
    Gauge secrets_locked;
    Gauge data_keys_old;
    MetricFamily<Counter> credentials_missing;
};

}  // namespace quorate::coordinator
