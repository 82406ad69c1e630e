// Maintenance windows and silences as operators plan them: through the program, over TLS.
#include <chrono>

#include "platform/runtime/clock.hpp"
#include "tests/integration/coordinator/access/guarded.hpp"
#include "tests/integration/coordinator/sealed_minutes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Guarded;
using quorate::testing::Words;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

Words with(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

TEST(Windows, AreCreatedListedAndEndedAndEachIsAudited) {
    const Guarded guarded;
    for (const std::string kind : {"maintenance", "silence"}) {
        const auto table = "quorate." + kind;
        const auto made = guarded.as_ops({kind,
                                          "create",
                                          "--endpoint",
                                          "acme/b",
                                          "--for",
                                          "2h",
                                          "--owner",
                                          "db team",
                                          "--reason",
                                          "upgrade"});
        ASSERT_EQ(made.status, 0) << made.err;
        EXPECT_THAT(made.out, HasSubstr(kind + " 1: acme/b, "));
        EXPECT_THAT(made.out, HasSubstr("1 endpoint matches now"));
        EXPECT_EQ(guarded.lab.sql("SELECT matchers, reason, owner, created_by,"
                                  " ends_at - starts_at, valid_from > created_at + interval '5 s'"
                                  " FROM " +
                                  table),
                  R"([{"tenant": "acme", "endpoint": "b"}]|upgrade|db team|ops.example.com|)"
                  "02:00:00|t");
        const auto weekly = guarded.as_ops({kind,
                                            "create",
                                            "--label",
                                            "team=x",
                                            "--weekly",
                                            "MO,TH 02:30",
                                            "--zone",
                                            "Europe/Berlin",
                                            "--every",
                                            "2",
                                            "--for",
                                            "90m",
                                            "--reason",
                                            "backups",
                                            "-o",
                                            "json"});
        ASSERT_EQ(weekly.status, 0) << weekly.err;
        const auto answer = boost::json::parse(weekly.out);
        EXPECT_EQ(answer.at("window").at("weekly").at("rule"),
                  "FREQ=WEEKLY;BYDAY=MO,TH;INTERVAL=2");
        EXPECT_EQ(answer.at("endpoints_matched"), 0);
        EXPECT_EQ(guarded.lab.sql("SELECT rule, time_zone, start_of_day, duration_seconds, ends_at"
                                  " IS NULL FROM dash." +
                                  kind + " WHERE id = 2"),
                  "FREQ=WEEKLY;BYDAY=MO,TH;INTERVAL=2|Europe/Berlin|02:30:00|5400|t");

        const auto listed = guarded.as_ops({kind, "list"});
        EXPECT_THAT(listed.out, HasSubstr("MO,TH 02:30 Europe/Berlin for 90m, every 2 weeks"));
        EXPECT_THAT(listed.out, HasSubstr("scheduled"));
        const auto ended = guarded.as_ops({kind, "end", "1", "--reason", "done"});
        EXPECT_EQ(ended.status, 0) << ended.err;
        EXPECT_THAT(ended.out, HasSubstr(kind + " 1 ends before "));
        EXPECT_EQ(guarded.as_ops({kind, "end", "1"}).out, kind + " 1 is over already\n");
        EXPECT_THAT(guarded.as_ops({kind, "list"}).out,
                    AnyOf(Not(HasSubstr("acme/b")), HasSubstr("ending")))
            << "it held in no minute, unless one has begun since";
        EXPECT_THAT(guarded.as_ops({kind, "list", "--all"}).out, HasSubstr("ended"));
        EXPECT_EQ(guarded.lab.sql("SELECT ended_by, valid_to >= valid_from FROM " + table +
                                  " WHERE id = 1"),
                  "ops.example.com|t");
        EXPECT_EQ(guarded.as_ops({kind, "end", "99"}).status, 1);
        const auto name = std::string{kind == "silence" ? "Silence" : "Maintenance"};
        EXPECT_EQ(guarded.audited("method, target, tenants, reason, outcome",
                                  "method IN ('Create" + name + "', 'End" + name + "')"),
                  "Create" + name + '|' + kind + " 1|{acme}|upgrade|done\nCreate" + name + '|' +
                      kind + " 2|{}|backups|done\nEnd" + name + '|' + kind + " 1|{acme}|done|done");
    }
}

TEST(Windows, WhoIsBoundPlansSeesAndEndsThoseOfTheirTenantAlone) {
    const Guarded guarded;
    const auto acme = guarded.token({"team", "--role", "operator", "--tenant", "acme"});
    const Words create{"maintenance", "create", "--for", "1h", "--reason", "r"};
    const auto as_team = [&](Words words) { return guarded.with_token(acme, std::move(words)); };
    EXPECT_EQ(guarded.as_ops(with(create, {"--endpoint", "a"})).status, 0);
    EXPECT_EQ(guarded.as_ops(with(create, {"--label", "x=1"})).status, 0);
    const auto refused = as_team(with(create, {"--endpoint", "a"}));
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("team may not reach the tenant default"));
    const auto own = as_team(with(create, {"--label", "x=1"}));
    EXPECT_EQ(own.status, 0) << own.err;
    EXPECT_THAT(own.out, HasSubstr("maintenance 3: acme x=1, "));
    EXPECT_EQ(guarded.as_ops(with(create, {"--endpoint", "acme/b", "--endpoint", "a"})).status, 0);
    const auto seen = as_team({"maintenance", "list"});
    EXPECT_THAT(seen.out, Not(HasSubstr("\n1 "))) << "that of another tenant";
    EXPECT_THAT(seen.out, HasSubstr("x=1")) << "which may hold for theirs";
    EXPECT_THAT(seen.out, HasSubstr("acme/b"));
    EXPECT_THAT(seen.out, Not(HasSubstr("default/a"))) << "what else it is about is not theirs";
    EXPECT_THAT(as_team({"maintenance", "end", "4"}).err, HasSubstr("there is no maintenance 4"));
    EXPECT_THAT(as_team({"maintenance", "end", "1"}).err, HasSubstr("there is no maintenance 1"));
    EXPECT_THAT(as_team({"maintenance", "end", "2"}).err, HasSubstr("there is no maintenance 2"));
    EXPECT_EQ(as_team({"maintenance", "end", "3"}).status, 0);
    const auto viewer = guarded.token({"eyes"});
    EXPECT_THAT(guarded.with_token(viewer, with(create, {"--endpoint", "a"})).err,
                HasSubstr("CreateMaintenance needs the role operator"));
    EXPECT_EQ(
        guarded.audited("target, tenants", "outcome <> 'done' AND method = 'CreateMaintenance'"),
        "default/a|{default}\ndefault/a|{default}")
        << "what was refused says of what";
    EXPECT_EQ(guarded.with_token(viewer, {"maintenance", "list"}).status, 0);
}

