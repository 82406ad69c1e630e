#include "coordinator/catalog/reports.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "core/incident/state_codec.hpp"
#include "core/notice/notice_codec.hpp"
#include "tests/integration/coordinator/running_app.hpp"
#include "tests/integration/coordinator/sealed_minutes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Call;
using quorate::testing::Catalogued;
using quorate::testing::config_for;
using quorate::testing::packed;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;
using quorate::testing::store_minute;
using std::chrono::seconds;

/// A fleet whose minutes begin today, where partitions are.
struct Sealed : Catalogued {
    Sealed() : Catalogued{seconds{60}} {
        SystemClock system;
        clock.now = system.utc_now();
        apply(
            "endpoints:\n  - {name: a, url: 'http://h/a'}\n"
            "  - {name: b, url: 'http://h/b', tenant: acme, p1_quorum: all}\n");
        first = UtcMinute::containing(clock.now, deployment.window).plus(2, deployment.window);
    }
    UtcMinute minute(int n) const { return first.plus(n, deployment.window); }
    UtcMinute first;
};

/// Cells of the three regions (1 us-east, 2 eu-west, 3 ap-south), one letter each: F failing, S
/// suspect, u unknown, . healthy.
std::vector<PackedCell> cells(const std::string& letters) {
    std::vector<PackedCell> out;
    std::uint64_t region = 0;
    for (const char letter : letters) {
        ++region;
        if (letter == 'F') out.push_back(packed(region, Verdict::fail, RegionPhase::failing));
        if (letter == 'S') out.push_back(packed(region, Verdict::fail, RegionPhase::suspect));
        if (letter == 'u') out.push_back(packed(region, Verdict::unknown, RegionPhase::healthy));
        if (letter == '.') out.push_back(packed(region, Verdict::up, RegionPhase::healthy));
    }
    return out;
}

template <class Repeated>
std::vector<std::string> texts(const Repeated& repeated) {
    return {repeated.begin(), repeated.end()};
}

TEST(Explain, ShowsCellsSetsAndTheRuleInWords) {
    Sealed lab;
    store_minute(lab,
                 "a",
                 lab.minute(0),
                 Decision::p1,
                 Scope::partial,
                 4,
                 cells("FF."),
                 R"({"1": {"agent": "us-1", "detail": "connection refused"}})");
    v1::ExplainRequest request;
    request.set_endpoint("a");
    const auto out = lab.database->transact_blocking(
        [&](auto& work) { return explain(work, request, lab.deployment.window); });
    EXPECT_EQ(out.tenant(), "default");
    EXPECT_EQ(out.decision(), "P1");
    EXPECT_EQ(out.scope(), "partial");
    EXPECT_EQ(out.rule_row(), 4U);
    EXPECT_EQ(out.rule_text(), "at least the quorum of regions is failing");
    EXPECT_EQ(out.why(),
              "2 of 3 regions (eu-west, us-east) are failing, P1 needs 2; 1 healthy "
              "[eu-west connection_refused, us-east connection_refused]");
    EXPECT_EQ(texts(out.voters()), (std::vector<std::string>{"ap-south", "eu-west", "us-east"}));
    EXPECT_EQ(texts(out.failing()), (std::vector<std::string>{"eu-west", "us-east"}));
    EXPECT_EQ(texts(out.healthy()), std::vector<std::string>{"ap-south"});
    EXPECT_EQ(out.coverage(), 1.0);
    EXPECT_EQ(out.quorum(), 2U);
    ASSERT_EQ(out.cells_size(), 3);
    EXPECT_EQ(out.cells(0).region(), "ap-south");
    EXPECT_EQ(out.cells(0).verdict(), "UP");
    EXPECT_EQ(out.cells(0).total_ms(), 12.5);
    EXPECT_FALSE(out.cells(0).has_tls_ms());
    EXPECT_EQ(out.cells(0).started_us(),
              UtcTime{lab.minute(0).start()}.time_since_epoch().count() + 1'500'000);
    EXPECT_EQ(out.cells(2).region_state(), "FAILING");
    EXPECT_EQ(out.cells(2).reason(), "connection_refused");
    EXPECT_EQ(out.cells(2).phase(), "tcp");
    EXPECT_EQ(out.cells(2).agent(), "us-1");
    EXPECT_EQ(out.cells(2).detail(), "connection refused");
}

