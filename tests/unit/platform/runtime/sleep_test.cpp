#include "platform/runtime/sleep.hpp"

#include <gtest/gtest.h>

#include "tests/unit/platform/runtime/run_task.hpp"

namespace quorate {
namespace {

/// UTC that moves only when it is looked at: each look finds the next of the given times.
class StepClock final : public Clock {
public:
    explicit StepClock(std::vector<UtcTime> times) : times_{std::move(times)} {}
    UtcTime utc_now() const override { return times_.at(looks_++); }
    SteadyTime steady_now() const override { return {}; }
    std::size_t looks() const { return looks_; }

private:
    std::vector<UtcTime> times_;
    mutable std::size_t looks_ = 0;
};

TEST(Sleep, UntilADeadlineEndsAtItAndNotBefore) {
    const SystemClock clock;
    const auto deadline = clock.steady_now() + milliseconds{30};
    test::run_task([&] { return sleep_until(deadline); });
    EXPECT_GE(clock.steady_now(), deadline);
}

TEST(Sleep, UntilAUtcTimeGoesOnWhenTheClockWasSteppedBack) {
    const UtcTime goal{std::chrono::seconds{1000}};
    const auto before = [&](int ms) { return goal - milliseconds{ms}; };
    const StepClock clock{{before(2), before(20), before(1), goal}};
    test::run_task([&] { return sleep_until(clock, goal); });
    EXPECT_EQ(clock.looks(), 4U);
}

TEST(Sleep, UntilAUtcTimeInThePastReturnsAtOnce) {
    const UtcTime goal{std::chrono::seconds{1000}};
    const StepClock clock{{goal + microseconds{1}}};
    test::run_task([&] { return sleep_until(clock, goal); });
    EXPECT_EQ(clock.looks(), 1U);
}

}  // namespace
}  // namespace quorate