TEST(Windows, OneTenantCannotUseUpTheRoomOfAll) {
    const Guarded guarded;
    guarded.lab.sql(
        "INSERT INTO quorate.silence (matchers, starts_at, ends_at, reason, owner, created_by,"
        " valid_from) SELECT '[{\"tenant\": \"acme\"}]', now(), now() + interval '1 day', 'r', 'o',"
        " 'x', now() FROM generate_series(1, 200)");
    const Words create{"silence", "create", "--for", "1h", "--reason", "r"};
    const auto refused = guarded.as_ops(with(create, {"--tenant", "acme"}));
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("there are 200 of tenant acme that are not over already"));
    EXPECT_EQ(guarded.as_ops(with(create, {"--endpoint", "a"})).status, 0) << "of another tenant";
    EXPECT_EQ(guarded.as_ops({"silence", "end", "7"}).status, 0);
    guarded.lab.sql("UPDATE quorate.silence SET valid_to = now() WHERE id = 7");
    EXPECT_EQ(guarded.as_ops(with(create, {"--tenant", "acme"})).status, 0);
}

TEST(Windows, WhatWasEndedEarlyIsListedUntilItsLastMinute) {
    const Guarded guarded;
    guarded.lab.sql(
        "INSERT INTO quorate.silence (matchers, starts_at, ends_at, reason, owner, created_by,"
        " valid_from, valid_to, ended_at, ended_by) SELECT '[{\"tenant\": \"acme\"}]', now(), now()"
        " + interval '1 day', 'r', 'o', 'x', now() - interval '1 minute', now() + v, now(), 'y'"
        " FROM unnest(ARRAY[interval '1 hour', interval '-1 second']) v");
    const auto listed = guarded.as_ops({"silence", "list"});
    EXPECT_THAT(listed.out, HasSubstr("ending"));
    EXPECT_THAT(listed.out, Not(HasSubstr("ended")));
    EXPECT_THAT(guarded.as_ops({"silence", "list", "--all"}).out, HasSubstr("ended"));
    EXPECT_EQ(guarded.as_ops({"silence", "end", "1"}).out, "silence 1 is over already\n");
}

