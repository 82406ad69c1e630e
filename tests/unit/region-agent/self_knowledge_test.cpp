#include <algorithm>
#include <memory>
#include <sstream>
#include <string>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include "region-agent/selfcheck/findings.hpp"
#include "region-agent/selfcheck/lag_meter.hpp"
#include "region-agent/selfcheck/landmark.hpp"
#include "region-agent/selfcheck/load_watch.hpp"
#include "tests/unit/platform/runtime/run_task.hpp"
#include "tests/unit/region-agent/standing_clock.hpp"

namespace quorate::agent {
namespace {

using std::chrono::seconds;

TEST(LagMeter, TheWorstOfAStretchIsTheWorstThatWasMeasuredInIt) {
    StandingClock clock;
    LagMeter lag{clock};
    const auto at = [](int ms) { return SteadyTime{} + milliseconds{ms}; };
    lag.note(at(100), milliseconds{7});
    lag.note(at(200), milliseconds{50});
    lag.note(at(300), milliseconds{2});
    lag.note(at(400), milliseconds{9});
    EXPECT_EQ(lag.worst_since(at(0)), milliseconds{50});
    EXPECT_EQ(lag.worst_since(at(200)), milliseconds{50});
    EXPECT_EQ(lag.worst_since(at(201)), milliseconds{9});
    EXPECT_EQ(lag.worst_since(at(401)), milliseconds{0});
    lag.note(at(400) + LagMeter::kKept, milliseconds{1});
    EXPECT_EQ(lag.worst_since(at(0)), milliseconds{9}) << "what is older than it keeps is gone";
}

TEST(LagMeter, AStallIsSeenAlsoByWhatRunsBeforeTheTickThatItDelayed) {
    const SystemClock clock;
    LagMeter lag{clock};
    asio::io_context io{1};
    asio::cancellation_signal stop;
    asio::co_spawn(
        io, lag.run(), asio::bind_cancellation_slot(stop.slot(), [](std::exception_ptr) {}));
    io.poll();  // the meter waits for its first tick
    const auto begun = clock.steady_now();
    while (clock.steady_now() < begun + milliseconds{150}) {
    }
    EXPECT_GE(lag.worst_since(begun), milliseconds{120});
    io.run_one();
    EXPECT_GE(lag.worst_since(begun), milliseconds{120}) << "and when the tick has come";
    stop.emit(asio::cancellation_type::terminal);
    io.run();
}

CpuTime used(seconds process, seconds thread) {
    return {process, thread};
}

TEST(LoadWindow, SaysNothingUntilItWasFilledOnce) {
    LoadWindow window{2};
    window.add(SteadyTime{}, used(seconds{0}, seconds{0}));
    window.add(SteadyTime{seconds{4}}, used(seconds{4}, seconds{4}));
    EXPECT_EQ(window.load(), 0);
    window.add(SteadyTime{seconds{5}}, used(seconds{4}, seconds{4}));
    EXPECT_DOUBLE_EQ(window.load(), 0.8);
}

TEST(LoadWindow, TheProbingThreadCountsAgainstOneCoreAndTheProcessAgainstAll) {
    const auto load = [](double cores, seconds process, seconds thread) {
        LoadWindow window{cores};
        window.add(SteadyTime{}, used(seconds{0}, seconds{0}));
        window.add(SteadyTime{seconds{10}}, used(process, thread));
        return window.load();
    };
    EXPECT_DOUBLE_EQ(load(64, seconds{7}, seconds{7}), 0.7) << "the thread has one core, not 64";
    EXPECT_DOUBLE_EQ(load(2, seconds{18}, seconds{1}), 0.9) << "others of the process use both";
    EXPECT_DOUBLE_EQ(load(0.5, seconds{4}, seconds{4}), 0.8) << "a quota of half a core";
    EXPECT_DOUBLE_EQ(load(1, seconds{11}, seconds{11}), 1) << "clocks may disagree a little";
}

TEST(LoadWindow, Slides) {
    LoadWindow window{1};
    for (int second = 0; second <= 20; ++second)
        window.add(SteadyTime{seconds{second}}, used(seconds{0}, seconds{std::min(second, 10)}));
    EXPECT_DOUBLE_EQ(window.load(), 0) << "it was busy, and is not";
}

/// A load watch whose CPU time the test sets.
struct Watched {
    explicit Watched(double load_max) : busy{clock, log, load_max, 1, [this] { return cpu; }} {}

