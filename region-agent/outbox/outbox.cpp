#include "region-agent/outbox/outbox.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <system_error>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate::agent {
namespace {

constexpr auto kNever = asio::steady_timer::time_point::max();
constexpr milliseconds kSyncEvery{1000};
constexpr std::size_t kPartsMax = 3;

std::string_view name_of(Recorded recorded) {
    switch (recorded) {
        case Recorded::fresh:
            return "fresh";
        case Recorded::merged:
            return "merged";
        case Recorded::duplicate:
            return "duplicate";
        case Recorded::late:
            return "late";
        case Recorded::dropped:
            return "dropped";
    }
    return {};
}

}  // namespace

Outbox::Outbox(asio::any_io_executor executor,
               CellBuffer& cells,
               JobConsumer& jobs,
               AgentMetrics& metrics,
               Logger& log,
               std::function<void(const std::string&)> gone,
               OutboxLimits limits,
               std::optional<Spooling> spooling)
    : executor_{executor},
      cells_{&cells},
      jobs_{&jobs},
      metrics_{&metrics},
      log_{&log},
      gone_{std::move(gone)},
      limits_{limits},
      spooling_{std::move(spooling)},
      backoff_{limits.backoff_first, limits.backoff_longest, std::random_device{}()},
      wake_{executor, kNever},
      filled_{executor, kNever},
      empty_{executor, kNever} {}

void Outbox::add(FinishedJob job) {
    waiting_.push_back(std::move(job));
    keep_bound();
    if (waiting_.size() == 1 || waiting_.size() >= limits_.batch) wake_.cancel();
}

/// The oldest go: their minutes are the first to be sealed without them.
void Outbox::keep_bound() {
    while (waiting_.size() > limits_.cells_max) {
        gone_(waiting_.front().entry);
        waiting_.pop_front();
        metrics_->recorded.with({"overflow"}).add();
    }
}

