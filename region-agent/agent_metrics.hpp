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
          recorded{metrics.counters("quorate_agent_recorded_total",
                                    "What became of cells: fresh, merged, duplicate, late, dropped "
                                    "(list of late cells full), overflow (ours full), refused.",
                                    {"outcome"})},
          jobs_waiting{
              metrics.gauge("quorate_agent_jobs_waiting", "Jobs that wait for their slot.")},
          probes_in_flight{metrics.gauge("quorate_agent_probes_in_flight", "Probes that run.")},
          outbox_cells{metrics.gauge("quorate_agent_outbox_cells",
                                     "Cells that wait to be written to Redis.")},
          redis_commands{
              metrics.gauge("quorate_agent_redis_commands", "Commands that wait for Redis.")},
          lag_seconds{metrics.gauge("quorate_agent_lag_seconds",
                                    "How late its own timers fired, the worst since the heartbeat "
                                    "before.")},
          clock_offset_seconds{
              metrics.gauge("quorate_agent_clock_offset_seconds", "Redis's clock minus ours.")} {}

    MetricFamily<Counter> jobs;
    MetricFamily<Counter> cells;
    MetricFamily<Counter> recorded;
    Gauge jobs_waiting;
    Gauge probes_in_flight;
    Gauge outbox_cells;
    Gauge redis_commands;
    Gauge lag_seconds;
    Gauge clock_offset_seconds;
};

}  // namespace quorate::agent
