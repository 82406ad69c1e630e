#include "region-agent/outbox/outbox.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/runtime/sleep.hpp"

namespace quorate::agent {
namespace {

constexpr auto kNever = asio::steady_timer::time_point::max();

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
               OutboxLimits limits)
    : cells_{&cells},
      jobs_{&jobs},
      metrics_{&metrics},
      log_{&log},
      gone_{std::move(gone)},
      limits_{limits},
      backoff_{limits.backoff_first, limits.backoff_longest, std::random_device{}()},
      wake_{executor, kNever},
      empty_{executor, kNever} {}

void Outbox::add(FinishedJob job) {
    if (waiting_.size() >= limits_.cells_max) {
        // The oldest: its minute is the first to be sealed without it.
        gone_(waiting_.front().entry);
        waiting_.pop_front();
        metrics_->recorded.with({"overflow"}).add();
    }
    waiting_.push_back(std::move(job));
    if (waiting_.size() == 1 || waiting_.size() >= limits_.batch) wake_.cancel();
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
    for (;;) {
        co_await wait_for_batch();
        const auto count = std::min(waiting_.size(), limits_.send_max);
        const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
        std::vector<FinishedJob> jobs{std::make_move_iterator(waiting_.begin()),
                                      std::make_move_iterator(end)};
        waiting_.erase(waiting_.begin(), end);
        sending_ = jobs.size();
        co_await send(std::move(jobs));
        sending_ = 0;
        if (waiting_.empty()) empty_.cancel();
    }
}

Task<> Outbox::send(std::vector<FinishedJob> jobs) {
    std::vector<CellToRecord> cells;
    std::vector<std::string> entries;
    for (auto& job : jobs) {
        if (job.cell) cells.push_back(*std::move(job.cell));
        entries.push_back(std::move(job.entry));
    }
    const auto count_of_cells = cells.size();
    const auto answers = co_await record(std::move(cells));
    count(answers, count_of_cells);
    // What was not written is not acknowledged: it stays pending, and is taken again.
    if (answers) co_await acknowledge(entries);
    for (const auto& entry : entries)
        gone_(entry);
}

void Outbox::count(const std::optional<std::vector<Recorded>>& answers, std::size_t cells) {
    if (!answers) metrics_->recorded.with({"refused"}).add(static_cast<double>(cells));
    if (!answers) return;
    for (const auto answer : *answers)
        metrics_->recorded.with({name_of(answer)}).add();
}

Task<std::optional<std::vector<Recorded>>> Outbox::record(std::vector<CellToRecord> cells) {
    for (int refusals = 0;;) {
        std::string refusal;
        try {
            auto answers = co_await cells_->record(cells);
            backoff_.reset();
            note_accepted();
            co_return std::move(answers);
        } catch (const RedisUnavailable&) {  // readiness tells
        } catch (const RedisError& error) {
            refusal = error.what();
        }
        const bool goes_on = co_await again(refusals, std::move(refusal));
        if (!goes_on) co_return std::nullopt;
    }
}

Task<bool> Outbox::acknowledge(std::vector<std::string> entries) {
    for (int refusals = 0;;) {
        std::string refusal;
        try {
            co_await jobs_->finish(entries);
            backoff_.reset();
            co_return true;
        } catch (const RedisUnavailable&) {  // readiness tells
        } catch (const RedisError& error) {
            refusal = error.what();
        }
        const bool goes_on = co_await again(refusals, std::move(refusal));
        if (!goes_on) co_return false;
    }
}

/// Waits before the next try. @return false if Redis refused too often.
Task<bool> Outbox::again(int& refusals, std::string refusal) {
    if (!refusal.empty()) {
        if (!std::exchange(refused_, true))
            log_event(*log_, LogLevel::error, "cells.refused", kv("detail", refusal));
        if (++refusals >= limits_.refusals_max) co_return false;
    }
    co_await sleep_for(backoff_.next());
    co_return true;
}

void Outbox::note_accepted() {
    if (std::exchange(refused_, false)) log_event(*log_, LogLevel::info, "cells.accepted");
}

Task<> Outbox::emptied() {
    while (size() > 0)
        co_await empty_.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace quorate::agent
