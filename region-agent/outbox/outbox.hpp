#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/job_consumer.hpp"
#include "platform/runtime/backoff.hpp"
#include "platform/runtime/task.hpp"
#include "platform/telemetry/log.hpp"
#include "region-agent/agent_metrics.hpp"
#include "region-agent/outbox/finished_job.hpp"
#include "region-agent/outbox/spool.hpp"

namespace quorate::agent {

struct OutboxLimits {
    std::size_t cells_max = 20'000;  ///< in memory; above it the oldest go, and are counted
    std::size_t batch = 200;         ///< this many are written at once …
    milliseconds every{100};         ///< … and fewer after that time
    std::size_t send_max = 2000;     ///< most in one round trip, after Redis was away
    int refusals_max = 10;           ///< then a cell that Redis refuses is let go, and counted
    milliseconds backoff_first{50};
    milliseconds backoff_longest{2000};
};

/// Where cells go while Redis is away, and what tells that it is.
struct Spooling {
    Spool* spool;
    /// Runs what blocks and syncs the spool, on another thread; throws what that threw, and
    /// Overloaded.
    std::function<Task<>(std::function<void()> work)> sync;
    std::function<bool()> reachable;  ///< whether Redis is, as far as is known
};

/// Writes cells into Redis in batches and acknowledges their jobs, in that order: so a crash at any
/// point repeats a write, which changes nothing, and loses none. What can't be written, since
/// Redis, or its node of a cluster, is away or has no room, holds up no other: it goes into the
/// spool, if there is one, and from there into Redis, the oldest first; without a spool, and where
/// its disk fails, it waits here and is tried again. Cells that Redis refuses for what they are,
/// and all that it refuses where there is no spool, are let go after some tries, and their jobs
/// stay pending: whoever takes them next makes a cell anew, UNKNOWN(missed_window) if it is too
/// late by then. All members are called on the executor.
class Outbox {
public:
    /// @param gone called for each job that left the outbox, written or not. Must not throw.
    Outbox(asio::any_io_executor executor,
           CellBuffer& cells,
           JobConsumer& jobs,
           AgentMetrics& metrics,
           Logger& log,
           std::function<void(const std::string& entry)> gone,
           OutboxLimits limits = {},
           std::optional<Spooling> spooling = std::nullopt);

    void add(FinishedJob job);

    /// What is to be in Redis before the cells that are added later, as far as Redis takes it:
    /// cells do not wait for it. Must not throw but when cancelled.
    void write_first(std::function<Task<>()> writer) { write_first_ = std::move(writer); }

    /// Writes until cancelled.
    Task<> run();

    /// Waits until everything is written. Cancelled: throws `operation_aborted`.
    Task<> emptied();

    /// Waits until nothing is in the spool but what a node of a cluster keeps there that is away.
    /// Cancelled: throws `operation_aborted`.
    Task<> replayed();

    /// At the end of a process: what is not known to be written goes into the spool, if there is
    /// one that takes it. @return how many cells stay there for the next life.
    std::size_t park();

    /// How many wait or are being written, those in the spool included.
    std::size_t size() const { return waiting_.size() + sending_.size() + held_up() + spooled(); }
    /// Those in memory that could not be written at once.
    std::size_t held_up() const { return held_up_.size() + retrying_.size(); }
    std::size_t spooled() const { return spooling_ ? spooling_->spool->records() : 0; }
    std::uint64_t spool_bytes() const { return spooling_ ? spooling_->spool->bytes() : 0; }

private:
    using Jobs = std::vector<FinishedJob>;
    /// What came of a try.
    struct Sent {
        bool any = false;  ///< something was written
        std::string refusal;
    };

    Task<> write();
    Task<> retry();
    Task<> replay();
    Task<> sync();
    Task<> wait_for_batch();
    Task<Sent> send(Jobs& jobs);
    void take(Jobs& jobs, const RecordAnswers& answers);
    void give_up(Jobs& jobs);
    template <class Which>
    void let_go(Jobs& jobs, const Which& which);
    bool counts(const std::string& refusal) const;
    bool spools() const;
    bool save(const Jobs& jobs);
    void put_by(Jobs jobs);
    void keep_bound();
    void note(const Sent& sent);
    void note_disk(const std::string& failure);
    void note_spool();

    asio::any_io_executor executor_;
    CellBuffer* cells_;
    JobConsumer* jobs_;
    AgentMetrics* metrics_;
    Logger* log_;
    std::function<void(const std::string&)> gone_;
    std::function<Task<>()> write_first_;
    OutboxLimits limits_;
    std::optional<Spooling> spooling_;
    Backoff retry_backoff_;
    Backoff replay_backoff_;
    std::deque<FinishedJob> waiting_;
    std::deque<FinishedJob> held_up_;
    Jobs sending_;               // of `waiting_`
    Jobs retrying_;              // of `held_up_`
    bool stuck_ = false;         // what stands first in the spool is for a node that is away
    bool refused_ = false;       // Redis answers, and did not take the last cells
    bool disk_failed_ = false;   // the spool did not take the last cells
    bool spools_ = false;        // as last logged
    asio::steady_timer wake_;    // of the writer
    asio::steady_timer held_;    // never expires; cancelled when something is held up
    asio::steady_timer filled_;  // likewise, when the spool gets something
    asio::steady_timer empty_;   // never expires; cancelled when cells left
};

}  // namespace quorate::agent
