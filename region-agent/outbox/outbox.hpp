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
#include "platform/telemetry/log.hpp"
#include "region-agent/agent_metrics.hpp"

namespace quorate::agent {

/// A job that is over: its cell, and the entry to acknowledge once the cell is written.
struct FinishedJob {
    std::string entry;
    std::optional<CellToRecord> cell;  ///< nothing: the entry was no job, there is nothing to write
};

struct OutboxLimits {
    std::size_t cells_max = 20'000;  ///< waiting; above it the oldest go, and are counted
    std::size_t batch = 200;         ///< this many are written at once …
    milliseconds every{100};         ///< … and fewer after that time
    std::size_t send_max = 2000;     ///< most in one round trip, after Redis was away
    int refusals_max = 10;           ///< then cells that Redis refuses are let go, and counted
    milliseconds backoff_first{50};
    milliseconds backoff_longest{2000};
};

/// Writes cells into Redis in batches and acknowledges their jobs, in that order: so a crash at any
/// point repeats a write, which changes nothing, and loses none. While Redis is away cells wait
/// here. Cells that it refuses are let go, and their jobs stay pending: whoever takes them next
/// makes a cell anew, UNKNOWN(missed_window) if it is too late by then. All members are called on
/// the executor.
class Outbox {
public:
    /// @param gone called for each job that left the outbox, written or not. Must not throw.
    Outbox(asio::any_io_executor executor,
           CellBuffer& cells,
           JobConsumer& jobs,
           AgentMetrics& metrics,
           Logger& log,
           std::function<void(const std::string& entry)> gone,
           OutboxLimits limits = {});

    void add(FinishedJob job);

    /// Writes until cancelled.
    Task<> run();

    /// Waits until everything is written. Cancelled: throws `operation_aborted`.
    Task<> emptied();

    /// How many wait or are being written.
    std::size_t size() const { return waiting_.size() + sending_; }

private:
    Task<> wait_for_batch();
    Task<> send(std::vector<FinishedJob> jobs);
    Task<std::optional<std::vector<Recorded>>> record(std::vector<CellToRecord> cells);
    Task<bool> acknowledge(std::vector<std::string> entries);
    Task<bool> again(int& refusals, std::string refusal);
    void note_accepted();
    void count(const std::optional<std::vector<Recorded>>& answers, std::size_t cells);

    CellBuffer* cells_;
    JobConsumer* jobs_;
    AgentMetrics* metrics_;
    Logger* log_;
    std::function<void(const std::string&)> gone_;
    OutboxLimits limits_;
    Backoff backoff_;
    std::deque<FinishedJob> waiting_;
    std::size_t sending_ = 0;
    bool refused_ = false;      // Redis answers, and did not take the last cells
    asio::steady_timer wake_;   // of the writer
    asio::steady_timer empty_;  // never expires; cancelled when everything is written
};

}  // namespace quorate::agent