TEST(Explain, SilenceIsNoVoteAndTheQuorumIsTheEndpoints) {
    Sealed lab;
    store_minute(lab, "b", lab.minute(0), Decision::low_visibility, Scope::none, 2, cells("Suu"));
    v1::ExplainRequest request;
    request.set_endpoint("acme/b");
    request.set_minute_us(UtcTime{lab.minute(0).start()}.time_since_epoch().count() + 30'000'000);
    const auto out = lab.database->transact_blocking(
        [&](auto& work) { return explain(work, request, lab.deployment.window); });
    EXPECT_EQ(out.decision(), "LOW_VISIBILITY");
    EXPECT_EQ(out.quorum(), 3U);
    EXPECT_EQ(texts(out.voters()), std::vector<std::string>{"us-east"});
    EXPECT_NEAR(out.coverage(), 1.0 / 3, 1e-9);
    EXPECT_EQ(out.why(),
              "1 of 3 regions (us-east) voted and us-east does not count as failing; a "
              "second witness is missing");
}

// Both minutes of the incident were sealed an hour late, after an outage of ours.
TEST(Explain, FindsTheIncidentByTheMinutesOfItsTimeline) {
    Sealed lab;
    for (int n = 0; n < 6; ++n)
        store_minute(lab, "a", lab.minute(n), Decision::ok, Scope::none, 8, cells("..."));
    lab.sql(
        "INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity,"
        " worst_severity, scope, started_at, detected_at, closed_at, regions)"
        " SELECT id, 1, tenant, name, 1, 1, 1, now(), now() + interval '1 hour',"
        " now() + interval '61 minutes', '{}' FROM quorate.endpoint WHERE name = 'a'");
    for (const auto& [n, what] : {std::pair{1, "'opened', 1"}, std::pair{4, "'closed', NULL"}})
        lab.sql(
            "INSERT INTO quorate.incident_event (incident_id, at, minute, kind, to_severity, scope,"
            " rule_row, detail, inputs) SELECT id, now() + interval '1 hour', '" +
            to_rfc3339(lab.minute(n)) + "', " + what + ", 1, 4, '', '{}' FROM quorate.incident");
    std::string with_incident;
    for (int n = 0; n < 6; ++n) {
        v1::ExplainRequest request;
        request.set_endpoint("a");
        request.set_minute_us(UtcTime{lab.minute(n).start()}.time_since_epoch().count());
        const auto out = lab.database->transact_blocking(
            [&](auto& work) { return explain(work, request, lab.deployment.window); });
        if (out.has_incident()) with_incident += std::to_string(n);
    }
    EXPECT_EQ(with_incident, "1234");
}

TEST(Explain, SaysWhatIsNotThere) {
    Sealed lab;
    const auto ask = [&](const std::string& endpoint, std::optional<UtcMinute> minute) {
        v1::ExplainRequest request;
        request.set_endpoint(endpoint);
        if (minute) request.set_minute_us(UtcTime{minute->start()}.time_since_epoch().count());
        try {
            lab.database->transact_blocking(
                [&](auto& work) { return explain(work, request, lab.deployment.window); });
        } catch (const std::exception& error) {
            return std::string{error.what()};
        }
        return std::string{};
    };
    EXPECT_EQ(ask("nobody", {}), "there is no endpoint default/nobody");
    EXPECT_EQ(ask("a b", {}), "an endpoint is named NAME or TENANT/NAME");
    EXPECT_EQ(ask("a", {}), "no minute of default/a is sealed yet");
    EXPECT_EQ(ask("acme/b", lab.minute(5)),
              "minute " + to_rfc3339(lab.minute(5)) +
                  " of acme/b is not sealed, or no probe was due in it");
}

TEST(Describe, AStripHasALetterForEachMinuteAlsoWhereARegionWasNotToLook) {
    Sealed lab;
    const auto store = [&lab](int n, const std::vector<PackedCell>& of) {
        store_minute(lab, "a", lab.minute(n), Decision::ok, Scope::none, 8, of);
    };
    store(0, cells("F."));
    store(1, cells(" .."));
    store(2, {});
    store(3, cells("..."));
    store(4, cells(" .."));
    v1::DescribeEndpointRequest request;
    request.set_endpoint("a");
    const auto out = lab.database->transact_blocking(
        [&](auto& work) { return describe_endpoint(work, request, lab.deployment.window); });
    EXPECT_EQ(out.strips_from_us(), UtcTime{lab.minute(0).start()}.time_since_epoch().count());
    ASSERT_EQ(out.strips_size(), 3);
    EXPECT_EQ(out.strips(0).verdicts(), " . ..") << "ap-south";
    EXPECT_EQ(out.strips(1).verdicts(), ".. ..") << "eu-west";
    EXPECT_EQ(out.strips(2).verdicts(), "F  . ") << "us-east";
}

