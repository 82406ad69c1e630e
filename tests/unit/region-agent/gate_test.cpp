#include "region-agent/intake/gate.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"
#include "tests/unit/platform/runtime/run_task.hpp"

namespace quorate::agent {
namespace {

const Deadline kNever = Deadline::max();

/// A gate on an executor that the test turns itself.
struct Gated {
    explicit Gated(GateOptions options) : gate{io.get_executor(), clock, options} {}
    ~Gated() {
        tasks.cancel();
        settle();
    }

    /// Somebody of `tenant` wants to start; what becomes of it is the value at the index returned.
    std::size_t want(std::string tenant, Deadline start_by = kNever) {
        outcomes.push_back('w');
        tasks.spawn("want", enter(outcomes.size() - 1, std::move(tenant), start_by));
        settle();
        return outcomes.size() - 1;
    }
    void want(const std::string& tenant, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            want(tenant);
    }
    void leave(const std::string& tenant) {
        --running[tenant];
        gate.leave(tenant);
        settle();
    }
    void settle() {
        io.restart();
        io.poll();
    }

    Task<> enter(std::size_t index, std::string tenant, Deadline start_by) {
        const bool entered = co_await gate.enter(tenant, start_by);
        outcomes[index] = entered ? 'e' : 'n';
        if (entered) ++running[tenant];
    }

