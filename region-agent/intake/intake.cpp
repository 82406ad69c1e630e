#include "region-agent/intake/intake.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/redis/fleet.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/runtime/within.hpp"
#include "platform/wire/cell_record.hpp"
#include "region-agent/pulse.hpp"

namespace quorate::agent {
namespace {

constexpr milliseconds kBlock{500};  // of a read; so long may a drain wait for it
constexpr milliseconds kReadAgain{200};
constexpr milliseconds kStuckAfter{250};  // jobs come up to 2 s before their slot
constexpr milliseconds kClaimEvery{500};
constexpr std::size_t kReadMax = 1000;          // jobs of one read
constexpr std::size_t kClaimMax = 200;          // jobs of one claim: other agents want some, too
constexpr std::chrono::hours kForgetAfter{24};  // an agent that is silent for so long is gone
constexpr std::size_t kForgetMax = 10;          // agents of one look around
constexpr std::chrono::hours kForgetEvery{1};   // consumers
constexpr std::chrono::minutes kAheadMax{2};    // coordinators plan seconds ahead
constexpr std::chrono::seconds kLoopsEndMax{4};
// In a break between looks that is shorter nobody who beats came to be silent for too long.
constexpr milliseconds kLooksBreak = Pulse::kSilenceMax - Pulse::kEvery;
// So long after Redis came back all who live have found it again (the wait between two tries to
// connect grows up to 2 s) and beaten.
constexpr milliseconds kAllHeardAfter = Pulse::kSilenceMax + Pulse::kEvery;

bool silent(const std::vector<Heartbeat>& fleet, const std::string& agent, UtcTime now) {
    const auto found = std::ranges::find(fleet, agent, &Heartbeat::agent);
    return found == fleet.end() || now - found->at > Pulse::kSilenceMax;
}

/// Waits for the group's tasks, and cancels them at `deadline`: afterwards none is running, also if
/// one failed.
Task<> end_by(TaskGroup& group, Deadline deadline, std::exception_ptr& failure) {
    try {
        auto end = group.join();
        co_await done_within(deadline, std::move(end));
    } catch (...) {
        if (!failure) failure = std::current_exception();
    }
}

double seconds(microseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

UtcTime slot_time(const Job& job) {
    return job.key.minute.start() + job.slot;
}

}  // namespace

Intake::Intake(asio::any_io_executor executor,
               JobConsumer& jobs,
               RedisClient& redis,
               JobRunner& runner,
               RedisClock& clock,
               AgentMetrics& metrics,
               Logger& log,
               IntakeOptions options)
    : jobs_{&jobs},
      redis_{&redis},
      runner_{&runner},
      clock_{&clock},
      metrics_{&metrics},
      log_{&log},
      options_{std::move(options)},
      freed_{executor},
      claim_timer_{executor},
      gate_{executor,
            clock,
            {options_.concurrency, kWaitingPerProbe * options_.concurrency, options_.tenant_share}},
      loops_{executor, 2},
      waiting_{executor, 2 * held_max()},
      probing_{executor, 2 * held_max()} {}

Task<> Intake::run() {
    try {
        co_await look_for_cordon();      // before the first read
    } catch (const RedisUnavailable&) {  // nothing is read, either
    }
    loops_.spawn("read", read_jobs());
    loops_.spawn("claim", claim_jobs());
    co_await loops_.join();
}

/// As long as those who are due start soon, no more is taken than has a place whatever tenants it
/// is of: the rest is better left to other agents. Somebody who waits for long has a tenant with
/// too many probes; then more is taken, so that its jobs don't stand before those of others.
std::size_t Intake::room() const {
    if (stands_aside() || gate_.full()) return 0;
    const auto since = gate_.waiting_since();
    const bool stuck = since && clock_->steady_now() - *since >= kStuckAfter;
    const auto most = stuck ? held_max() : std::min(held_max(), gate_.taken_of_one());
    return most - std::min(active_, most);
}

/// Also for nothing to take: what is pending at one who stands aside is for others.
Task<> Intake::wait_for_room() {
    while (room() == 0 && !stopping_ && !(aside_ && ours_ && look_for_own_)) {
        freed_.expires_after(kStuckAfter);
        co_await freed_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

Task<> Intake::read_jobs() {
    while (!stopping_) {
        co_await wait_for_room();
        if (stopping_) co_return;
        // A group that is cancelled here has a job's task that failed, by a bug: join throws that.
        if (waiting_.cancelled()) co_await waiting_.join();
        if (probing_.cancelled()) co_await probing_.join();
        bool read = false;
        try {
            if (look_for_own_ && aside_) {
                co_await pass_own_on();
            } else if (look_for_own_) {
                co_await take_own();
            } else {
                auto deliveries = co_await jobs_->read(std::min(room(), kReadMax), kBlock);
                if (stands_aside())  // it was waiting for jobs when we became unfit
                    co_await pass_on(std::move(deliveries));
                else
                    take(std::move(deliveries), "read");
            }
            read = true;
        } catch (const RedisUnavailable&) {  // readiness tells
        } catch (const RedisError& error) {
            note_refusal(error, read_refused_);
        }
        if (read) read_refused_ = false;
        if (read) continue;
        look_for_own_ = true;  // a lost answer may have held jobs
        co_await sleep_for(kReadAgain);
    }
}

/// What is pending at this agent and not held by it: Redis handed it to a connection that died, or
/// to an earlier life.
Task<> Intake::pass_own_on() {
    look_for_own_ = false;
    std::string after;
    for (;;) {
        auto page = co_await jobs_->read_own(kReadMax, after);
        if (page.empty()) co_return;
        after = page.back().entry;
        std::erase_if(page,
                      [this](const auto& delivery) { return held_.contains(delivery.entry); });
        co_await pass_on(std::move(page));
    }
}

/// Back into the queue, for an agent that is fit.
Task<> Intake::pass_on(std::vector<Delivery> deliveries) {
    std::vector<std::string> entries;
    for (auto& delivery : deliveries)
        entries.push_back(std::move(delivery.entry));
    const auto count = co_await jobs_->give_back(std::move(entries));
    metrics_->jobs.with({"given_back"}).add(static_cast<double>(count));
}

/// Redis answered and refuses: each loop says so once, until its own commands work again.
void Intake::note_refusal(const RedisError& error, bool& refused) {
    if (!std::exchange(refused, true))
        log_event(*log_, LogLevel::error, "jobs.refused", kv("detail", error.what()));
}

/// Takes what is pending at this agent and not held by it, as far as there is room.
Task<> Intake::take_own() {
    look_for_own_ = false;
    std::string after;
    for (;;) {
        auto page = co_await jobs_->read_own(kReadMax, after);
        if (page.empty()) co_return;
        after = page.back().entry;
        std::erase_if(page,
                      [this](const auto& delivery) { return held_.contains(delivery.entry); });
        if (page.size() > room()) {
            page.erase(page.begin() + static_cast<std::ptrdiff_t>(room()), page.end());
            look_for_own_ = true;
        }
        take(std::move(page), "own");
        if (look_for_own_) co_return;
    }
}

Task<> Intake::claim_jobs() {
    while (!stopping_) {
        claim_timer_.expires_after(kClaimEvery);
        co_await claim_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (stopping_) co_return;
        try {
            co_await look_around();
            look_refused_ = false;
        } catch (const RedisUnavailable&) {  // readiness tells
            redis_was_away();                // a lost answer may have held jobs
        } catch (const RedisError& error) {
            note_refusal(error, look_refused_);
        }
    }
}

/// What is pending in the region's queue, and at whom.
Task<> Intake::look_around() {
    auto holders = co_await jobs_->holders();
    const auto self = std::ranges::find(holders, options_.agent, &JobHolder::agent);
    if (self != holders.end()) {
        // Redis may hand an entry to a connection of ours that died, for as long as its read blocks
        // there; and entries whose cells were refused were let go. Nobody claims from the living.
        if (self->pending > held_.size()) look_for_own_ = true;
        holders.erase(self);
    }
    std::vector<std::string> regions{options_.region};
    auto fleets = co_await read_heartbeats(*redis_, std::move(regions));
    auto& fleet = fleets.front();
    if (!fleet.unavailable.empty()) throw RedisUnavailable{fleet.unavailable};
    const auto now = co_await redis_time(*redis_);
    co_await look_for_cordon();
    const bool silence_tells = note_look();
    stand_aside(fleet.agents, now, silence_tells);
    if (silence_tells) co_await claim_from_silent(holders, fleet.agents, now);
    co_await forget_departed(std::move(holders), std::move(fleet.agents), now);
    co_await forget_consumers();
}

/// Whether an operator wants us to take no jobs. Where Redis does not let us read that, as an older
/// coordinator wrote our rights, we go on as we were.
Task<> Intake::look_for_cordon() {
    std::vector<std::string> cordoned;
    try {
        cordoned = co_await read_cordoned(*redis_, options_.region);
    } catch (const RedisError&) {
        looked_ = true;
        co_return;
    }
    looked_ = true;
    const bool ours = std::ranges::count(cordoned, options_.agent) > 0;
    if (std::exchange(cordoned_, ours) != ours)
        log_event(*log_, LogLevel::info, ours ? "agent.cordoned" : "agent.uncordoned");
    if (ours) aside_ = true;
}

/// We have just seen the heartbeats. @return whether who is silent is dead: Redis was there for
/// everybody, as far as we can tell, for long enough to be heard.
bool Intake::note_look() {
    const auto now = clock_->steady_now();
    if (!looks_since_ || now - looked_at_ > kLooksBreak) looks_since_ = now;
    looked_at_ = now;
    return now - *looks_since_ >= kAllHeardAfter;
}

/// While we are unfit to probe the jobs are better left to an agent of the region that is fit. With
/// none we go on taking them, so that each gets its cell in time.
void Intake::stand_aside(const std::vector<Heartbeat>& fleet, UtcTime now, bool silence_tells) {
    const bool fit_other = std::ranges::any_of(fleet, [&](const Heartbeat& heartbeat) {
        return heartbeat.agent != options_.agent && heartbeat.state == AgentState::working &&
               now - heartbeat.at <= Pulse::kSilenceMax;
    });
    const bool left_to_others = fit_other || (aside_ && !silence_tells);
    aside_ = cordoned_ || (left_to_others && runner_->unfit());
    if (!aside_) freed_.cancel();
}

Task<> Intake::claim_from_silent(std::vector<JobHolder> holders,
                                 std::vector<Heartbeat> fleet,
                                 UtcTime now) {
    for (const auto& [holder, pending] : holders) {
        const auto count = std::min(room(), kClaimMax);
        if (count == 0 || stopping_) co_return;
        if (!silent(fleet, holder, now)) continue;
        auto claimed = co_await jobs_->claim(holder, count);
        if (claimed.empty()) continue;
        log_event(*log_,
                  LogLevel::warn,
                  "jobs.claimed",
                  kv("from_agent_id", holder),
                  kv("jobs", claimed.size()));
        take(std::move(claimed), "claimed");
    }
}

/// Removes the heartbeats of agents that went long ago and left nothing, so that their number stays
/// bounded.
Task<> Intake::forget_departed(std::vector<JobHolder> holders,
                               std::vector<Heartbeat> fleet,
                               UtcTime now) {
    std::size_t forgotten = 0;
    for (const auto& heartbeat : fleet) {
        if (now - heartbeat.at <= kForgetAfter) continue;
        if (std::ranges::count(holders, heartbeat.agent, &JobHolder::agent) > 0) continue;
        if (stopping_ || ++forgotten > kForgetMax) co_return;
        co_await forget_agent(*redis_, options_.region, heartbeat.agent, heartbeat.instance);
    }
}

/// Their consumers in Redis, too, which one that ended in order leaves as well; where every start
/// has another name they would be ever more. Not where an older coordinator wrote our rights, or
/// has not loaded the script.
Task<> Intake::forget_consumers() {
    const auto now = clock_->steady_now();
    if (forgot_at_ != SteadyTime{} && now - forgot_at_ < kForgetEvery) co_return;
    forgot_at_ = now;
    try {
        co_await jobs_->forget_silent(kForgetAfter);
    } catch (const RedisUnavailable&) {
    } catch (const RedisError&) {
    }
}

void Intake::take(std::vector<Delivery> deliveries, std::string_view how) {
    for (auto& [entry, job] : deliveries) {
        if (!held_.insert(entry).second) continue;  // it comes a second time: we are at it
        const bool too_far = job && slot_time(*job) > clock_->utc_now() + kAheadMax;
        if (!job || too_far) {
            metrics_->jobs.with({"invalid"}).add();
            log_event(*log_,
                      LogLevel::error,
                      "job.invalid",
                      kv("entry", entry),
                      kv("detail", job ? "job: its slot is too far ahead" : job.error().text));
            outbox_->add({std::move(entry), std::nullopt});
            continue;
        }
        metrics_->jobs.with({how}).add();
        ++active_;
        // In a drain nothing starts: the job stays pending and is given back.
        waiting_.spawn("wait", await_slot(std::move(entry), *std::move(job)));
    }
}

Task<> Intake::await_slot(std::string entry, Job job) {
    const auto slot = slot_time(job);
    if (clock_->utc_now() < slot) co_await sleep_until(*clock_, slot);
    auto why = runner_->refusal(job);
    if (!why) {
        const auto start_by = clock_->steady_now() + (job.not_after - clock_->utc_now());
        const bool entered = co_await gate_.enter(job.tenant, start_by);
        if (entered) {
            metrics_->slot_lateness.observe(seconds(clock_->utc_now() - slot));
            probing_.spawn("probe", probe(std::move(entry), std::move(job)));
            co_return;
        }
        why = Refusal{Reason::backpressure,
                      "The agent ran as many probes as it may, of this tenant or in all"};
    }
    const auto cell = runner_->refused(job, *std::move(why));
    finish(std::move(entry), job, cell);
}

Task<> Intake::probe(std::string entry, Job job) {
    const auto cell = co_await runner_->run(job);
    gate_.leave(job.tenant);
    if (cell) {
        finish(std::move(entry), job, *cell);
        co_return;
    }
    --active_;
    freed_.cancel();
}

/// The job is over: its cell goes out.
void Intake::finish(std::string entry, const Job& job, const Cell& cell) {
    --active_;
    freed_.cancel();
    metrics_->cells.with({name_of(cell.verdict)}).add();
    const bool no_attempt = cell.verdict == Verdict::unknown && cell.attempt == 0;
    if (no_attempt && cell.reason) metrics_->refused.with({name_of(*cell.reason)}).add();
    if (no_attempt) count_held_back(job, cell);
    const bool with_details = details_.due(cell, clock_->steady_now());
    outbox_->add({std::move(entry), wire::to_record(job, cell, with_details)});
}

void Intake::count_held_back(const Job& job, const Cell& cell) {
    if (cell.reason == Reason::rate_limited) metrics_->held_back.with({"server"}).add();
    if (cell.reason != Reason::backpressure || job.held_back == HeldBack::no) return;
    metrics_->held_back.with({job.held_back == HeldBack::origin ? "origin" : "tenant"}).add();
}

Task<> Intake::drain(Deadline deadline) {
    stopping_ = true;
    freed_.cancel();
    claim_timer_.cancel();
    // A read is not cancelled but waited for: Redis would go on handing us jobs in its answer.
    std::exception_ptr failure;
    const auto soon = std::min<Deadline>(deadline, clock_->steady_now() + kLoopsEndMax);
    co_await end_by(loops_, soon, failure);
    waiting_.cancel();
    co_await end_by(waiting_, deadline, failure);
    co_await end_by(probing_, deadline, failure);
    if (failure) std::rethrow_exception(failure);
}

Task<std::size_t> Intake::give_back() {
    std::size_t given = 0;
    if (!ours_) co_return given;
    const std::string first;
    for (;;) {
        auto page = co_await jobs_->read_own(kReadMax, first);
        std::vector<std::string> entries;
        for (auto& delivery : page)
            entries.push_back(std::move(delivery.entry));
        const auto count = co_await jobs_->give_back(std::move(entries));
        given += count;
        if (count == 0) break;
    }
    metrics_->jobs.with({"given_back"}).add(static_cast<double>(given));
    co_return given;
}

}  // namespace quorate::agent