    /// Half a second in which `part` of a core is used.
    void half_second(double part) {
        clock.passed += LoadWatch::kEvery;
        cpu.thread +=
            std::chrono::duration_cast<std::chrono::nanoseconds>(part * LoadWatch::kEvery);
        busy.sample();
    }
    void ten_seconds(double part) {
        for (int i = 0; i < 20; ++i)
            half_second(part);
    }

    StandingClock clock;
    CpuTime cpu;
    std::ostringstream lines;
    Logger log{
        "agent", LogLevel::info, clock, std::make_shared<spdlog::sinks::ostream_sink_st>(lines)};
    LoadWatch busy;
};

TEST(LoadWatch, RefusesAboveItsBoundUntilItIsWellBelowAndSaysSoOnceEach) {
    Watched watched{0.6};
    watched.ten_seconds(0.59);
    EXPECT_FALSE(watched.busy.overloaded());
    watched.ten_seconds(0.7);
    EXPECT_TRUE(watched.busy.overloaded());
    watched.ten_seconds(0.55);  // below the bound, and not by much
    EXPECT_TRUE(watched.busy.overloaded());
    watched.ten_seconds(0.5);
    EXPECT_FALSE(watched.busy.overloaded());
    const auto text = watched.lines.str();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
    EXPECT_LT(text.find("load.exceeded"), text.find("load.subsided")) << text;
}

TEST(LoadWatch, WithTheBoundOneItNeverRefuses) {
    Watched watched{1};
    watched.ten_seconds(1.2);
    EXPECT_FALSE(watched.busy.overloaded());
}

TEST(LoadWatch, TheProcessIsMeasuredForWhatItIs) {
    const SystemClock clock;
    const auto before = cpu_time_used();
    const auto begun = clock.steady_now();
    while (cpu_time_used().thread - before.thread < milliseconds{50}) {
    }
    const auto elapsed = clock.steady_now() - begun;
    EXPECT_GE(cpu_time_used().process - before.process, milliseconds{50});
    EXPECT_LE(cpu_time_used().thread - before.thread, elapsed + milliseconds{50});
    EXPECT_GT(cores_available(), 0);
    EXPECT_LE(cores_available(), 4096);
}

TEST(Blindness, NeedsTwoWitnessesOfAKindThatAgree) {
    Findings found;
    found.descriptors = {10, 100};
    EXPECT_EQ(blindness(found), "");
    found.landmarks = 1;
    found.name_servers = 1;
    EXPECT_EQ(blindness(found), "") << "one of a kind may be down itself";
    found.landmarks = 2;
    EXPECT_EQ(blindness(found), "none of 2 landmarks can be reached");
    found.landmarks_reached = 1;
    EXPECT_EQ(blindness(found), "");
    found.name_servers = 2;
    EXPECT_EQ(blindness(found), "none of 2 name servers answers");
    found.name_servers_answering = 1;
    EXPECT_EQ(blindness(found), "");
}

TEST(Blindness, MoreThanNineTenthsOfTheDescriptorsOpenIsBlindness) {
    Findings found;
    found.descriptors = {90, 100};
    EXPECT_EQ(blindness(found), "");
    found.descriptors = {91, 100};
    EXPECT_EQ(blindness(found), "91 of 100 file descriptors are open");
}

TEST(Landmarks, AreHostAndPortOrAUrl) {
    const auto read = [](std::string_view text) {
        const auto landmark = parse_landmark(text);
        return landmark ? landmark->host + " " + std::to_string(landmark->port) : "none";
    };
    EXPECT_EQ(read("example.com:443"), "example.com 443");
    EXPECT_EQ(read("192.0.2.1:53"), "192.0.2.1 53");
    EXPECT_EQ(read("[2001:db8::1]:53"), "2001:db8::1 53");
    EXPECT_EQ(read("https://example.com/status"), "example.com 443");
    EXPECT_EQ(read("http://[::1]:8080"), "::1 8080");
    for (const auto* bad : {"",
                            "example.com",
                            "example.com:",
                            ":53",
                            "example.com:0",
                            "example.com:65536",
                            "example.com:http",
                            "2001:db8::1:53",
                            "[::1]",
                            "a b:1",
                            "ftp://example.com",
                            "https://",
                            "user@host:1"})
        EXPECT_EQ(read(bad), "none") << bad;
}

}  // namespace
}  // namespace quorate::agent
