#pragma once

#include "platform/telemetry/metrics.hpp"

namespace quorate::agent {

/// The metrics of an agent.
struct AgentMetrics {
    explicit AgentMetrics(Metrics& metrics)
        : jobs{metrics.counters("quorate_agent_jobs_total",
                                "Jobs taken: read, own (left by an earlier life), claimed (of a "
                                "dead agent), invalid (no job at all), given_back (not started).",
                                {"how"})},
          cells{metrics.counters(
              "quorate_agent_cells_total", "Cells made, by verdict.", {"verdict"})},
          refused{metrics.counters("quorate_agent_refused_jobs_total",
                                   "Jobs that got no verdict by our own doing, by the reason "
                                   "of their cell.",
                                   {"reason"})},
          held_back{metrics.counters("quorate_agent_held_back_jobs_total",
                                     "Jobs not probed to spare a server: its origin's rate, its "
                                     "tenant's rate, or what the "
                                     "server itself asked for by Retry-After (server).",
                                     {"for"})},
          orders{metrics.counters("quorate_agent_orders_total",
                                  "Looks that operators wanted at once: answered, unanswered (it "
                                  "ended before, or Redis took no answer), invalid (no job).",
                                  {"outcome"})},
          recorded{metrics.counters("quorate_agent_recorded_total",
                                    "What became of cells: fresh, merged, duplicate, late, dropped "
                                    "(list of late cells full), overflow (ours full), refused.",
                                    {"outcome"})},
          spooled{metrics.counters("quorate_agent_spooled_total",
                                   "Cells in the spool: saved, replayed, lost (its bound), "
                                   "unreadable (spoilt on the disk).",
                                   {"outcome"})},
          spool_failures{metrics.counter("quorate_agent_spool_failures_total",
                                         "Times that the spool's disk took no cells.")},
          manifests{metrics.counters(
              "quorate_agent_manifests_total",
              "Tool lists that were new to the agent: written (to Redis, for the archive), "
              "deferred "
              "(more than it may write now), too_large (kept by their hashes alone), withheld "
              "(a credential that was sent stands in them: likewise), refused (by Redis).",
              {"outcome"})},
          manifest_bytes{metrics.gauge("quorate_agent_manifest_bytes",
                                       "Tool lists that wait to be written to Redis.")},
          dns_cache_hits{metrics.counter("quorate_agent_dns_cache_hits_total",
                                         "Lookups answered from the cache, by host and family.")},
          dns_cache_misses{metrics.counter("quorate_agent_dns_cache_misses_total",
                                           "Lookups that the cache had no answer for.")},
          dns_cache_joined{metrics.counter(
              "quorate_agent_dns_cache_joined_total",
              "Misses that waited for the answer to a question already on its way.")},
          dns_cache_evictions{metrics.counter(
              "quorate_agent_dns_cache_evictions_total",
              "Answers that left the full cache for others: with many, it is too small.")},
          dns_cache_entries{metrics.gauge("quorate_agent_dns_cache_entries",
                                          "Answers in the cache, by host and family.")},
          jobs_waiting{metrics.gauge("quorate_agent_jobs_waiting",
                                     "Jobs that wait for their slot or for room.")},
          jobs_without_room{metrics.gauge("quorate_agent_jobs_without_room",
                                          "Jobs that are due and wait until a probe of theirs or "
                                          "of another tenant ends.")},
          probes_in_flight{metrics.gauge("quorate_agent_probes_in_flight", "Probes that run.")},
          holds{metrics.gauge("quorate_agent_holds",
                              "Endpoints whose servers asked by Retry-After to be left alone, some "
                              "of them over.")},
          outbox_cells{metrics.gauge("quorate_agent_outbox_cells",
                                     "Cells that wait to be written to Redis.")},
          outbox_held_up{metrics.gauge("quorate_agent_outbox_held_up_cells",
                                       "Those of them that could not be written at once, and are "
                                       "tried again.")},
          spool_cells{
              metrics.gauge("quorate_agent_spool_cells", "Cells in the spool, waiting for Redis.")},
          spool_bytes{metrics.gauge("quorate_agent_spool_bytes", "Bytes of the spool's files.")},
          redis_commands{
              metrics.gauge("quorate_agent_redis_commands", "Commands that wait for Redis.")},
          slot_lateness{metrics.histogram("quorate_agent_slot_lateness_seconds",
                                          "How long after its slot a probe was started.",
                                          {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10})},
          lag_seconds{metrics.gauge("quorate_agent_lag_seconds",
                                    "How late its own timers fire, the worst of 5 s.")},
          load_ratio{metrics.gauge("quorate_agent_load_ratio",
                                   "CPU that it uses of what it can have, over 5 s.")},
          overloaded{metrics.gauge("quorate_agent_overloaded",
                                   "1 while it refuses jobs because of its load.")},
          cordoned{metrics.gauge("quorate_agent_cordoned",
                                 "1 while it takes no jobs because an operator said so.")},
          blind{metrics.gauge("quorate_agent_blind",
                              "1 while its self-check says that it can't judge servers.")},
          landmarks_reached{metrics.gauge("quorate_agent_landmarks_reached",
                                          "Landmarks that the last self-check reached.")},
          name_servers_answering{metrics.gauge("quorate_agent_name_servers_answering",
                                               "Name servers that answered the last self-check.")},
          descriptors_open{metrics.gauge("quorate_agent_descriptors_open",
                                         "File descriptors, at the last self-check.")},
          descriptors_limit{
              metrics.gauge("quorate_agent_descriptors_limit", "File descriptors it may open.")},
          clock_offset_seconds{
              metrics.gauge("quorate_agent_clock_offset_seconds", "Redis's clock minus ours.")} {}

    MetricFamily<Counter> jobs;
    MetricFamily<Counter> cells;
    MetricFamily<Counter> refused;
    MetricFamily<Counter> held_back;
    MetricFamily<Counter> orders;
    MetricFamily<Counter> recorded;
    MetricFamily<Counter> spooled;
    Counter spool_failures;
    MetricFamily<Counter> manifests;
    Gauge manifest_bytes;
    Counter dns_cache_hits;
    Counter dns_cache_misses;
    Counter dns_cache_joined;
    Counter dns_cache_evictions;
    Gauge dns_cache_entries;
    Gauge jobs_waiting;
    Gauge jobs_without_room;
    Gauge probes_in_flight;
    Gauge holds;
    Gauge outbox_cells;
    Gauge outbox_held_up;
    Gauge spool_cells;
    Gauge spool_bytes;
    Gauge redis_commands;
    Histogram slot_lateness;
    Gauge lag_seconds;
    Gauge load_ratio;
    Gauge overloaded;
    Gauge cordoned;
    Gauge blind;
    Gauge landmarks_reached;
    Gauge name_servers_answering;
    Gauge descriptors_open;
    Gauge descriptors_limit;
    Gauge clock_offset_seconds;
};

}  // namespace quorate::agent
