#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "platform/redis/client.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/job_consumer.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/telemetry/log.hpp"
#include "region-agent/agent_metrics.hpp"
#include "region-agent/intake/gate.hpp"
#include "region-agent/intake/job_runner.hpp"
#include "region-agent/outbox/details_memory.hpp"
#include "region-agent/outbox/outbox.hpp"
#include "region-agent/redis_clock.hpp"

namespace quorate::agent {

struct IntakeOptions {
    std::string region;
    std::string agent;
    std::size_t concurrency = 2000;  ///< probes at a time
    double tenant_share = 0.75;      ///< see Gate
};

/// Takes jobs from the region's queue, waits for their slots and for room, has them probed and
/// hands their cells to the outbox. Takes no more than it has room for: what it does not take,
/// other agents do; so it takes nothing while as many probes run as may, and nothing while it is
/// blind or too busy, or its clock too far off, and another agent of the region is fit, nothing
/// while an operator has cordoned it, and nothing while another process has its name. A job that
/// was here in time and found no room until its `not_after` is UNKNOWN(backpressure); one that came
/// later than that is UNKNOWN(missed_window). All members are called on the executor.
class Intake {
public:
    /// How many jobs are held that do not run, for each that may run: those whose slot is ahead,
    /// and those that wait for room.
    static constexpr std::size_t kWaitingPerProbe = 4;

    Intake(asio::any_io_executor executor,
           JobConsumer& jobs,
           RedisClient& redis,
           JobRunner& runner,
           RedisClock& clock,
           AgentMetrics& metrics,
           Logger& log,
           IntakeOptions options);

    /// Where cells go; before `run`.
    void deliver_to(Outbox& outbox) { outbox_ = &outbox; }

    /// Reads and claims jobs until `drain` or cancelled.
    Task<> run();

    /// The connection was lost: entries may have been handed to us that we never saw.
    void look_for_own() { look_for_own_ = true; }
    /// Redis was away: nobody could beat, and who is silent may be alive.
    void redis_was_away() {
        look_for_own_ = true;
        looks_since_.reset();
    }

    /// Whether our name is ours, see Pulse; it is not until this says so. What is pending under a
    /// name that is not ours is another's.
    void name_is_ours(bool ours) {
        if (std::exchange(ours_, ours) != ours) look_for_own_ = true;
    }

    /// The job is written, or its cell was given up: then it is pending still, and taken again.
    void forget(const std::string& entry) { held_.erase(entry); }

    /// Stops taking jobs, gives up those that wait for their slot, and lets probes end until
    /// `deadline`; those that do not are cancelled. Their jobs stay pending: see `give_back`.
    /// Afterwards nothing of the intake is running, also where it throws what a task threw.
    Task<> drain(Deadline deadline);

    /// Puts every job that is still pending at this agent back into the queue, if its name is its
    /// own. After `drain`.
    /// Throws as RedisClient::run. @return how many.
    Task<std::size_t> give_back();

    /// See Gate; of those who enter from now on.
    void set_tenant_share(double share) { gate_.set_tenant_share(share); }

    std::size_t waiting() const { return waiting_.running(); }
    std::size_t waiting_for_room() const { return gate_.waiting(); }
    std::size_t probing() const { return probing_.running(); }
    bool stands_aside() const { return aside_ || !ours_; }
    bool cordoned() const { return cordoned_; }
    /// It has asked whether it is cordoned.
    bool looked_around() const { return looked_; }
    /// The drain has begun.
    bool stopping() const { return stopping_; }

private:
    void count_held_back(const Job& job, const Cell& cell);
    std::size_t held_max() const { return (1 + kWaitingPerProbe) * options_.concurrency; }
    std::size_t room() const;
    Task<> look_for_cordon();
    bool note_look();
    void stand_aside(const std::vector<Heartbeat>& fleet, UtcTime now, bool silence_tells);
    Task<> wait_for_room();
    Task<> read_jobs();
    Task<> take_own();
    Task<> pass_own_on();
    Task<> claim_jobs();
    Task<> look_around();
    Task<> claim_from_silent(std::vector<JobHolder> holders,
                             std::vector<Heartbeat> fleet,
                             UtcTime now);
    Task<> forget_departed(std::vector<JobHolder> holders,
                           std::vector<Heartbeat> fleet,
                           UtcTime now);
    Task<> forget_consumers();
    Task<> pass_on(std::vector<Delivery> deliveries);
    void note_refusal(const RedisError& error, bool& refused);
    void take(std::vector<Delivery> deliveries, std::string_view how);
    Task<> await_slot(std::string entry, Job job);
    Task<> probe(std::string entry, Job job);
    void finish(std::string entry, const Job& job, const Cell& cell);

    JobConsumer* jobs_;
    RedisClient* redis_;
    JobRunner* runner_;
    RedisClock* clock_;
    AgentMetrics* metrics_;
    Logger* log_;
    Outbox* outbox_ = nullptr;
    DetailsMemory details_;  // what the cells so far told
    IntakeOptions options_;
    bool stopping_ = false;
    bool ours_ = false;  // our name
    bool looked_ = false;
    bool cordoned_ = false;       // as an operator said
    bool aside_ = false;          // that, or we are unfit, and another agent of the region is not
    bool look_for_own_ = true;    // at the start: what an earlier life left
    std::set<std::string> held_;  // entries between their delivery and their end
    std::size_t active_ = 0;      // jobs waiting or being probed, at most `held_max`
    asio::steady_timer freed_;    // cancelled when a job ends or the drain begins
    asio::steady_timer claim_timer_;
    std::optional<SteadyTime> looks_since_;  // since then they came without a break
    SteadyTime looked_at_;                   // the last of them
    SteadyTime forgot_at_;                   // when consumers were last removed
    bool read_refused_ = false;              // Redis refused the last read of jobs
    bool look_refused_ = false;              // and the last look around
    Gate gate_;
    TaskGroup loops_;
    TaskGroup waiting_;  // this and the next: `active_` is their bound, theirs only a guard
    TaskGroup probing_;
};

}  // namespace quorate::agent
