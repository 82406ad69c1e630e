#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/model/cell.hpp"
#include "core/model/job.hpp"
#include "platform/redis/holds.hpp"
#include "platform/telemetry/log.hpp"
#include "probe/probe.hpp"
#include "region-agent/credentials/strongroom.hpp"
#include "region-agent/intake/endpoint_turns.hpp"
#include "region-agent/outbox/manifest_shelf.hpp"
#include "region-agent/redis_clock.hpp"
#include "region-agent/selfcheck/lag_meter.hpp"
#include "region-agent/selfcheck/load_watch.hpp"
#include "region-agent/selfcheck/self_check.hpp"

namespace quorate::agent {

/// How this agent probes; the same for all jobs.
struct ProbeSettings {
    std::string agent;  ///< its name, as cells carry it
    std::string ca_file;
    std::string bind_address;
    bool allow_private_addresses = false;
};

/// What a job asks for, as the probe engine takes it. Its report is due when a probe that began at
/// the last moment and took all of its time would be over: so no session that a server does not let
/// go of holds back the cell beyond that.
ProbeRequest to_request(const Job& job, const ProbeSettings& settings, const Clock& clock);

/// What the agent knows of itself; the composition root owns the three.
struct SelfView {
    const LagMeter& lag;
    const LoadWatch& load;
    SelfCheck& check;
};

/// Why a job is not probed: the cell says so.
struct Refusal {
    Reason reason;
    std::string detail;  ///< for people
};

/// Makes a job's cell.
class JobRunner {
public:
    JobRunner(Prober& prober,
              const RedisClock& clock,
              Logger& log,
              ProbeSettings settings,
              SelfView self);

    /// Opens the credentials of jobs from here on; without it none is opened.
    void open_credentials_by(const Strongroom& strongroom) { strongroom_ = &strongroom; }

    /// Whether the job may not be probed now: our clock is too far off (`clock_skew`), it is too
    /// late (`missed_window`), it is held back (`backpressure`), the agent is blind
    /// (`agent_unhealthy`) or too busy (`backpressure`).
    std::optional<Refusal> refusal(const Job& job) const;
    /// The same for any job that is in time and may be probed.
    std::optional<Refusal> unfit() const;

    /// Looks once, as soon as no other probe of the endpoint runs here: the cell, or nothing if it
    /// was cancelled. A job that may not be probed, see `refusal`, gives UNKNOWN with that reason,
    /// one whose endpoint asked us to stay away until later UNKNOWN(rate_limited), a fault of our
    /// own and a FAIL while the agent is blind UNKNOWN(agent_unhealthy). Throws nothing.
    Task<std::optional<Cell>> run(Job job);

    /// The same for a look that is nobody's cell: no job of the schedule waits for its end.
    Task<std::optional<Cell>> run_beside(Job job);

    /// The cell of a job that is not probed.
    Cell refused(const Job& job, Refusal why) const;

    /// Called when a server asked to be left alone until then (Redis's clock).
    void on_hold(std::function<void(const Hold&)> callback) { told_hold_ = std::move(callback); }
    /// Where tool lists go that are new here; without it only their hashes are told.
    void keep_lists_on(ManifestShelf& shelf) { shelf_ = &shelf; }
    /// Another agent of the region was asked so.
    void hold_off(const Hold& hold);
    /// Endpoints that are left alone; some may be over.
    std::size_t holds() const { return turns_.holds(); }

    /// Probes that were run.
    std::uint64_t probes() const { return probes_; }

private:
    std::optional<Cell> held_off(const Job& job);
    void keep_hold(const Job& job, std::chrono::seconds wait);
    Task<std::optional<Cell>> take(Job job);
    Task<std::optional<Cell>> look(const Job& job);
    std::optional<Refusal> add_credentials(const Job& job, ProbeRequest& request) const;
    void ask_for_list(ProbeRequest& request, EndpointId endpoint);
    void keep_list(const ProbeReport& report, EndpointId endpoint);
    Task<bool> fails_by_our_fault(const ProbeReport& report, milliseconds retry_gap);
    void sign(Cell& cell, const Job& job, microseconds lag) const;

    Prober* prober_;
    const RedisClock* clock_;
    Logger* log_;
    ProbeSettings settings_;
    SelfView self_;
    EndpointTurns turns_;
    std::function<void(const Hold&)> told_hold_;
    ManifestShelf* shelf_ = nullptr;
    const Strongroom* strongroom_ = nullptr;
    std::uint64_t probes_ = 0;
};

}  // namespace quorate::agent