Task<> Outbox::wait_for_batch() {
    while (waiting_.empty()) {
        wake_.expires_at(kNever);
        co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (waiting_.size() >= limits_.batch) co_return;
    wake_.expires_after(limits_.every);
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
}

Task<> Outbox::run() {
    TaskGroup parts{executor_, kPartsMax};
    parts.spawn("write", write());
    if (spooling_) {
        parts.spawn("replay", replay());
        parts.spawn("sync", sync());
    }
    co_await parts.join();
}

Task<> Outbox::write() {
    for (;;) {
        co_await wait_for_batch();
        if (spools() && save()) continue;
        const auto count = std::min(waiting_.size(), limits_.send_max);
        const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
        sending_.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
        waiting_.erase(waiting_.begin(), end);
        const auto sent = co_await send(sending_);
        if (sent == Sent::away) {
            take_back();
            if (save()) continue;
            co_await sleep_for(backoff_.next());
            continue;
        }
        let_go(std::exchange(sending_, {}));
    }
}

/// Whether cells go through the spool, so that all of them keep their order.
bool Outbox::spools() const {
    return spooling_ && (!spooling_->spool->empty() || !spooling_->reachable());
}

/// Puts everything that waits into the spool. @return false if it did not take it
bool Outbox::save() {
    std::vector<std::string> records;
    records.reserve(waiting_.size());
    for (const auto& job : waiting_)
        records.push_back(encode_finished(job));
    std::vector<std::string> lost;
    try {
        lost = spooling_->spool->append(records);
    } catch (const std::system_error& error) {
        note_disk(error.what());
        return false;
    }
    note_disk({});
    waiting_.clear();
    metrics_->spooled.with({"saved"}).add(static_cast<double>(records.size()));
    metrics_->spooled.with({"lost"}).add(static_cast<double>(lost.size()));
    for (const auto& record : lost)
        if (const auto job = decode_finished(record)) gone_(job->entry);
    note_spool();
    filled_.cancel();
    return true;
}

/// From the spool into Redis, the oldest first.
Task<> Outbox::replay() {
    auto& spool = *spooling_->spool;
    for (;;) {
        note_spool();
        if (spool.empty()) {
            empty_.cancel();
            co_await filled_.async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        const auto batch = spool.oldest(limits_.send_max);
        std::vector<FinishedJob> jobs;
        for (const auto& record : batch.records)
            if (auto job = decode_finished(record)) jobs.push_back(*std::move(job));
        const auto unreadable = batch.unreadable + batch.records.size() - jobs.size();
        metrics_->spooled.with({"unreadable"}).add(static_cast<double>(unreadable));
        const auto sent = co_await send(jobs);
        if (sent == Sent::away) {
            co_await sleep_for(backoff_.next());
            continue;
        }
        spool.forget(batch.end);
        metrics_->spooled.with({"replayed"}).add(static_cast<double>(jobs.size()));
        let_go(jobs);
    }
}

/// Once a second what was appended is made to last.
Task<> Outbox::sync() {
    for (;;) {
        co_await sleep_for(kSyncEvery);
        std::string failure;
        try {
            auto work = spooling_->spool->unsynced();
            if (!work) continue;
            co_await spooling_->files->run(std::move(work));
        } catch (const std::system_error& error) {
            failure = error.what();
        }
        if (!failure.empty()) note_disk(failure);
    }
}

/// Tries until the cells are written and their jobs acknowledged, or Redis refused them too often;
/// with a spool, until Redis proves to be away.
Task<Outbox::Sent> Outbox::send(const std::vector<FinishedJob>& jobs) {
    std::vector<CellToRecord> cells;
    std::vector<std::string> entries;
    for (const auto& job : jobs) {
        if (job.cell) cells.push_back(*job.cell);
        entries.push_back(job.entry);
    }
    bool recorded = false;
    for (int refusals = 0;;) {
        std::string refusal;
        try {
            if (!recorded) {
                const auto answers = co_await cells_->record(cells);
                recorded = true;
                count(answers);
            }
            // What was not written is not acknowledged: it stays pending, and is taken again.
            co_await jobs_->finish(entries);
            backoff_.reset();
            note_accepted();
            co_return Sent::written;
        } catch (const RedisUnavailable&) {  // readiness tells
        } catch (const RedisError& error) {
            refusal = error.what();
        }
        note_refusal(refusal);
        const bool away = refusal.empty() || passes(refusal);
        if (away && spooling_) co_return Sent::away;
        if (!refusal.empty() && ++refusals >= limits_.refusals_max) {
            if (!recorded)
                metrics_->recorded.with({"refused"}).add(static_cast<double>(cells.size()));
            co_return Sent::refused;
        }
        co_await sleep_for(backoff_.next());
    }
}

/// Whether Redis refuses for its own state, which passes, and not for what it was given.
bool Outbox::passes(const std::string& refusal) const {
    static constexpr std::array<std::string_view, 7> kOfRedis = {
        "OOM", "LOADING", "READONLY", "MISCONF", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN"};
    const auto code = RedisError{refusal}.code();
    return std::ranges::find(kOfRedis, code) != kOfRedis.end();
}

/// What was not sent stands first again.
void Outbox::take_back() {
    waiting_.insert(waiting_.begin(),
                    std::make_move_iterator(sending_.begin()),
                    std::make_move_iterator(sending_.end()));
    sending_.clear();
    keep_bound();
}

void Outbox::let_go(const std::vector<FinishedJob>& jobs) {
    for (const auto& job : jobs)
        gone_(job.entry);
    empty_.cancel();
}

void Outbox::count(const std::vector<Recorded>& answers) {
    for (const auto answer : answers)
        metrics_->recorded.with({name_of(answer)}).add();
}

void Outbox::note_refusal(const std::string& refusal) {
    if (!refusal.empty() && !std::exchange(refused_, true))
        log_event(*log_, LogLevel::error, "cells.refused", kv("detail", refusal));
}

void Outbox::note_accepted() {
    if (std::exchange(refused_, false)) log_event(*log_, LogLevel::info, "cells.accepted");
}

/// Said once, until the disk takes something again.
void Outbox::note_disk(const std::string& failure) {
    if (!failure.empty()) metrics_->spool_failures.add();
    if (std::exchange(disk_failed_, !failure.empty()) == !failure.empty()) return;
    if (failure.empty())
        log_event(*log_, LogLevel::info, "spool.recovered");
    else
        log_event(*log_, LogLevel::error, "spool.failed", kv("detail", failure));
}

void Outbox::note_spool() {
    const bool spools = spooled() > 0;
    if (std::exchange(spools_, spools) == spools) return;
    if (spools)
        log_event(*log_, LogLevel::warn, "cells.spooled", kv("cells", spooled()));
    else
        log_event(*log_, LogLevel::info, "cells.replayed");
}

Task<> Outbox::emptied() {
    while (size() > 0)
        co_await empty_.async_wait(asio::as_tuple(asio::use_awaitable));
}

Task<> Outbox::replayed() {
    while (spooled() > 0)
        co_await empty_.async_wait(asio::as_tuple(asio::use_awaitable));
}

std::size_t Outbox::park() {
    if (!spooling_) return 0;
    take_back();
    if (!waiting_.empty()) save();
    try {
        if (const auto work = spooling_->spool->unsynced()) work();
    } catch (const std::system_error& error) {
        note_disk(error.what());
    }
    return spooled();
}

}  // namespace quorate::agent
