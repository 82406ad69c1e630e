#include "region-agent/intake/shared_holds.hpp"

#include <utility>

#include "platform/redis/reply.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate::agent {

SharedHolds::SharedHolds(RedisClient& redis,
                         JobRunner& runner,
                         const Clock& clock,
                         std::string region)
    : redis_{&redis}, runner_{&runner}, clock_{&clock}, region_{std::move(region)} {
    runner.on_hold([this](const Hold& hold) { note(hold); });
}

void SharedHolds::note(const Hold& hold) {
    if (untold_.size() >= kUntoldMax) untold_.erase(untold_.begin());
    untold_.push_back(hold);
}

Task<> SharedHolds::exchange() {
    const auto telling = std::exchange(untold_, {});
    bool told = false;
    try {
        auto holds = telling;
        co_await tell_holds(*redis_, region_, std::move(holds));
        told = true;
        for (bool more = true; more;) {
            const auto page = co_await read_holds(*redis_, region_, last_);
            for (const auto& hold : page.holds)
                runner_->hold_off(hold);
            more = page.last != last_;
            last_ = page.last;
        }
    } catch (const RedisUnavailable&) {  // readiness tells
    } catch (const RedisError&) {        // as much as away: tried again
    }
    // Perhaps told twice, after a lost answer: it holds no longer for that.
    if (told) co_return;
    const auto later = std::exchange(untold_, {});
    for (const auto& hold : telling)
        note(hold);
    for (const auto& hold : later)
        note(hold);
}

Task<> SharedHolds::run() {
    for (;;) {
        const auto due = clock_->steady_now() + kEvery;
        co_await sleep_until(due);
        co_await exchange();
    }
}

}  // namespace quorate::agent
