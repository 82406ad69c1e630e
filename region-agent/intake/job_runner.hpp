#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/model/cell.hpp"
#include "core/model/job.hpp"
#include "platform/telemetry/log.hpp"
#include "probe/probe.hpp"
#include "region-agent/redis_clock.hpp"

namespace quorate::agent {

/// How this agent probes; the same for all jobs.
struct ProbeSettings {
    std::string agent;  ///< its name, as cells carry it
    std::string ca_file;
    std::string bind_address;
    bool allow_private_addresses = false;
};

/// What a job asks for, as the probe engine takes it.
ProbeRequest to_request(const Job& job, const ProbeSettings& settings);

/// Makes a job's cell.
class JobRunner {
public:
    JobRunner(ProbeEngine& engine, const RedisClock& clock, Logger& log, ProbeSettings settings);

    /// Looks once, now: the cell, or nothing if the probe was cancelled. A job that may not be
    /// started any more gives UNKNOWN(missed_window), a clock that is too far off
    /// UNKNOWN(clock_skew), a fault of our own UNKNOWN(agent_unhealthy). Throws nothing.
    /// @param lag how late our timer for the slot fired
    Task<std::optional<Cell>> run(Job job, microseconds lag);

    /// Probes that were run.
    std::uint64_t probes() const { return probes_; }

private:
    Task<std::optional<Cell>> look(const Job& job);

    ProbeEngine* engine_;
    const RedisClock* clock_;
    Logger* log_;
    ProbeSettings settings_;
    std::uint64_t probes_ = 0;
};

}  // namespace quorate::agent
