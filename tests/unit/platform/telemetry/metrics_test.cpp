#include "platform/telemetry/metrics.hpp"

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quorate {
namespace {

using testing::HasSubstr;

TEST(Metrics, TheExpositionShowsEverySeriesWithHelpAndType) {
    Metrics metrics;
    const auto probes =
        metrics.counters("quorate_agent_probes_total", "Probes by verdict.", {"verdict", "region"});
    probes.with({"UP", "eu-west"}).add(3);
    probes.with({"FAIL", "eu-west"}).add();
    probes.with({"UP", "eu-west"}).add();
    metrics.gauge("quorate_agent_running_probes", "Probes now.").set(7);
    const auto seconds =
        metrics.histogram("quorate_agent_probe_seconds", "Length of a probe.", {0.1, 1});
    seconds.observe(0.5);
    const auto text = metrics.exposition();
    EXPECT_THAT(text, HasSubstr("# HELP quorate_agent_probes_total Probes by verdict.\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE quorate_agent_probes_total counter\n"));
    EXPECT_THAT(text,
                HasSubstr("quorate_agent_probes_total{region=\"eu-west\",verdict=\"UP\"} 4\n"));
    EXPECT_THAT(text,
                HasSubstr("quorate_agent_probes_total{region=\"eu-west\",verdict=\"FAIL\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("quorate_agent_running_probes 7\n"));
    EXPECT_THAT(text, HasSubstr("quorate_agent_probe_seconds_bucket{le=\"0.1\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("quorate_agent_probe_seconds_bucket{le=\"1\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("quorate_agent_probe_seconds_count 1\n"));
}

TEST(Metrics, NamesAreOursAndDeclaredOnce) {
    Metrics metrics;
    metrics.gauge("quorate_depth", "d");
    EXPECT_THROW(metrics.gauge("quorate_depth", "d"), std::invalid_argument);
    EXPECT_THROW(metrics.gauge("depth", "d"), std::invalid_argument);
    EXPECT_THROW(metrics.gauge("quorate_Depth", "d"), std::invalid_argument);
    EXPECT_THROW(metrics.counter("quorate_jobs", "d"), std::invalid_argument);
    EXPECT_THROW(metrics.histogram("quorate_seconds", "d", {}), std::invalid_argument);
    EXPECT_THROW(metrics.histogram("quorate_seconds", "d", {2, 1}), std::invalid_argument);
}

TEST(Metrics, AWrongNumberOfLabelValuesIsRefused) {
    Metrics metrics;
    const auto jobs = metrics.counters("quorate_jobs_total", "Jobs.", {"region"});
    EXPECT_THROW(jobs.with({}), std::invalid_argument);
    EXPECT_THROW(jobs.with({"a", "b"}), std::invalid_argument);
}

TEST(Metrics, LabelValuesBeyondTheBoundAreCountedAsOther) {
    Metrics metrics;
    const auto jobs = metrics.counters("quorate_jobs_total", "Jobs.", {"region"});
    const auto excess = 50U;
    for (std::size_t i = 0; i < MetricFamily<Counter>::kSeriesMax + excess; ++i)
        jobs.with({"region-" + std::to_string(i)}).add();
    EXPECT_EQ(jobs.with({"other"}).value(), excess);
    EXPECT_EQ(jobs.with({"region-0"}).value(), 1);
}

TEST(Metrics, GaugesThatAreReadAreRefreshedBeforeEachExposition) {
    Metrics metrics;
    const auto depth = metrics.gauge("quorate_depth", "Depth.");
    int looks = 0;
    metrics.on_exposition([&] { depth.set(++looks); });
    EXPECT_THAT(metrics.exposition(), HasSubstr("quorate_depth 1\n"));
    EXPECT_THAT(metrics.exposition(), HasSubstr("quorate_depth 2\n"));
}

TEST(Metrics, ThreadsCountIntoOneSeriesWhileItIsExposed) {
    Metrics metrics;
    const auto jobs = metrics.counters("quorate_jobs_total", "Jobs.", {"region"});
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int round = 0; round < 1000; ++round)
                    jobs.with({"eu-west"}).add();
            });
        for (int round = 0; round < 10; ++round)
            metrics.exposition();
    }
    EXPECT_EQ(jobs.with({"eu-west"}).value(), 4000);
}

}  // namespace
}  // namespace quorate
