#include "coordinator/redis_time.hpp"

#include <chrono>

#include "platform/redis/reply.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate::coordinator {
namespace {

constexpr milliseconds kAskAgain{200};
// An offset is right within half of its round trip; one measured more slowly says too little.
constexpr milliseconds kRoundTripMax{1000};
constexpr milliseconds kClockGrain{5};

}  // namespace

Task<> RedisTime::learn() {
    for (;;) {
        try {
            const auto measured = co_await measure_clock_offset(redis_, clock_);
            note(measured);
            if (measured.round_trip <= kRoundTripMax) co_return;
        } catch (const RedisUnavailable&) {  // readiness tells
        } catch (const RedisError&) {        // as much as away
        }
        co_await sleep_for(kAskAgain);
    }
}

void RedisTime::note(const ClockOffset& measured) {
    if (measured.round_trip > kRoundTripMax) return;
    if (std::chrono::abs(measured.offset) > measured.round_trip / 2 + kClockGrain) {
        clock_.set_offset(clock_.offset() + measured.offset);
        catalogue_.clock_was_set(measured.offset);
    }
    metrics_.clock_offset_seconds.set(std::chrono::duration<double>(clock_.offset()).count());
}

}  // namespace quorate::coordinator
