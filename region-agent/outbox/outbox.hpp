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
#include "platform/runtime/blocking_pool.hpp"
#include "platform/telemetry/log.hpp"
#include "region-agent/agent_metrics.hpp"
#include "region-agent/outbox/finished_job.hpp"
#include "region-agent/outbox/spool.hpp"

namespace quorate::agent {

struct OutboxLimits {
    std::size_t cells_max = 20'000;  ///< waiting; above it the oldest go, and are counted
    std::size_t batch = 200;         ///< this many are written at once …
    milliseconds every{100};         ///< … and fewer after that time
    std::size_t send_max = 2000;     ///< most in one round trip, after Redis was away
    int refusals_max = 10;           ///< then cells that Redis refuses are let go, and counted
    milliseconds backoff_first{50};
    milliseconds backoff_longest{2000};
};

/// Where cells go while Redis is away, and what tells that it is.
struct Spooling {
    Spool* spool;
    BlockingPool* files;              ///< syncs the spool
    std::function<bool()> reachable;  ///< whether Redis is, as far as is known
};

/// Writes cells into Redis in batches and acknowledges their jobs, in that order: so a crash at any
/// point repeats a write, which changes nothing, and loses none. While Redis is away, or has no
/// room, cells go into the spool, if there is one, and from there into Redis in the same order;
/// without a spool, and where its disk fails, they wait here. Cells that Redis refuses for what
/// they are, and all that it refuses where there is no spool, are let go, and their jobs stay
/// pending: whoever takes them next makes a cell anew, UNKNOWN(missed_window) if it is too late by
/// then. All members are called on the executor.
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

    /// Writes until cancelled.
    Task<> run();

    /// Waits until everything is written. Cancelled: throws `operation_aborted`.
    Task<> emptied();

    /// Waits until nothing is in the spool. Cancelled: throws `operation_aborted`.
    Task<> replayed();

    /// At the end of a process: what is not known to be written goes into the spool, if there is
    /// one that takes it. @return how many cells stay there for the next life.
    std::size_t park();

    /// How many wait or are being written, those in the spool included.
    std::size_t size() const { return waiting_.size() + sending_.size() + spooled(); }
    std::size_t spooled() const { return spooling_ ? spooling_->spool->records() : 0; }
    std::uint64_t spool_bytes() const { return spooling_ ? spooling_->spool->bytes() : 0; }

private:
    enum class Sent : std::uint8_t { written, refused, away };

    Task<> write();
    Task<> replay();
    Task<> sync();
    Task<> wait_for_batch();
    Task<Sent> send(const std::vector<FinishedJob>& jobs);
    bool passes(const std::string& refusal) const;
    bool spools() const;
    bool save();
    void take_back();
    void keep_bound();
    void let_go(const std::vector<FinishedJob>& jobs);
    void note_refusal(const std::string& refusal);
    void note_accepted();
    void note_disk(const std::string& failure);
    void note_spool();
    void count(const std::vector<Recorded>& answers);

    asio::any_io_executor executor_;
    CellBuffer* cells_;
    JobConsumer* jobs_;
    AgentMetrics* metrics_;
    Logger* log_;
    std::function<void(const std::string&)> gone_;
    OutboxLimits limits_;
    std::optional<Spooling> spooling_;
    Backoff backoff_;
    std::deque<FinishedJob> waiting_;
    std::vector<FinishedJob> sending_;
    bool refused_ = false;       // Redis answers, and did not take the last cells
    bool disk_failed_ = false;   // the spool did not take the last cells
    bool spools_ = false;        // as last logged
    asio::steady_timer wake_;    // of the writer
    asio::steady_timer filled_;  // never expires; cancelled when the spool gets something
    asio::steady_timer empty_;   // never expires; cancelled when cells left
};

}  // namespace quorate::agent
