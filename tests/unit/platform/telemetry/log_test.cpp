#include "platform/telemetry/log.hpp"

#include <limits>
#include <sstream>
#include <thread>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

namespace quorate {
namespace {

class FixedClock final : public Clock {
public:
    explicit FixedClock(UtcTime time) : time_{time} {}
    UtcTime utc_now() const override { return time_; }
    SteadyTime steady_now() const override { return {}; }

private:
    UtcTime time_;
};

const UtcTime kNow = *parse_rfc3339("2026-11-20T12:46:05.250Z");

/// A logger whose lines can be read.
struct Fixture {
    explicit Fixture(LogLevel level, UtcTime now = kNow)
        : clock{now},
          log{"agent", level, clock, std::make_shared<spdlog::sinks::ostream_sink_mt>(text)} {}
    std::ostringstream text;
    FixedClock clock;
    Logger log;
};

TEST(Log, ALineIsAnObjectWithStampLevelEventComponentAndFields) {
    Fixture fixture{LogLevel::debug};
    const std::string region = "eu-west";
    log_event(fixture.log,
              LogLevel::info,
              "probe.finished",
              kv("endpoint_id", EndpointId{42}),
              kv("region", region),
              kv("minute", UtcMinute::containing(kNow, Window::minute())),
              kv("attempts", 2),
              kv("elapsed_ms", microseconds{1999}),
              kv("ratio", 0.5),
              kv("late", false),
              kv("verdict", "UP"));
    EXPECT_EQ(fixture.text.str(),
              R"({"ts":"2026-11-20T12:46:05.250Z","level":"info","event":"probe.finished",)"
              R"("component":"agent","endpoint_id":42,"region":"eu-west",)"
              R"("minute":"2026-11-20T12:46:00Z","attempts":2,"elapsed_ms":1,"ratio":0.5,)"
              R"("late":false,"verdict":"UP"})"
              "\n");
}

TEST(Log, TheStampAlwaysShowsMilliseconds) {
    Fixture fixture{LogLevel::debug, *parse_rfc3339("2026-11-20T12:46:05Z") + microseconds{7}};
    log_event(fixture.log, LogLevel::error, "store.lost");
    EXPECT_EQ(fixture.text.str(),
              R"({"ts":"2026-11-20T12:46:05.000Z","level":"error","event":"store.lost",)"
              R"("component":"agent"})"
              "\n");
}

TEST(Log, TextThatHoldsQuotesBracesAndNewLinesStaysOneLineOfJson) {
    Fixture fixture{LogLevel::debug};
    const std::string nasty = "a\"b\\c\n{} {0} %s \xFF";
    log_event(fixture.log, LogLevel::warn, "peer.refused", kv("detail", nasty));
    const auto text = fixture.text.str();
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    const auto line = boost::json::parse(text).as_object();
    EXPECT_EQ(line.at("detail").as_string(), "a\"b\\c\n{} {0} %s \uFFFD");
}

TEST(Log, LongTextIsCut) {
    Fixture fixture{LogLevel::debug};
    log_event(fixture.log, LogLevel::info, "peer.spoke", kv("detail", std::string(100'000, 'x')));
    EXPECT_LT(fixture.text.str().size(), Logger::kTextMax + 200);
}

TEST(Log, NumbersThatJsonLacksAreNull) {
    Fixture fixture{LogLevel::debug};
    log_event(fixture.log,
              LogLevel::info,
              "ratio.computed",
              kv("ratio", std::numeric_limits<double>::quiet_NaN()),
              kv("largest", std::numeric_limits<std::uint64_t>::max()));
    const auto line = boost::json::parse(fixture.text.str()).as_object();
    EXPECT_TRUE(line.at("ratio").is_null());
    EXPECT_EQ(line.at("largest").as_uint64(), std::numeric_limits<std::uint64_t>::max());
}

TEST(Log, LinesBelowTheLevelAreNotWrittenAndTheLevelMayChange) {
    Fixture fixture{LogLevel::warn};
    EXPECT_FALSE(fixture.log.enabled(LogLevel::info));
    log_event(fixture.log, LogLevel::info, "agent.started");
    EXPECT_EQ(fixture.text.str(), "");
    fixture.log.set_level(log_level("info"));
    log_event(fixture.log, LogLevel::info, "agent.started");
    EXPECT_NE(fixture.text.str(), "");
    EXPECT_THROW(log_level("loud"), std::invalid_argument);
}

TEST(Log, ThreadsWriteWholeLines) {
    Fixture fixture{LogLevel::debug};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&fixture, i] {
                for (int round = 0; round < 200; ++round)
                    log_event(fixture.log, LogLevel::info, "thread.spoke", kv("thread", i));
            });
    }
    std::istringstream lines{fixture.text.str()};
    std::string line;
    int count = 0;
    for (; std::getline(lines, line); ++count)
        EXPECT_EQ(boost::json::parse(line).as_object().at("event").as_string(), "thread.spoke");
    EXPECT_EQ(count, 800);
}

}  // namespace
}  // namespace quorate
