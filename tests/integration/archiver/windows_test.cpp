// Maintenance windows and silences, from their rows to what is stored of the minutes in them.
#include <chrono>
#include <csignal>

#include <gtest/gtest.h>

#include "platform/runtime/clock.hpp"
#include "platform/runtime/sleep.hpp"
#include "tests/integration/archiver/archiver_process.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using testing::ArchiverProcess;
using testing::eventually;
using testing::World;

constexpr auto kMatchSearch = R"([{"tenant":"acme","endpoint":"search"}])";

/// A row of `table`, in force from `valid_from` on. @param when starts_at, ends_at and, where it
/// recurs, rrule, zone, first_day, start_of_day and duration_s, as SQL
void add(const World& world,
         const std::string& table,
         const std::string& matchers,
         UtcMinute valid_from,
         const std::string& when) {
    world.sql("INSERT INTO quorate." + table +
              " (matchers, reason, owner, created_by, valid_from, starts_at, ends_at, rrule, zone,"
              " first_day, start_of_day, duration_s) SELECT '" +
              matchers + "', 'upgrade', 'team', 'test', '" + to_rfc3339(valid_from) +
              "'::timestamptz, " + when);
}

std::string once(UtcMinute from, UtcMinute to) {
    return "'" + to_rfc3339(from) + "', '" + to_rfc3339(to) +
           "'::timestamptz, NULL, NULL, NULL::date, NULL::time, NULL::integer";
}

TEST(Windows, MinutesInMaintenanceAreStoredAsMaintAndLeaveUptimeAlone) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(-5);
    const auto search = world.endpoint("search", regions, first);
    const auto other = world.endpoint("other", regions, first);
    const auto minute = [&](int number) { return first.plus(number, world.window); };
    add(world, "maintenance", kMatchSearch, first, once(minute(1), minute(3)));
    // Made known too late for the minutes that it names, and ended before it began.
    add(world, "maintenance", R"([{"tenant":"acme"}])", world.minute(9), once(first, minute(9)));
    world.sql(
        "UPDATE quorate.maintenance SET valid_to = valid_from, ended_at = now(),"
        " ended_by = 'x' WHERE id = 2");
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < 4; ++i) {
            const std::string cells = i == 1 || i == 2 ? "FFF" : "...";
            co_await world.record(client, search, minute(i), cells);
            co_await world.record(client, other, minute(i), "...");
        }
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT endpoint, string_agg(decision || ':' || rule_row || ':' || cells_maint, ' '"
            " ORDER BY minute) FROM (SELECT * FROM dash.minute ORDER BY minute LIMIT 8) m"
            " GROUP BY 1 ORDER BY 1",
            "other|OK:8:0 OK:8:0 OK:8:0 OK:8:0\nsearch|OK:8:0 MAINT:0:3 MAINT:0:3 OK:8:0");
    });
    EXPECT_EQ(world.sql("SELECT DISTINCT c.own_verdict, c.reason IS NOT NULL, m.uptime_use"
                        " FROM quorate.minute m CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c"
                        " WHERE c.verdict = 6"),
              "5|t|2");
    EXPECT_EQ(world.sql("SELECT count(*) FROM dash.incident"), "0");
}

TEST(Windows, TheStateOfAnEndpointIsMaintWhileItsLastMinuteIs) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto first = world.minute(-3);
    const auto search = world.endpoint("search", regions, first);
    add(world, "maintenance", kMatchSearch, first, once(first, world.minute(60)));
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await world.record(client, search, first, "FF");
        co_await world.record(client, search, first.plus(1, world.window), "FF");
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT state FROM dash.endpoint_status", "MAINT");
    });
}

TEST(Windows, ARuleHoldsByTheWallClockOfItsZoneAndOfThoseWhoseLabelsMatch) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto first = world.minute(-3);
    const auto search = world.endpoint("search", regions, first);
    const auto other = world.endpoint("other", regions, first);
    world.sql(
        "UPDATE quorate.endpoint_version SET spec = spec || '{\"labels\": {\"team\": \"a\"}}'"
        " WHERE endpoint_id = " +
        std::to_string(search.value()));
    // Every day at the time that it is in Kathmandu in the second minute, for one minute.
    const auto second = "'" + to_rfc3339(first.plus(1, world.window)) + "'::timestamptz";
    add(world,
        "maintenance",
        R"([{"labels":{"team":"a"}}])",
        first,
        second +
            ", NULL::timestamptz, 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU', 'Asia/Kathmandu',"
            " '2026-01-01'::date, (" +
            second + " AT TIME ZONE 'Asia/Kathmandu')::time, 60");
    // A zone that nobody knows, which must not hold anything up.
    add(world,
        "silence",
        R"([{"tenant":"acme"}])",
        first,
        second +
            ", NULL::timestamptz, 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU', 'Mars/Olympus',"
            " '2026-01-01'::date, '00:00'::time, 86400");
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < 3; ++i) {
            co_await world.record(client, search, first.plus(i, world.window), "..");
            co_await world.record(client, other, first.plus(i, world.window), "..");
        }
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT endpoint, string_agg(decision, ' ' ORDER BY minute)"
            " FROM (SELECT * FROM dash.minute ORDER BY minute LIMIT 6) m GROUP BY 1 ORDER BY 1",
            "other|OK OK OK\nsearch|OK MAINT OK");
    });
}

