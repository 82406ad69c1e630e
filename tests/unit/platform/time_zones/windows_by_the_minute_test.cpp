// Rules against a reference that walks through time minute by minute, looking at the clock on the
// wall.
#include <random>

#include <gtest/gtest.h>

#include "core/maintenance/weekly_rule.hpp"
#include "platform/time_zones/time_zones.hpp"

namespace quorate {
namespace {

namespace chrono = std::chrono;
using chrono::days;
using chrono::hours;
using chrono::minutes;
using LocalMinute = chrono::local_time<minutes>;

constexpr std::array kZones{"Europe/Berlin",
                            "America/New_York",
                            "Australia/Lord_Howe",  // by half an hour
                            "Asia/Kathmandu",
                            "Pacific/Apia",
                            "UTC"};

/// Whether someone who begins on the rule's days, when the clock first shows the time, is at work.
class Walk {
public:
    Walk(const WeeklyRule& rule, const TimeZone& zone) : rule_{rule}, zone_{zone} {}

    /// @param now a minute after that of the last call
    bool step(UtcTime now) {
        const auto shown = chrono::floor<minutes>(zone_.local_of(now));
        // What the clock has reached since, in order: one minute, a gap of many, or none where it
        // went back and shows what it has shown already.
        if (latest_ == LocalMinute{}) latest_ = shown - minutes{1};
        const auto before = latest_;
        for (auto each = before + minutes{1}; each <= shown; each += minutes{1}) {
            // A skipped minute is begun when as much time has passed since the last one shown.
            const auto skipped = each == shown ? minutes{0} : each - before - minutes{1};
            if (begins_at(each)) begun_.push_back(now + skipped);
            latest_ = each;
        }
        bool working = false;
        for (const auto start : begun_)
            working = working || (start <= now && now < start + rule_.duration);
        return working;
    }

private:
    bool begins_at(LocalMinute local) const {
        const auto day = chrono::floor<days>(local);
        if (local - day != rule_.start_of_day || day < rule_.first_day) return false;
        if (!rule_.days.has(chrono::weekday{day})) return false;
        auto monday = rule_.first_day;
        while (chrono::weekday{monday} != chrono::Monday)
            monday -= days{1};
        std::uint32_t week = 0;
        for (; monday + days{7} <= day; monday += days{7})
            ++week;
        return week % rule_.interval == 0;
    }

    const WeeklyRule& rule_;
    const TimeZone& zone_;
    LocalMinute latest_{};
    std::vector<UtcTime> begun_;
};

TEST(WindowsByTheMinute, ARuleHoldsInTheMinutesThatAWalkFinds) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    const auto below = [&random](int n) {
        return static_cast<int>(random() % static_cast<unsigned>(n));
    };
    // Around the changes of spring and autumn, here and on the other half of the globe.
    const std::array around{*parse_rfc3339("2026-03-08T00:00:00Z"),
                            *parse_rfc3339("2026-03-29T00:00:00Z"),
                            *parse_rfc3339("2026-04-05T00:00:00Z"),
                            *parse_rfc3339("2026-10-04T00:00:00Z"),
                            *parse_rfc3339("2026-10-25T00:00:00Z"),
                            *parse_rfc3339("2026-11-01T00:00:00Z"),
                            *parse_rfc3339("2011-12-30T00:00:00Z")};
    for (int round = 0; round < 60; ++round) {
        const auto zone = find_time_zone(kZones.at(static_cast<std::size_t>(below(kZones.size()))));
        ASSERT_TRUE(zone);
        const auto middle = around.at(static_cast<std::size_t>(below(around.size())));
        WeeklyRule rule;
        do {
            const chrono::weekday day{static_cast<unsigned>(below(7))};
            rule.days.add(day);
        } while (below(3) != 0);
        rule.interval = static_cast<std::uint32_t>(1 + below(2));
        rule.first_day = chrono::local_days{chrono::floor<days>(middle).time_since_epoch()} -
                         days{below(10)} + days{below(3)};
        rule.start_of_day = minutes{below(2) == 0 ? 15 * below(16) : below(24 * 60)};
        rule.duration = minutes{1 + below(below(2) == 0 ? 90 : 3000)};
        Walk walk{rule, *zone};
        const auto from = middle - days{14};
        for (auto now = from; now < middle + days{5}; now += minutes{1}) {
            const bool wanted = walk.step(now);
            ASSERT_EQ(overlaps(rule, zone->utc_of, now, now + minutes{1}), wanted)
                << to_rfc3339(now) << ' ' << rrule_text(rule) << " at "
                << time_of_day_text(rule.start_of_day) << " from " << local_day_text(rule.first_day)
                << " for " << rule.duration.count() << " s";
        }
    }
}

}  // namespace
}  // namespace quorate
