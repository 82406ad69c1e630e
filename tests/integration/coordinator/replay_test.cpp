// Stored minutes through the rule again.
#include <gtest/gtest.h>

#include "coordinator/catalog/reports.hpp"
#include "tests/integration/coordinator/sealed_minutes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::packed;
using quorate::testing::store_minute;
using std::chrono::hours;
using std::chrono::seconds;

struct Replayed : Catalogued {
    explicit Replayed(seconds window, const std::string& rest = "") : Catalogued{window} {
        SystemClock system;
        clock.now = std::chrono::floor<hours>(system.utc_now());
        apply("endpoints:\n  - {name: a, url: 'http://h/a'" + rest +
              "}\n  - {name: b, url: 'http://h/b'" + rest + "}\n");
        first = UtcMinute::containing(clock.now, deployment.window);
    }
    UtcMinute minute(std::int64_t n) const { return first.plus(n, deployment.window); }
    std::int64_t us(std::int64_t n) const {
        return UtcTime{minute(n).start()}.time_since_epoch().count();
    }
    void store(std::int64_t n, bool down) const {
        std::vector<PackedCell> cells;
        for (std::uint64_t region = 1; region <= 3; ++region)
            cells.push_back(packed(region,
                                   down ? Verdict::fail : Verdict::up,
                                   down ? RegionPhase::failing : RegionPhase::healthy));
        store_minute(*this,
                     "a",
                     minute(n),
                     down ? Decision::p1 : Decision::ok,
                     down ? Scope::global : Scope::none,
                     down ? 3 : 8,
                     cells);
    }
    /// The incident that these minutes made, as the archiver stores it.
    void store_incident(std::int64_t opened, std::int64_t closed, int started_after_ms) const {
        const auto at = [this](std::int64_t n) { return "'" + to_rfc3339(minute(n)) + "'"; };
        sql("INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity,"
            " worst_severity, scope, started_at, detected_at, closed_at, regions) SELECT id, 1,"
            " tenant, name, 1, 1, 1, " +
            at(opened) + "::timestamptz + interval '" + std::to_string(started_after_ms) +
            " ms', " + at(opened + 1) + ", " + at(closed + 1) +
            ", '{}' FROM quorate.endpoint WHERE name = 'a';"
            "INSERT INTO quorate.incident_event (incident_id, at, minute, kind, to_severity,"
            " scope, rule_row, detail, inputs) SELECT id, detected_at, " +
            at(opened) + ", 'opened', 1, 1, 3, '', '{}' FROM quorate.incident");
    }
    v1::ReplayResponse replayed(v1::ReplayRequest request) const {
        return database->transact_blocking([&](auto& work) {
            work.exec("SET LOCAL ROLE quorate_coordinator");
            return replay(work, request, deployment.window);
        });
    }
    v1::ReplayRequest request(std::int64_t from, std::int64_t to) const {
        v1::ReplayRequest request;
        request.set_from_us(us(from));
        request.set_to_us(us(to));
        return request;
    }
    UtcMinute first;
};

TEST(Replay, KnowsAnIncidentByTheMinuteThatOpenedIt) {
    const Replayed lab{seconds{60}};
    for (int n = 0; n < 10; ++n)
        lab.store(n, n == 4);
    // It was stored with a start that is another one, as versions of before did where it opened
    // before the seal.
    lab.store_incident(4, 6, 1700);
    const auto found = lab.replayed(lab.request(0, 10));
    ASSERT_EQ(found.incidents_size(), 1) << found.DebugString();
    EXPECT_EQ(found.incidents(0).stored_id(), 1U);
    EXPECT_EQ(found.incidents(0).opened_minute_us(), lab.us(4));
    EXPECT_FALSE(found.incidents(0).only_stored());
}

TEST(Replay, BeginsBeforeAnIncidentThatMayBeReopenedHoweverLongTheInterval) {
    const Replayed lab{seconds{60}, ", interval: 15m"};
    // It closes with minute 180; its 10 expected windows reach to minute 330, and from 300 on it
    // fails again. The 120 windows before the span do not reach back to it.
    for (int n = 0; n < 40; ++n)
        lab.store(15 * n, n == 10 || n == 20);
    lab.store_incident(150, 180, 1500);
    const auto found = lab.replayed(lab.request(180 + 110, 600));
    EXPECT_EQ(found.incidents_size(), 0) << "it is the same one: " << found.DebugString();
}

TEST(Replay, APageEndsWithTheEndpointThatHadVeryManyMinutes) {
    const Replayed lab{seconds{2}};
    lab.store(0, false);
    lab.sql(
        "SELECT quorate.make_minute_partitions();"
        "INSERT INTO quorate.minute SELECT m.minute - n * interval '2 s', m.batch_id, e.id, 0, 0, "
        "8,"
        " 1, 0, m.cells, NULL FROM quorate.minute m, quorate.endpoint e,"
        " generate_series(1, 60000) n");
    auto request = lab.request(-60'000, 0);
    const auto one = lab.replayed(request);
    EXPECT_EQ(one.minutes(), 60'000U);
    ASSERT_EQ(one.next_page_token(), "default/a");
    request.set_page_token(one.next_page_token());
    const auto other = lab.replayed(request);
    EXPECT_EQ(other.minutes(), 60'000U);
    request.set_page_token(other.next_page_token());
    if (!request.page_token().empty()) {
        EXPECT_EQ(lab.replayed(request).minutes(), 0U);
    }
}

TEST(Replay, TakesUpAVeryOldIncidentUnderWay) {
    const Replayed lab{seconds{2}};
    lab.store(0, true);
    lab.sql(
        "SELECT quorate.make_minute_partitions();"
        "INSERT INTO quorate.minute SELECT m.minute - n * interval '2 s', m.batch_id, "
        "m.endpoint_id,"
        " 1, 1, 3, 1, 1, m.cells, NULL FROM quorate.minute m, generate_series(1, 20000) n");
    lab.store_incident(-20'000, 100, 1500);
    const auto found = lab.replayed(lab.request(-10, 1));
    EXPECT_EQ(found.minutes(), 10'011U);
    EXPECT_EQ(found.incidents_size(), 0) << found.DebugString();
}

}  // namespace
}  // namespace quorate::coordinator