TEST(Windows, ExplainAndDescribeNameThoseThatTheMinuteIsInAndWhatTheProbeSaid) {
    const Guarded guarded;
    const auto& lab = guarded.lab;
    const auto minute = UtcMinute::containing(SystemClock{}.utc_now(), lab.deployment.window);
    lab.sql(
        "SELECT quorate.make_minute_partitions();"
        "UPDATE quorate.endpoint_version SET valid_from = '2026-01-01', spec = spec ||"
        " '{\"labels\": {\"team\": \"a\"}}'");
    auto cell = quorate::testing::packed(1, Verdict::fail, RegionPhase::healthy);
    cell.verdict = Verdict::maint;
    quorate::testing::store_minute(lab, "b", minute, Decision::maint, Scope::none, 0, {cell});
    lab.sql(
        "INSERT INTO quorate.endpoint_state (endpoint_id, shard, decision, scope, cells, voters,"
        " since, flapping) SELECT id, shard, 0, 0, 1, 0, now(), false FROM quorate.endpoint"
        " WHERE name = 'b'");
    const auto plan = [&lab](const std::string& table, const std::string& matcher) {
        lab.sql("INSERT INTO quorate." + table +
                " (matchers, starts_at, rrule, zone, first_day, start_of_day, duration_s, reason,"
                " owner, created_by, valid_from) VALUES ('[" +
                matcher +
                "]', '2026-01-01', 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU', 'UTC', '2026-01-01',"
                " '00:00', 86400, 'upgrade', 'team', 'x', '2026-01-01')");
    };
    plan("maintenance", R"({"tenant": "acme", "endpoint": "a"})");
    plan("maintenance", R"({"tenant": "acme", "endpoint": "b"})");
    plan("silence", R"({"labels": {"team": "b"}})");
    plan("silence", R"({"labels": {"team": "a"}})");
    const auto midnight = to_rfc3339(
        UtcTime{std::chrono::floor<std::chrono::days>(minute.start()) + std::chrono::days{1}});
    const auto explained = guarded.as_ops({"explain", "acme/b"});
    ASSERT_EQ(explained.status, 0) << explained.err;
    EXPECT_THAT(explained.out, HasSubstr("MAINT (FAIL)"));
    EXPECT_THAT(explained.out,
                HasSubstr("window   maintenance 2 until " + midnight +
                          ", of team: upgrade\n"
                          "window   silence 2 until " +
                          midnight + ", of team: upgrade\n"));
    EXPECT_THAT(explained.out, Not(HasSubstr("silence 1")));
    const auto described = guarded.as_ops({"describe", "acme/b"});
    ASSERT_EQ(described.status, 0) << described.err;
    EXPECT_THAT(described.out, HasSubstr("window    maintenance 2 until " + midnight));
    EXPECT_EQ(lab.sql("SELECT verdict, own_verdict FROM dash.region_minute"), "MAINT|FAIL");
}

TEST(Windows, WhatIsWrongOnTheCommandLineIsSaidInOneLine) {
    const Words create{"silence", "create"};
    for (const auto& [words, why] :
         {std::pair{Words{"--for", "1h"}, "say which endpoints: --endpoint, --tenant or --label"},
          std::pair{Words{"--endpoint", "a", "--tenant", "b", "--for", "1h"},
                    "--endpoint says it all"},
          std::pair{Words{"--endpoint", "a"}, "say when it ends"},
          std::pair{Words{"--endpoint", "a", "--for", "soon"}, "is not a duration"},
          std::pair{Words{"--endpoint", "a", "--start", "noon", "--for", "1h"}, "is not a time"},
          std::pair{Words{"--endpoint", "a", "--zone", "UTC", "--for", "1h"}, "belong to --weekly"},
          std::pair{Words{"--endpoint", "a", "--weekly", "MO 02:30", "--for", "1h"},
                    "--weekly needs --zone"},
          std::pair{Words{"--endpoint", "a", "--weekly", "XX", "--zone", "UTC", "--for", "1h"},
                    "is not such as 'MO,TH 02:30'"}}) {
        const auto run = run_cli(with(create, words));
        EXPECT_EQ(run.status, 2) << run.err;
        EXPECT_THAT(run.err, HasSubstr(why));
    }
}

}  // namespace
}  // namespace quorate::coordinator
