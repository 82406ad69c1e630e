#include "region-agent/outbox/outbox.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <random>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate::agent {
namespace {

constexpr auto kNever = asio::steady_timer::time_point::max();
constexpr std::size_t kPartsMax = 4;

/// Of what is written; the rest has labels of its own.
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
        case Recorded::refused:
        case Recorded::unanswered:
            break;
    }
    return {};
}

/// Whether Redis refuses for its own state, which passes, and not for what it was given.
bool passes(const std::string& refusal) {
    static constexpr std::array<std::string_view, 7> kOfRedis = {
        "OOM", "LOADING", "READONLY", "MISCONF", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN"};
    const auto code = RedisError{refusal}.code();
    return std::ranges::find(kOfRedis, code) != kOfRedis.end();
}

/// The first `count` of them, or all.
std::vector<FinishedJob> take_first(std::deque<FinishedJob>& jobs, std::size_t count) {
    const auto end = jobs.begin() + static_cast<std::ptrdiff_t>(std::min(count, jobs.size()));
    std::vector<FinishedJob> taken{std::make_move_iterator(jobs.begin()),
                                   std::make_move_iterator(end)};
    jobs.erase(jobs.begin(), end);
    return taken;
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
      retry_backoff_{limits.backoff_first, limits.backoff_longest, std::random_device{}()},
      replay_backoff_{limits.backoff_first, limits.backoff_longest, std::random_device{}()},
      wake_{executor, kNever},
      held_{executor, kNever},
      filled_{executor, kNever},
      empty_{executor, kNever} {}

void Outbox::add(FinishedJob job) {
    waiting_.push_back(std::move(job));
    keep_bound();
    if (waiting_.size() == 1 || waiting_.size() >= limits_.batch) wake_.cancel();
}

/// The oldest go: their minutes are the first to be sealed without them.
void Outbox::keep_bound() {
    while (waiting_.size() + held_up_.size() > limits_.cells_max) {
        auto& oldest = held_up_.empty() ? waiting_ : held_up_;
        gone_(oldest.front().entry);
        oldest.pop_front();
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
    parts.spawn("retry", retry());
    if (spooling_) {
        parts.spawn("replay", replay());
        parts.spawn("sync", sync());
    }
    co_await parts.join();
}

Task<> Outbox::write() {
    for (;;) {
        co_await wait_for_batch();
        if (spools()) {
            put_by(take_first(waiting_, waiting_.size()));
            continue;
        }
        sending_ = take_first(waiting_, limits_.send_max);
        co_await send(sending_);
        put_by(std::exchange(sending_, {}));
    }
}

/// What could not be written at once and is not on disk. What fails again goes behind the rest.
Task<> Outbox::retry() {
    for (;;) {
        if (held_up_.empty()) {
            co_await held_.async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        co_await sleep_for(retry_backoff_.next());
        retrying_ = take_first(held_up_, limits_.send_max);
        const auto sent = co_await send(retrying_);
        if (sent.any) retry_backoff_.reset();
        put_by(std::exchange(retrying_, {}));
    }
}

/// Into the spool, or where there is none, or its disk fails, into memory; what Redis refuses for
/// what it is stays in memory, so that its refusals are counted.
void Outbox::put_by(Jobs jobs) {
    if (jobs.empty()) return;
    auto rest = jobs.begin();
    if (spooling_) {
        rest = std::stable_partition(
            jobs.begin(), jobs.end(), [](const FinishedJob& job) { return job.refusals == 0; });
        const Jobs clean{std::make_move_iterator(jobs.begin()), std::make_move_iterator(rest)};
        if (!save(clean)) held_up_.insert(held_up_.end(), clean.begin(), clean.end());
    }
    held_up_.insert(
        held_up_.end(), std::make_move_iterator(rest), std::make_move_iterator(jobs.end()));
    keep_bound();
    held_.cancel();
}

/// One try to write cells and then to acknowledge their jobs. What is done with leaves `jobs`; of
/// a job that could not be acknowledged the cell alone.
Task<Outbox::Sent> Outbox::send(Jobs& jobs) {
    Sent sent;
    std::vector<CellToRecord> cells;
    for (const auto& job : jobs)
        if (job.cell) cells.push_back(*job.cell);
    try {
        if (write_first_) co_await write_first_();
        const auto answers = co_await cells_->try_record(std::move(cells));
        sent.refusal = answers.refusal;
        take(jobs, answers);
        std::vector<std::string> entries;
        for (const auto& job : jobs)
            if (!job.cell) entries.push_back(job.entry);
        sent.any = !entries.empty();
        // What was not written is not acknowledged: it stays pending, and is taken again.
        co_await jobs_->finish(std::move(entries));
        let_go(jobs, [](const FinishedJob& job) { return !job.cell; });
    } catch (const RedisUnavailable&) {  // readiness tells
        sent.any = false;
    } catch (const RedisError& error) {
        sent = {false, error.what()};
        for (auto& job : jobs)
            job.refusals += counts(sent.refusal) ? 1 : 0;
    }
    give_up(jobs);
    note(sent);
    co_return sent;
}

/// Cells that are in leave their jobs; those that were refused are counted.
void Outbox::take(Jobs& jobs, const RecordAnswers& answers) {
    auto answer = answers.recorded.begin();
    for (auto& job : jobs) {
        if (!job.cell) continue;
        const auto recorded = *answer++;
        if (recorded == Recorded::unanswered) continue;
        if (recorded == Recorded::refused) {
            job.refusals += counts(answers.refusal) ? 1 : 0;
            continue;
        }
        metrics_->recorded.with({name_of(recorded)}).add();
        job.cell.reset();
    }
}

/// With a spool what passes is waited for, however long.
bool Outbox::counts(const std::string& refusal) const {
    return !spooling_ || !passes(refusal);
}

void Outbox::give_up(Jobs& jobs) {
    const auto given_up = [this](const FinishedJob& job) {
        return job.refusals >= limits_.refusals_max;
    };
    for (const auto& job : jobs)
        if (given_up(job) && job.cell) metrics_->recorded.with({"refused"}).add();
    let_go(jobs, given_up);
}

template <class Which>
void Outbox::let_go(Jobs& jobs, const Which& which) {
    for (const auto& job : jobs)
        if (which(job)) gone_(job.entry);
    if (std::erase_if(jobs, which) > 0) empty_.cancel();
}

/// A refusal is said once, until something is written and nothing refused.
void Outbox::note(const Sent& sent) {
    if (!sent.refusal.empty()) {
        if (!std::exchange(refused_, true))
            log_event(*log_, LogLevel::error, "cells.refused", kv("detail", sent.refusal));
    } else if (sent.any && std::exchange(refused_, false)) {
        log_event(*log_, LogLevel::info, "cells.accepted");
    }
}

Task<> Outbox::emptied() {
    while (size() > 0)
        co_await empty_.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace quorate::agent