TEST(Windows, ASilenceMarksIncidentAndOutboxAndTheChangeIsToldAfterIt) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(-6);
    const auto search = world.endpoint("search", regions, first);
    const auto minute = [&](int number) { return first.plus(number, world.window); };
    add(world, "silence", kMatchSearch, first, once(first, minute(2)));
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < 3; ++i)
            co_await world.record(client, search, minute(i), "FFF");
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT decision, count(*) FROM (SELECT * FROM dash.minute ORDER BY minute LIMIT 3) m"
            " GROUP BY 1",
            "P1|3");
    });
    EXPECT_EQ(world.sql("SELECT payload->>'kind', payload->>'silenced_by', payload->>'detail' LIKE"
                        " 'changed while nobody was told' FROM quorate.outbox"
                        " WHERE payload->>'kind' = 'opened' ORDER BY 2"),
              "opened|1|f\nopened||t");
    EXPECT_EQ(world.sql("SELECT severity, marks FROM dash.incident"), "P1|{silenced}");
    EXPECT_EQ(world.sql("SELECT notified_at IS NULL FROM quorate.incident"), "f");
}

TEST(Windows, ANoticeThatClosesInASilenceIsMarkedAndToldAfterIt) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto first = world.minute(-6);
    const auto search = world.endpoint("search", regions, first);
    const auto minute = [&](int number) { return first.plus(number, world.window); };
    add(world, "silence", kMatchSearch, first, once(minute(1), minute(3)));
    world.without_archiver([&](RedisClient& client) -> Task<> {
        int number = 0;
        for (const std::string symbols : {"AA", "..", "..", ".."})
            co_await world.record(client, search, minute(number++), symbols);
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT string_agg((payload->>'kind') || ':' ||"
            " coalesce(payload->>'silenced_by', '-'), ' ' ORDER BY"
            " payload->>'minute') FROM quorate.outbox"
            " WHERE payload->>'notice' = 'auth'",
            "opened:- closed:1 closed:-");
    });
    EXPECT_EQ(world.sql("SELECT count(DISTINCT payload->>'notice_id') FROM quorate.outbox"
                        " WHERE payload->>'notice' = 'auth'"),
              "1")
        << "of the same notice";
}

TEST(Windows, AMinuteThatIsCompleteBeforeItBeginsWaitsForWhatIsOrderedUntilThen) {
    World world{*Window::of(std::chrono::seconds{10})};
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto first = world.minute(2);
    const auto search = world.endpoint("search", regions, first);
    world.without_archiver(
        [&](RedisClient& client) -> Task<> { co_await world.record(client, search, first, "FF"); });
    world.with_archiver([&](RedisClient&, ArchiverApp& app) -> Task<> {
        const auto held = [&]() -> Task<bool> {
            const auto page = co_await World::http_get(app.health_port(), "/metrics");
            co_return page.find("quorate_archiver_held_announcements 1") != std::string::npos;
        };
        const bool is_held = co_await eventually(held);
        EXPECT_TRUE(is_held) << "sealed by a catalogue that was read before it began";
        add(world, "maintenance", kMatchSearch, first, once(first, first.plus(1, world.window)));
        co_await world.expect_sql("SELECT decision FROM dash.minute ORDER BY minute LIMIT 1",
                                  "MAINT");
    });
}

TEST(Windows, NoP1OpensEarlyByACatalogueThatWasReadBeforeTheMinuteBegan) {
    World world{*Window::of(std::chrono::seconds{10})};
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(1);
    const auto second = first.plus(1, world.window);
    const auto search = world.endpoint("search", regions, first);
    const SystemClock clock;
    ArchiverProcess archiver{world};
    archiver.start_and_stop_at(SealStep::committed, 2, SIGSTOP);
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await world.record(client, search, first, "FF.");
        const auto stopped = [&]() -> Task<bool> { co_return archiver.stopped(); };
        const bool asleep = co_await eventually(stopped);
        EXPECT_TRUE(asleep);
        // Its step has sealed the first minute, and goes on in the second.
        add(world, "maintenance", kMatchSearch, second, once(second, second.plus(1, world.window)));
        co_await world.record(client, search, second, "FFu");
        const UtcTime begins = second.start();
        co_await sleep_until(clock, begins);
        archiver.resume();
        co_await world.expect_sql(
            "SELECT decision FROM dash.minute ORDER BY minute OFFSET 1 LIMIT 1", "MAINT");
    });
    archiver.kill();
    EXPECT_EQ(world.sql("SELECT count(*) FROM dash.incident"), "0");
}

TEST(Windows, WhatIsLongOverGoesAndTheRestStays) {
    World world;
    for (const std::string table : {"maintenance", "silence"}) {
        for (const std::string ends : {"now() - interval '731 days'", "now()", "NULL"})
            add(world,
                table,
                kMatchSearch,
                world.minute(0),
                "now() - interval '800 days', (" + ends +
                    ")::timestamptz, 'FREQ=WEEKLY;BYDAY=MO', 'UTC', '2020-01-01'::date,"
                    " '00:00'::time, 60");
        add(world, table, kMatchSearch, world.minute(0), once(world.minute(0), world.minute(9)));
        world.sql("UPDATE quorate." + table +
                  " SET valid_to = now() - interval '731 days', ended_at = now(), ended_by = 'x'"
                  " WHERE id = 4");
    }
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        for (const std::string table : {"maintenance", "silence"})
            co_await world.expect_sql(
                "SELECT string_agg(id::text, ',' ORDER BY id) FROM quorate." + table, "2,3");
    });
}

}  // namespace
}  // namespace quorate
