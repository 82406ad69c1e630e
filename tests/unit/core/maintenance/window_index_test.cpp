#include "core/maintenance/window_index.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace quorate {
namespace {

using std::chrono::seconds;

UtcMinute minute(std::int64_t number) {
    return UtcMinute::from_epoch_ms(1'800'000'000'000).plus(number, Window::minute());
}

PlannedWindow window(std::uint64_t id, std::vector<EndpointMatcher> matchers) {
    PlannedWindow made;
    made.id = id;
    made.matchers = std::move(matchers);
    made.start = minute(0).start();
    made.end = minute(10).start();
    made.valid_from = minute(0);
    return made;
}

std::uint64_t id_of(const PlannedWindow* window) {
    return window == nullptr ? 0 : window->id;
}

/// As the index is not to be: each window against the endpoint.
std::uint64_t first_of_all(const PlannedWindows& windows,
                           const std::string& tenant,
                           const std::string& endpoint,
                           const Labels& labels) {
    std::uint64_t first = 0;
    for (const auto& each : windows)
        if (matches(*each, tenant, endpoint, labels) && (first == 0 || each->id < first))
            first = each->id;
    return first;
}

TEST(WindowIndex, FindsWhatHoldingEachWindowAgainstTheEndpointFinds) {
    const std::uint32_t seed = 20261130;
    std::mt19937 random{seed};
    SCOPED_TRACE(seed);
    const auto any_of = [&random](const std::vector<std::string>& texts) {
        return texts[random() % texts.size()];
    };
    const auto labels_of = [&] {
        Labels labels;
        for (const auto* key : {"team", "tier"})
            if (random() % 2 == 0) labels[key] = any_of({"a", "b"});
        return labels;
    };
    int found = 0;
    for (int round = 0; round < 200; ++round) {
        PlannedWindows windows;
        for (std::uint64_t id = 1; id <= random() % 8; ++id) {
            std::vector<EndpointMatcher> matchers;
            for (std::uint32_t i = 0; i <= random() % 3; ++i) {
                EndpointMatcher matcher{
                    any_of({"", "acme", "other"}), any_of({"", "search", "x"}), labels_of()};
                if (matcher != EndpointMatcher{}) matchers.push_back(std::move(matcher));
            }
            windows.push_back(
                std::make_shared<const PlannedWindow>(window(id, std::move(matchers))));
        }
        std::ranges::shuffle(windows, random);
        const WindowIndex index{windows};
        for (int i = 0; i < 20; ++i) {
            const auto tenant = any_of({"acme", "other", "third"});
            const auto endpoint = any_of({"search", "x", "y"});
            const auto labels = labels_of();
            const auto expected = first_of_all(windows, tenant, endpoint, labels);
            EXPECT_EQ(id_of(index.first_match(tenant, endpoint, labels)), expected);
            found += expected != 0 ? 1 : 0;
        }
    }
    EXPECT_GT(found, 500);
}

TEST(WindowCalendar, AsksAWallClockOnceAMinuteHoweverManyEndpointsThereAre) {
    int asked = 0;
    auto weekly = window(3, {{"acme", "", {}}});
    weekly.weekly = WeeklyRule{};
    for (unsigned day = 1; day <= 7; ++day)
        weekly.weekly->days.add(std::chrono::weekday{day});
    weekly.weekly->duration = std::chrono::hours{1};
    weekly.clock = [&asked](std::chrono::local_seconds time) {
        ++asked;
        return UtcTime{time.time_since_epoch()};
    };
    const WindowCalendar calendar{{std::make_shared<const PlannedWindow>(weekly)}, seconds{60}};
    const auto first = calendar.first(minute(0), "acme", "e0", {});
    const int once = asked;
    EXPECT_GT(once, 0);
    for (int i = 0; i < 1000; ++i)
        EXPECT_EQ(calendar.first(minute(0), "acme", "e" + std::to_string(i), {}), first);
    EXPECT_EQ(asked, once);
}

TEST(WindowCalendar, OfSeveralThatHoldTheOneWithTheSmallestIdIsNamed) {
    PlannedWindows all;
    for (const std::uint64_t id : {7U, 3U, 5U}) {
        auto each = window(id, {{"acme", "", {}}});
        if (id == 3) each.end = minute(1).start();
        all.push_back(std::make_shared<const PlannedWindow>(std::move(each)));
    }
    const WindowCalendar calendar{all, seconds{60}};
    EXPECT_EQ(id_of(calendar.first(minute(0), "acme", "x", {})), 3U);
    EXPECT_EQ(id_of(calendar.first(minute(1), "acme", "x", {})), 5U);
    EXPECT_EQ(id_of(calendar.first(minute(1), "other", "x", {})), 0U);
    EXPECT_EQ(id_of(calendar.first(minute(11), "acme", "x", {})), 0U);
    for (int i = 0; i < 200; ++i)  // more than it remembers
        EXPECT_EQ(id_of(calendar.first(minute(i), "acme", "x", {})),
                  i == 0   ? 3U
                  : i < 10 ? 5U
                           : 0U);
    EXPECT_EQ(id_of(calendar.first(minute(0), "acme", "x", {})), 3U);
}

}  // namespace
}  // namespace quorate
