#include "region-agent/pulse.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "platform/runtime/sleep.hpp"

namespace quorate::agent {
namespace {

constexpr milliseconds kFirstAgain{200};
// An offset is right within half of its round trip; one measured more slowly says too little.
constexpr milliseconds kRoundTripMax{1000};

double seconds(microseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

Pulse::Pulse(RedisClient& redis,
             RedisClock& clock,
             AgentMetrics& metrics,
             std::string region,
             Heartbeat identity,
             std::function<Load()> load)
    : redis_{&redis},
      clock_{&clock},
      metrics_{&metrics},
      region_{std::move(region)},
      heartbeat_{std::move(identity)},
      load_{std::move(load)} {}

Task<> Pulse::first() {
    for (;;) {
        const bool taken = co_await beat();
        if (taken) co_return;
        co_await sleep_for(kFirstAgain);
    }
}

Task<> Pulse::run() {
    // From start to start: a beat takes three ways to Redis and back, which may be far.
    for (auto due = clock_->steady_now();;) {
        due = std::max(due + kEvery, clock_->steady_now());
        co_await sleep_until(due);
        co_await beat();
    }
}

Task<> Pulse::end() {
    ended_ = true;  // a beat written before this goes out before the removal: one connection
    if (ours_) co_await forget_agent(*redis_, region_, heartbeat_.agent, heartbeat_.instance);
}

/// Where two that start at the same moment both write, one of them finds the other's next time.
/// Where Redis does not let us look it is ours, as far as we know.
Task<bool> Pulse::name_is_ours() {
    std::vector<std::string> regions{region_};
    std::vector<RegionAgents> fleets;
    try {
        fleets = co_await read_heartbeats(*redis_, std::move(regions));
    } catch (const RedisError&) {
        co_return true;
    }
    const auto& fleet = fleets.front();
    if (!fleet.unavailable.empty()) throw RedisUnavailable{fleet.unavailable};
    const auto found = std::ranges::find(fleet.agents, heartbeat_.agent, &Heartbeat::agent);
    before_us_.reset();
    if (found == fleet.agents.end() || found->instance == heartbeat_.instance) co_return true;
    if (std::chrono::abs(clock_->utc_now() - found->at) <= kSilenceMax) co_return false;
    before_us_ = found->instance;
    co_return true;
}

Task<bool> Pulse::beat() {
    try {
        const auto measured = co_await measure_clock_offset(*redis_, clock_->own());
        if (measured.round_trip <= kRoundTripMax) clock_->set_offset(measured.offset);
        ours_ = co_await name_is_ours();
        if (told_name_) told_name_(ours_);
        if (!ours_) co_return false;
        const auto load = load_();
        heartbeat_.at = clock_->utc_now();
        heartbeat_.clock_offset = std::chrono::duration_cast<milliseconds>(clock_->offset());
        heartbeat_.lag = std::chrono::duration_cast<milliseconds>(load.lag);
        heartbeat_.load = load.load;
        heartbeat_.state = load.state;
        heartbeat_.in_flight = load.in_flight;
        heartbeat_.probes_total = load.probes_total;
        heartbeat_.missed_total = load.missed_total;
        heartbeat_.duplicates_total = load.duplicates_total;
        heartbeat_.held_back_total = load.held_back_total;
        heartbeat_.spooled = load.spooled;
        metrics_->clock_offset_seconds.set(seconds(clock_->offset()));
        if (ended_) co_return false;
        if (before_us_)  // what it counted must not go with it
            co_await forget_agent(*redis_, region_, heartbeat_.agent, *before_us_);
        auto heartbeat = heartbeat_;
        co_await write_heartbeat(*redis_, region_, std::move(heartbeat));
        co_return measured.round_trip <= kRoundTripMax;
    } catch (const RedisUnavailable&) {  // readiness tells
    } catch (const RedisError&) {        // as much as away: the next beat tries again
    }
    co_return false;
}

}  // namespace quorate::agent
