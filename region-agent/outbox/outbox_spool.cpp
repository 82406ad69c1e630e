// The outbox's way over the disk.
#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/runtime/sleep.hpp"
#include "region-agent/outbox/outbox.hpp"

namespace quorate::agent {
namespace {

constexpr milliseconds kSyncEvery{1000};

bool has_cell(const FinishedJob& job) {
    return job.cell.has_value();
}
bool was_refused(const FinishedJob& job) {
    return job.refusals > 0;
}

}  // namespace

/// Whether cells need not be tried first.
bool Outbox::spools() const {
    return spooling_ && !spooling_->reachable();
}

/// @return false if the disk did not take them
bool Outbox::save(const Jobs& jobs) {
    if (jobs.empty()) return true;
    std::vector<std::string> records;
    records.reserve(jobs.size());
    for (const auto& job : jobs)
        records.push_back(encode_finished(job));
    std::vector<std::string> lost;
    try {
        lost = spooling_->spool->append(records);
    } catch (const std::system_error& error) {
        note_disk(error.what());
        return false;
    }
    note_disk({});
    metrics_->spooled.with({"saved"}).add(static_cast<double>(records.size()));
    metrics_->spooled.with({"lost"}).add(static_cast<double>(lost.size()));
    for (const auto& record : lost)
        if (const auto job = decode_finished(record)) gone_(job->entry);
    note_spool();
    filled_.cancel();
    return true;
}

/// From the spool into Redis, the oldest first. What of a batch can't be written, while the rest
/// is, goes behind all others: a node that is away must not hold up what is for the others.
Task<> Outbox::replay() {
    auto& spool = *spooling_->spool;
    for (;;) {
        note_spool();
        if (spool.empty()) {
            stuck_ = false;
            empty_.cancel();
            co_await filled_.async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        const auto batch = spool.oldest(limits_.send_max);
        metrics_->spooled.with({"unreadable"}).add(static_cast<double>(batch.unreadable));
        Jobs jobs;
        for (const auto& record : batch.records)
            if (auto job = decode_finished(record)) jobs.push_back(*std::move(job));
        const auto read = jobs.size();
        const auto cells = std::ranges::count_if(jobs, has_cell);
        const auto sent = co_await send(jobs);
        const bool moves = read == 0 || jobs.size() < read ||
                           std::ranges::count_if(jobs, has_cell) < cells ||
                           std::ranges::any_of(jobs, was_refused);
        stuck_ = !moves && sent.refusal.empty() && spooling_->reachable();
        if (stuck_) empty_.cancel();
        if (!moves) {
            co_await sleep_for(replay_backoff_.next());
            continue;
        }
        replay_backoff_.reset();
        spool.forget(batch.end);
        const auto unreadable = batch.records.size() - read;
        metrics_->spooled.with({"unreadable"}).add(static_cast<double>(unreadable));
        metrics_->spooled.with({"replayed"}).add(static_cast<double>(read - jobs.size()));
        put_by(std::move(jobs));
    }
}

/// Once a second what was appended is made to last, and what failed is tried again.
Task<> Outbox::sync() {
    for (;;) {
        co_await sleep_for(kSyncEvery);
        std::string failure;
        try {
            auto work = spooling_->spool->unsynced();
            if (!work) continue;
            co_await spooling_->sync(std::move(work));
        } catch (const std::system_error& error) {
            failure = error.what();
            spooling_->spool->not_synced();
        }
        note_disk(failure);
    }
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

Task<> Outbox::replayed() {
    while (spooled() > 0 && !stuck_)
        co_await empty_.async_wait(asio::as_tuple(asio::use_awaitable));
}

std::size_t Outbox::park() {
    if (!spooling_) return 0;
    Jobs jobs = std::exchange(sending_, {});
    const auto add = [&jobs](auto& more) {
        jobs.insert(
            jobs.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
        more.clear();
    };
    add(retrying_);
    add(held_up_);
    add(waiting_);
    if (!save(jobs)) held_up_.assign(jobs.begin(), jobs.end());
    try {
        if (const auto work = spooling_->spool->unsynced()) work();
    } catch (const std::system_error& error) {
        note_disk(error.what());
    }
    return spooled();
}

}  // namespace quorate::agent