TEST(Describe, TellsUntilWhenTheCertificatesAreGoodThatRegionsSee) {
    Sealed lab;
    NoticeState notices;
    notices.regions = {{RegionId{1}}, {RegionId{2}}, {RegionId{3}}};
    const UtcTime end{std::chrono::hours{520'000}};
    notices.regions[0].certificate = end;
    notices.regions[2].certificate = end + std::chrono::hours{1};
    const auto describe = [&lab] {
        v1::DescribeEndpointRequest request;
        request.set_endpoint("a");
        return lab.database->transact_blocking(
            [&](auto& work) { return describe_endpoint(work, request, lab.deployment.window); });
    };
    EXPECT_EQ(describe().certificates_size(), 0) << "nothing is stored";
    const auto store = [&lab](const NoticeState& state) {
        std::string bytes;
        pack(EndpointState{}, bytes);
        pack(state, bytes);
        lab.database->transact_blocking([&](auto& work) {
            work.exec_params(
                "INSERT INTO quorate.state_log (shard, endpoints, minutes, states)"
                " SELECT shard, ARRAY[id + 1, id], ARRAY[0, 0], ARRAY['\\x00'::bytea, $1]"
                " FROM quorate.endpoint WHERE name = 'a'",
                pqxx::binarystring{bytes});
        });
    };
    store({});
    store(notices);  // the later one counts
    const auto out = describe();
    ASSERT_EQ(out.certificates_size(), 2);
    EXPECT_EQ(out.certificates(0).region(), "ap-south");
    EXPECT_EQ(out.certificates(1).region(), "us-east");
    EXPECT_EQ(out.certificates(1).earliest_not_after_us(), end.time_since_epoch().count());
    EXPECT_EQ(
        out.certificates(0).earliest_not_after_us() - out.certificates(1).earliest_not_after_us(),
        3'600'000'000);
    EXPECT_EQ(lab.sql_as("quorate_coordinator", "SELECT quorate.last_state(1)"), "");
    EXPECT_NE(lab.sql_as("quorate_reader", "SELECT quorate.last_state(1)"), "");
}

TEST(Lists, EndpointsComeInPages) {
    Sealed lab;
    v1::ListEndpointsRequest request;
    request.set_page_size(1);
    const auto list = [&] {
        return lab.database->transact_blocking(
            [&](auto& work) { return list_endpoints(work, request); });
    };
    auto page = list();
    ASSERT_EQ(page.endpoints_size(), 1);
    EXPECT_EQ(page.endpoints(0).tenant(), "acme");
    EXPECT_EQ(page.endpoints(0).state(), "NEW");
    EXPECT_EQ(texts(page.endpoints(0).regions()),
              (std::vector<std::string>{"ap-south", "eu-west", "us-east"}));
    request.set_page_token(page.next_page_token());
    page = list();
    ASSERT_EQ(page.endpoints_size(), 1);
    EXPECT_EQ(page.endpoints(0).endpoint(), "a");
    EXPECT_TRUE(page.next_page_token().empty());
    request.Clear();
    request.set_endpoint("acme/b");
    EXPECT_EQ(list().endpoints_size(), 1);
    request.set_endpoint("acme/nobody");
    EXPECT_THROW(list(), NotFound);
}

TEST(Lists, IncidentsAreListedAndShown) {
    Sealed lab;
    lab.sql(
        "INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity,"
        " worst_severity, scope, started_at, detected_at, closed_at, mttr_seconds, reason,"
        " regions) SELECT id, n, tenant, name, 2, 1, 1, now() - interval '9 minutes',"
        " now() - interval '8 minutes', CASE WHEN n = 1 THEN now() END, 30.5, 9, '{2,1}'"
        " FROM quorate.endpoint, generate_series(1, 2) n WHERE name = 'a'");
    lab.sql(
        "INSERT INTO quorate.incident_event (incident_id, at, minute, kind, to_severity, scope,"
        " rule_row, detail, inputs) VALUES (2, now(), now(), 'opened', 1, 1, 3, 'why', '{}')");
    v1::ListIncidentsRequest request;
    const auto list = [&] {
        return lab.database->transact_blocking(
            [&](auto& work) { return list_incidents(work, request); });
    };
    const auto all = list();
    ASSERT_EQ(all.incidents_size(), 2);
    EXPECT_EQ(all.incidents(0).id(), 2U);
    EXPECT_EQ(all.incidents(0).severity(), "P2");
    EXPECT_EQ(all.incidents(0).worst_severity(), "P1");
    EXPECT_EQ(all.incidents(0).reason(), "connection_refused");
    EXPECT_EQ(texts(all.incidents(0).regions()), (std::vector<std::string>{"eu-west", "us-east"}));
    EXPECT_FALSE(all.incidents(0).has_closed_at_us());
    EXPECT_EQ(all.incidents(0).mttd_seconds(), 60.0);
    request.set_open_only(true);
    EXPECT_EQ(list().incidents_size(), 1);
    request.set_endpoint("acme/b");
    EXPECT_EQ(list().incidents_size(), 0);

    v1::GetIncidentRequest one;
    one.set_id(2);
    const auto shown =
        lab.database->transact_blocking([&](auto& work) { return get_incident(work, one); });
    ASSERT_EQ(shown.events_size(), 1);
    EXPECT_EQ(shown.events(0).to_severity(), "P1");
    EXPECT_EQ(shown.events(0).from_severity(), "");
    EXPECT_EQ(shown.events(0).detail(), "why");
    one.set_id(99);
    EXPECT_THROW(
        lab.database->transact_blocking([&](auto& work) { return get_incident(work, one); }),
        NotFound);
}

TEST(Watch, TransactionsAreFollowedInTheirOrderAlsoWhereTheNumberGetsADigit) {
    Sealed lab;
    const auto at = [&](int n) { return "'" + to_rfc3339(lab.minute(n)) + "'::timestamptz"; };
    // Numbers around a power of ten that is far behind the present one, written by hand.
    for (int n = 0; n < 60; ++n)
        lab.sql(
            "INSERT INTO quorate.batch (txid, minute_min, minute_max, minutes, sealed_at)"
            " VALUES ('" +
            std::to_string(70 + n) + "', " + at(n) + ", " + at(n) + ", 1, now())");
    lab.sql(
        "INSERT INTO quorate.minute SELECT b.minute_min, b.id, e.id, 0, 0, 8, 1, 0, '', NULL"
        " FROM quorate.batch b, quorate.endpoint e WHERE e.name = 'a'");
    auto position = WatchPosition{70, false};
    std::vector<std::int64_t> seen;
    while (!position.caught_up) {
        const auto event = lab.database->transact_blocking(
            [&](auto& work) { return watch_next(work, v1::WatchRequest{}, position); });
        for (const auto& decision : event.decisions())
            seen.push_back(decision.minute_us());
    }
    ASSERT_EQ(seen.size(), 60U);
    for (int n = 0; n < 60; ++n)
        EXPECT_EQ(seen[static_cast<std::size_t>(n)],
                  UtcTime{lab.minute(n).start()}.time_since_epoch().count());
}

/// Reads until that many decisions have come; the minutes in the order in which they came.
std::vector<std::int64_t> read_minutes(grpc::ClientReader<v1::WatchEvent>& watch,
                                       std::size_t count,
                                       std::string* token) {
    std::vector<std::int64_t> minutes;
    v1::WatchEvent event;
    while (minutes.size() < count && watch.Read(&event)) {
        for (const auto& decision : event.decisions())
            minutes.push_back(decision.minute_us());
        *token = event.resume_token();
    }
    return minutes;
}

TEST(Watch, ResumedItContinuesWithoutAGapOrARepeat) {
    Sealed lab;
    RedisServer redis;
    auto config = config_for(lab, redis.url());
    RunningApp app{config};
    std::string token;
    std::vector<std::int64_t> seen;
    const auto store = [&](int n) {
        store_minute(lab, "a", lab.minute(n), Decision::ok, Scope::none, 8, cells("..."));
    };
    const auto watch_for = [&](std::size_t count) {
        Call call;
        v1::WatchRequest request;
        request.set_resume_token(token);
        const auto watch = app.admin().Watch(&call.context, request);
        // The first answer says where it begins: what is committed from now on is seen.
        if (token.empty()) {
            v1::WatchEvent begin;
            ASSERT_TRUE(watch->Read(&begin));
            EXPECT_EQ(begin.decisions_size(), 0);
            token = begin.resume_token();
            for (int n = 0; n < 3; ++n)
                store(n);
        }
        for (const auto minute : read_minutes(*watch, count, &token))
            seen.push_back(minute);
        call.context.TryCancel();
        v1::WatchEvent rest;
        while (watch->Read(&rest)) {
        }
        EXPECT_EQ(watch->Finish().error_code(), grpc::CANCELLED);
    };
    watch_for(3);
    for (int n = 3; n < 130; ++n)  // while nobody watches, more than one answer holds
        store(n);
    watch_for(127);
    std::vector<std::int64_t> expected;
    for (int n = 0; n < 130; ++n)
        expected.push_back(UtcTime{lab.minute(n).start()}.time_since_epoch().count());
    EXPECT_EQ(seen.size(), expected.size());
    const auto [gap, due] =
        std::mismatch(seen.begin(), seen.end(), expected.begin(), expected.end());
    EXPECT_TRUE(gap == seen.end() && due == expected.end())
        << "the first difference is at " << gap - seen.begin();
}

TEST(Watch, ACommitThatComesLaterThanItBeganIsNotSkipped) {
    Sealed lab;
    WatchPosition position;
    const auto next = [&] {
        return lab.database->transact_blocking(
            [&](auto& work) { return watch_next(work, v1::WatchRequest{}, position); });
    };
    lab.database->transact_blocking([&](auto& work) { position = start_watch(work, {}); });
    // An older transaction is open while a younger one commits: the younger waits for it.
    pqxx::connection connection{lab.conninfo};
    {
        pqxx::work older{connection};
        older.exec("SELECT pg_current_xact_id()");
        store_minute(lab, "a", lab.minute(1), Decision::ok, Scope::none, 8, cells("..."));
        EXPECT_EQ(next().decisions_size(), 0);
        older.exec(
            "WITH b AS (INSERT INTO quorate.batch (minute_min, minute_max, minutes,"
            " sealed_at) VALUES ('" +
            to_rfc3339(lab.minute(0)) + "', '" + to_rfc3339(lab.minute(0)) +
            "', 1, now()) RETURNING id)"
            " INSERT INTO quorate.minute SELECT '" +
            to_rfc3339(lab.minute(0)) +
            "', b.id, e.id, 0, 0, 8, 1, 0, '', NULL FROM b, quorate.endpoint e"
            " WHERE e.name = 'a'");
        older.commit();
    }
    EXPECT_EQ(next().decisions_size(), 2);
    EXPECT_EQ(next().decisions_size(), 0);
}

TEST(Watch, FiltersByEndpointAndByChange) {
    Sealed lab;
    WatchPosition position;
    lab.database->transact_blocking([&](auto& work) { position = start_watch(work, {}); });
    store_minute(lab, "a", lab.minute(0), Decision::ok, Scope::none, 8, cells("..."));
    store_minute(lab, "a", lab.minute(1), Decision::p2, Scope::none, 5, cells("F.."));
    store_minute(lab, "a", lab.minute(2), Decision::p2, Scope::none, 5, cells("F.u"));
    store_minute(lab, "b", lab.minute(2), Decision::ok, Scope::none, 8, cells("..."));
    const auto watch = [&](const v1::WatchRequest& request) {
        auto from = position;
        return lab.database->transact_blocking(
            [&](auto& work) { return watch_next(work, request, from); });
    };
    v1::WatchRequest request;
    EXPECT_EQ(watch(request).decisions_size(), 4);
    request.set_endpoint("a");
    const auto of_a = watch(request);
    ASSERT_EQ(of_a.decisions_size(), 3);
    EXPECT_EQ(of_a.decisions(1).decision(), "P2");
    EXPECT_EQ(
        texts(of_a.decisions(2).cells()),
        (std::vector<std::string>{
            "ap-south=UNKNOWN(agent_dead)", "eu-west=UP", "us-east=FAIL(connection_refused)"}));
    EXPECT_NEAR(of_a.decisions(2).coverage(), 2.0 / 3, 1e-9);
    request.set_changes_only(true);
    const auto changes = watch(request);
    ASSERT_EQ(changes.decisions_size(), 2);
    EXPECT_EQ(changes.decisions(1).decision(), "P2");
    v1::WatchRequest bad;
    bad.set_resume_token("yesterday");
    EXPECT_THROW(lab.database->transact_blocking([&](auto& work) { start_watch(work, bad); }),
                 BadRequest);
}

}  // namespace
}  // namespace quorate::coordinator