    SystemClock clock;
    asio::io_context io{1};
    Gate gate;
    TaskGroup tasks{io.get_executor(), 100'000};
    std::vector<char> outcomes;  // waits, entered, no
    std::map<std::string, std::size_t> running;
};

TEST(Gate, ATenantThatIsAloneGetsItsShareAndTheNextStartsAtOnce) {
    Gated gated{{100, 1000, 0.75}};
    gated.want("a", 200);
    EXPECT_EQ(gated.running["a"], 75U);
    gated.want("b", 1);
    EXPECT_EQ(gated.running["b"], 1U);
}

TEST(Gate, HoweverManyTenantsHangThereComesToBeRoomForTheNext) {
    Gated gated{{100, 100'000, 0.75}};
    std::vector<std::string> tenants;
    for (int tenant = 0; tenant < 8; ++tenant) {
        tenants.push_back("hangs-" + std::to_string(tenant));
        gated.want(tenants.back(), 200);
    }
    // Each of the first hundred probes ends once; others of those who wait begin.
    for (const auto& [tenant, count] : std::map{gated.running})
        for (std::size_t i = 0; i < count; ++i)
            gated.leave(tenant);
    for (const auto& tenant : tenants)
        EXPECT_EQ(gated.running[tenant], 12U) << tenant;
    EXPECT_EQ(gated.gate.running(), 96U);
    gated.want("late", 1);
    EXPECT_EQ(gated.running["late"], 1U);
}

TEST(Gate, WithTheShareOneATenantMayHaveAll) {
    Gated gated{{100, 1000, 1}};
    gated.want("a", 200);
    EXPECT_EQ(gated.running["a"], 100U);
    EXPECT_TRUE(gated.gate.full());
    gated.want("b", 1);
    EXPECT_EQ(gated.running["b"], 0U);
    gated.leave("a");
    EXPECT_EQ(gated.running["b"], 1U) << "the one with the fewest probes is first";
}

TEST(Gate, OneProbeAtATimeIsPossible) {
    Gated gated{{1, 4, 0.75}};
    gated.want("a", 3);
    EXPECT_EQ(gated.gate.running(), 1U);
    gated.leave("a");
    EXPECT_EQ(gated.gate.running(), 1U);
}

TEST(Gate, OfOneTenantWhoCameFirstIsFirst) {
    Gated gated{{1, 100, 1}};
    gated.want("a", 1);
    const auto first = gated.want("a", kNever);
    const auto second = gated.want("a", kNever);
    gated.leave("a");
    EXPECT_EQ(gated.outcomes[first], 'e');
    EXPECT_EQ(gated.outcomes[second], 'w');
}

TEST(Gate, OfTenantsWithAsManyProbesTheOneThatWaitedLongestForATurnIsFirst) {
    Gated gated{{2, 100, 1}};
    gated.want("a", 1);
    gated.want("b", 1);
    const auto b = gated.want("b", kNever);
    const auto a = gated.want("a", kNever);
    const auto c = gated.want("c", kNever);
    const auto entered = [&] {
        return std::string{gated.outcomes[a], gated.outcomes[b], gated.outcomes[c]};
    };
    gated.leave("a");
    EXPECT_EQ(entered(), "wwe") << "c was never served; b has a probe";
    gated.leave("c");
    EXPECT_EQ(entered(), "ewe");
    gated.leave("b");
    EXPECT_EQ(entered(), "eee");
}

TEST(Gate, WhoFindsNoRoomInTimeIsTurnedAwayAndLeavesItsPlace) {
    Gated gated{{1, 100, 1}};
    gated.want("a", 1);
    const auto late = gated.want("a", SystemClock{}.steady_now() - milliseconds{1});
    gated.settle();
    EXPECT_EQ(gated.outcomes[late], 'n');
    EXPECT_EQ(gated.gate.waiting(), 0U);
    gated.leave("a");
    EXPECT_EQ(gated.gate.running(), 0U);
}

TEST(Gate, ATenantCantTakeAllPlacesToWait) {
    Gated gated{{1, 100, 0.75}};
    gated.want("a", 1);
    gated.want("a", 200);
    EXPECT_EQ(gated.gate.waiting(), 75U);
    EXPECT_EQ(gated.outcomes.back(), 'n') << "beyond its places it is turned away at once";
    const auto other = gated.want("b", kNever);
    EXPECT_EQ(gated.outcomes[other], 'w');
    gated.leave("a");
    EXPECT_EQ(gated.outcomes[other], 'e');
}

TEST(Gate, OfATenantThatIsAloneAsManyAreTakenAsItSays) {
    for (const std::size_t concurrency : {1U, 2U, 3U, 7U, 100U})
        for (const double share : {0.05, 0.3, 0.5, 0.75, 0.9, 1.0}) {
            Gated gated{{concurrency, 4 * concurrency, share}};
            gated.want("a", gated.gate.taken_of_one());
            EXPECT_EQ(std::ranges::count(gated.outcomes, 'n'), 0) << concurrency << " " << share;
        }
}

TEST(Gate, TellsSinceWhenTheFirstOfThemWaits) {
    Gated gated{{1, 100, 1}};
    EXPECT_EQ(gated.gate.waiting_since(), std::nullopt);
    gated.want("a", 1);
    const auto before = gated.clock.steady_now();
    gated.want("a", 1);
    const auto after = gated.clock.steady_now();
    gated.want("b", 1);
    ASSERT_TRUE(gated.gate.waiting_since());
    EXPECT_GE(*gated.gate.waiting_since(), before);
    EXPECT_LE(*gated.gate.waiting_since(), after);
    gated.leave("a");  // b has fewer probes and is first
    EXPECT_LE(*gated.gate.waiting_since(), after);
    gated.leave("b");
    EXPECT_EQ(gated.gate.waiting_since(), std::nullopt);
}

TEST(Gate, WhoIsCancelledWhileItWaitsLeavesNoTrace) {
    Gated gated{{1, 100, 1}};
    gated.want("a", 5);
    gated.tasks.cancel();
    gated.settle();
    EXPECT_EQ(gated.gate.waiting(), 0U);
    gated.leave("a");
    EXPECT_EQ(gated.gate.running(), 0U);
}

TEST(Gate, ItsBoundsHoldInAnyOrderOfComingAndGoing) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    Gated gated{{20, 40, 0.75}};
    const std::vector<std::string> tenants{"a", "b", "c", "d"};
    for (int step = 0; step < 3000; ++step) {
        const auto& tenant = tenants[random() % tenants.size()];
        const bool expired = random() % 8 == 0;
        if (random() % 2 == 0)
            gated.want(tenant, expired ? SystemClock{}.steady_now() : kNever);
        else if (gated.running[tenant] > 0)
            gated.leave(tenant);
        std::size_t running = 0;
        for (const auto& [name, count] : gated.running)
            running += count;
        ASSERT_EQ(gated.gate.running(), running);
        ASSERT_LE(running, 20U);
        ASSERT_LE(gated.gate.waiting(), 40U);
        const bool idle = running == 0 && gated.gate.waiting() > 0;
        ASSERT_FALSE(idle) << "there is room, and somebody waits";
    }
    for (const auto& tenant : tenants)
        while (gated.running[tenant] > 0)
            gated.leave(tenant);
    EXPECT_EQ(gated.gate.running() + gated.gate.waiting(), 0U);
}

}  // namespace
}  // namespace quorate::agent
