// The operators' client against a coordinator: what of it a test of the parts can't show.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/coordinator/processes.hpp"
#include "tests/integration/coordinator/running_app.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::ready;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;

/// A coordinator with a catalogue of one endpoint, asked through the program.
struct Served {
    Served() : app{config_for(lab, redis.url())} {
        EXPECT_TRUE(comes_to_hold([this] { return ready(app.health_port()); }));
        lab.apply("endpoints:\n  - {name: a, url: 'http://h/a'}\n");
    }
    CliRun quorate(std::vector<std::string> words) const {
        words.insert(words.end(), {"--server", "127.0.0.1:" + std::to_string(app.admin_port())});
        return run_cli(words);
    }
    /// `count` closed incidents of endpoint a, the last one marked.
    void store_incidents(int count) const {
        lab.sql(
            "INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity,"
            " worst_severity, scope, started_at, detected_at, closed_at, regions, marks)"
            " SELECT e.id, n, 'default', 'a', 2, 1, 0, now(), now(), now(), '{}',"
            " CASE WHEN n = " +
            std::to_string(count) +
            " THEN ARRAY['single_witness', 'closed_single_witness'] ELSE '{}' END"
            " FROM quorate.endpoint e, generate_series(1, " +
            std::to_string(count) + ") n");
    }
    Catalogued lab;
    RedisServer redis;
    RunningApp app;
};

TEST(Cli, TheLimitOfIncidentsIsKeptOverAsManyPagesAsItTakes) {
    const Served served;
    served.store_incidents(2'500);
    for (const auto& [limit, wanted] : {std::pair{"1", 1U},
                                        std::pair{"1000", 1'000U},
                                        std::pair{"1001", 1'001U},
                                        std::pair{"2400", 2'400U},
                                        std::pair{"9999", 2'500U}}) {
        const auto run = served.quorate({"incidents", "--limit", limit, "-o", "json"});
        ASSERT_EQ(run.status, 0) << run.err;
        const auto rows = boost::json::parse(run.out).as_array();
        EXPECT_EQ(rows.size(), wanted) << limit;
        for (std::size_t i = 0; i < rows.size(); ++i)
            ASSERT_EQ(rows[i].at("id").to_number<std::size_t>(), 2'500 - i) << "newest first";
    }
    const auto run = served.quorate({"incidents", "list", "-o", "json"});
    EXPECT_EQ(boost::json::parse(run.out).as_array().size(), 100U);
}

TEST(Cli, AnExportedCatalogueIsAppliedWithoutAChangeAndDiffShowsAPatch) {
    Served served;
    served.lab.apply(
        "endpoints:\n"
        "  - {name: b, tenant: acme, url: 'https://h/b', timeout: 5s, regions: [eu-west, "
        "us-east],\n"
        "     canary: {tool: t, arguments: {q: 'a: b'}, expect: {'$.n': {min: 1}}},\n"
        "     labels: {team: 'x # y'}}\n");
    const auto exported = served.quorate({"export"});
    ASSERT_EQ(exported.status, 0) << exported.err;
    const auto folder = std::filesystem::temp_directory_path() /
                        ("quorate-export-" + std::to_string(served.app.admin_port()));
    std::filesystem::create_directory(folder);
    const auto file = (folder / "e.yaml").string();
    const auto write = [&file](const std::string& text) { std::ofstream{file} << text; };
    write(exported.out);
    const auto same = served.quorate({"diff", "-f", file, "--prune"});
    EXPECT_EQ(same.status, 0) << same.out << same.err;
    EXPECT_EQ(same.out, "");
    const auto applied = served.quorate({"apply", "-f", file, "--prune"});
    EXPECT_NE(applied.out.find("0 created, 0 changed, 2 unchanged, 0 deleted"), std::string::npos)
        << applied.out;
    EXPECT_EQ(served.quorate({"export"}).out, exported.out);
    EXPECT_EQ(served.quorate({"export", "acme/b"}).out.find("name: \"a\""), std::string::npos);

    auto changed = exported.out;
    changed.replace(changed.find("timeout: 5s"), 11, "timeout: 4s");
    write(changed);
    const auto differs = served.quorate({"diff", "-f", file});
    EXPECT_EQ(differs.status, 3) << differs.err;
    EXPECT_NE(differs.out.find("--- acme/b\n+++ acme/b\n   - name: \"b\"\n"), std::string::npos)
        << differs.out;
    EXPECT_NE(differs.out.find("-    timeout: 5s\n+    timeout: 4s\n"), std::string::npos)
        << differs.out;
    const auto yaml = served.quorate({"diff", "-f", file, "-o", "yaml"});
    EXPECT_NE(yaml.out.find("- endpoint: \"acme/b\"\n"), std::string::npos) << yaml.out;
    EXPECT_EQ(served.quorate({"export"}).out, exported.out) << "diff changes nothing";
    std::filesystem::remove_all(folder);
}

TEST(Cli, AnExportInJsonIsAnEndpointFileToo) {
    Served served;
    served.lab.apply(
        "endpoints:\n"
        "  - {name: b, tenant: acme, url: 'https://h/b', timeout: 5s, labels: {team: '007'}}\n");
    const auto exported = served.quorate({"export", "-o", "json"});
    ASSERT_EQ(exported.status, 0) << exported.err;
    EXPECT_EQ(boost::json::parse(exported.out).at("endpoints").as_array().size(), 2U);
    const TestFolder folder;
    const auto same =
        served.quorate({"diff", "--prune", "-f", folder.file("e.yaml", exported.out)});
    EXPECT_EQ(same.status, 0) << same.out << same.err;
}

TEST(Cli, AContextsTenantIsMeantWhereTheCommandLineNamesNone) {
    Served served;
    served.lab.apply("endpoints:\n  - {name: b, tenant: acme, url: 'https://h/b'}\n");
    const TestFolder folder;
    const auto file = folder.file("config.yaml",
                                  "current: c\ncontexts:\n  c: {server: '127.0.0.1:" +
                                      std::to_string(served.app.admin_port()) +
                                      "', tenant: acme, output: json}\n");
    const auto ask = [&file](const std::vector<std::string>& words) {
        const auto run = run_cli(words, {{"QUORATE_CONFIG", file}});
        EXPECT_EQ(run.status, 0) << words.front() << ": " << run.err;
        return run.out;
    };
    const auto names = [&ask](const std::vector<std::string>& words) {
        std::string all;
        const auto rows = boost::json::parse(ask(words));
        for (const auto& row : rows.as_array())
            all += std::string{row.at("tenant").as_string()} + "/" +
                   std::string{row.at("endpoint").as_string()} + " ";
        return all;
    };
    EXPECT_EQ(names({"get"}), "acme/b ");
    EXPECT_EQ(names({"get", "b"}), "acme/b ");
    EXPECT_EQ(names({"get", "default/a"}), "default/a ");
    EXPECT_EQ(names({"get", "--tenant", "default"}), "default/a ");
    EXPECT_EQ(names({"get", "--tenant", ""}), "acme/b default/a ");
    EXPECT_NE(ask({"describe", "b"}).find("https://h/b"), std::string::npos);
    EXPECT_NE(ask({"export"}).find("https://h/b"), std::string::npos);
    EXPECT_EQ(ask({"export"}).find("http://h/a"), std::string::npos);
    EXPECT_NE(ask({"pause", "b"}).find("true"), std::string::npos);
    const auto planned = [&ask](const std::string& kind, std::vector<std::string> which) {
        which.insert(which.begin(), {kind, "create"});
        which.insert(which.end(), {"--for", "1h", "--reason", "r"});
        const auto made = boost::json::parse(ask(which));
        return boost::json::serialize(made.at("window").at("matchers"));
    };
    for (const std::string kind : {"maintenance", "silence"}) {
        EXPECT_EQ(planned(kind, {"--endpoint", "b"}),
                  R"([{"tenant":"acme","endpoint":"b","labels":[]}])");
        EXPECT_EQ(planned(kind, {"--endpoint", "default/a"}),
                  R"([{"tenant":"default","endpoint":"a","labels":[]}])");
        EXPECT_EQ(planned(kind, {"--label", "x=y"}),
                  R"([{"tenant":"acme","endpoint":null,"labels":["x=y"]}])");
        EXPECT_EQ(planned(kind, {"--label", "x=y", "--tenant", "default"}),
                  R"([{"tenant":"default","endpoint":null,"labels":["x=y"]}])");
        EXPECT_EQ(planned(kind, {"--label", "x=y", "--tenant", ""}),
                  R"([{"tenant":null,"endpoint":null,"labels":["x=y"]}])");
        const auto count = [&](std::vector<std::string> words) {
            words.insert(words.begin(), {kind, "list"});
            return boost::json::parse(ask(words)).as_array().size();
        };
        EXPECT_EQ(count({}), 3U) << "those of acme, and that of all tenants";
        EXPECT_EQ(count({"--tenant", "default"}), 3U);
        EXPECT_EQ(count({"--tenant", ""}), 5U);
    }
}

TEST(Cli, TheSecretOfAContextsTenantIsSetListedAndDeleted) {
    Catalogued lab;
    const RedisServer redis;
    const TestFolder folder;
    auto config = config_for(lab, redis.url());
    const auto key = folder.file("key", std::string(64, 'a'));
    std::filesystem::permissions(key, std::filesystem::perms::owner_read);
    config.secrets.file = key;
    const RunningApp app{config};
    EXPECT_TRUE(comes_to_hold([&] { return ready(app.health_port()); }));
    lab.apply("endpoints:\n  - {name: b, tenant: acme, url: 'https://h/b'}\n");
    const auto file = folder.file("config.yaml",
                                  "current: c\ncontexts:\n  c: {server: '127.0.0.1:" +
                                      std::to_string(app.admin_port()) + "', tenant: acme}\n");
    const auto value = folder.file("value", "tok-of-eight-or-more");
    const auto ask = [&file](const std::vector<std::string>& words) {
        const auto run = run_cli(words, {{"QUORATE_CONFIG", file}});
        EXPECT_EQ(run.status, 0) << words[1] << ": " << run.err;
        return run.out;
    };
    const auto kept = [&lab] {
        return lab.sql("SELECT string_agg(tenant, ' ' ORDER BY tenant) FROM quorate.secret");
    };
    EXPECT_EQ(ask({"secret", "set", "s", "--from-file", value}), "secret acme/s set (version 1)\n");
    ask({"secret", "set", "s", "--from-file", value, "--tenant", "default"});
    EXPECT_EQ(kept(), "acme default");
    EXPECT_EQ(ask({"secret", "list"}).find("default"), std::string::npos);
    EXPECT_NE(ask({"secret", "list", "--tenant", ""}).find("default"), std::string::npos);
    EXPECT_NE(ask({"secret", "rotate"}).find("2 new data keys"), std::string::npos)
        << "a context leaves out no tenant's";
    EXPECT_EQ(ask({"secret", "delete", "s"}), "secret acme/s deleted\n");
    EXPECT_EQ(kept(), "default");
}

TEST(Cli, TheConfigOfTheCoordinatorIsShownAsItIsInForce) {
    Served served;
    const auto value = [&](const std::string& key) {
        const auto run = served.quorate({"config", "show", "coordinator", "-o", "json"});
        const auto config = boost::json::parse(run.out);
        for (const auto& entry : config.at("entries").as_array())
            if (entry.at("key").as_string() == key)
                return std::string{entry.at("value").as_string()};
        return run.err;
    };
    EXPECT_EQ(value("postgres.conninfo"), "***");
    EXPECT_EQ(value("grpc.rate"), "0");
    const TestFolder folder;
    const auto file = folder.file("c.yaml",
                                  "regions: [us-east]\npostgres: {conninfo: 'x'}\nredis: {url: '" +
                                      served.redis.url() + "'}\ngrpc: {rate: 50}\nshards: 8\n");
    served.app.reload(file);
    EXPECT_TRUE(comes_to_hold([&] { return value("grpc.rate") == "50"; }));
    const auto shown = served.quorate({"config", "show", "coordinator"});
    EXPECT_NE(shown.out.find("grpc.rate: 50\n"), std::string::npos) << shown.out;
    EXPECT_NE(shown.err.find("the file sets shards otherwise"), std::string::npos) << shown.err;
}

TEST(Cli, AListIsShownAgainAndAgainWithWatch) {
    const Served served;
    const std::vector<std::string> verbs{"get", "regions", "agents list", "queues", "incidents"};
    std::vector<FILE*> pipes;
    for (const auto& verb : verbs)  // all at the same time; head ends each after its second answer
        pipes.push_back(::popen(("QUORATE_CONFIG=/dev/null " QUORATE_BINARY_DIR "/bin/quorate " +
                                 verb + " --watch -o json --server 127.0.0.1:" +
                                 std::to_string(served.app.admin_port()) + " 2>&1 | head -n 2")
                                    .c_str(),
                                "r"));
    for (std::size_t i = 0; i < verbs.size(); ++i) {
        std::string text;
        for (int c = std::fgetc(pipes[i]); c != EOF; c = std::fgetc(pipes[i]))
            text += static_cast<char>(c);
        EXPECT_EQ(::pclose(pipes[i]), 0);
        EXPECT_EQ(std::ranges::count(text, '\n'), 2) << verbs[i] << ": " << text;
        EXPECT_TRUE(text.starts_with("[")) << verbs[i] << ": " << text;
    }
}

/// Characters of a line on a terminal, without its colours and its carriage return.
std::size_t shown_width(const std::string& line) {
    const auto text = std::regex_replace(line, std::regex{"\x1b\\[[0-9;]*m|\r"}, "");
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

TEST(Cli, NoTableIsWiderThanTheTerminal) {
    const Served served;
    served.store_incidents(2);
    for (const unsigned short columns : {80, 60, 200})
        for (const std::vector<std::string>& words : {std::vector<std::string>{"get"},
                                                      {"regions"},
                                                      {"queues"},
                                                      {"agents"},
                                                      {"incidents"},
                                                      {"uptime"},
                                                      {"audit"},
                                                      {"token", "list"}}) {
            auto asked = words;
            asked.insert(asked.end(),
                         {"--server", "127.0.0.1:" + std::to_string(served.app.admin_port())});
            const auto run = run_cli_on_terminal(asked, columns);
            EXPECT_EQ(run.status, 0) << words.front() << ": " << run.out;
            std::istringstream lines{run.out};
            for (std::string line; std::getline(lines, line);)
                EXPECT_LE(shown_width(line), columns) << words.front() << ": " << line;
        }
}

TEST(Cli, AnIncidentIsAcknowledgedAndNothingElseChanges) {
    const Served served;
    served.store_incidents(1);
    const auto before = served.lab.sql("SELECT i.* FROM quorate.incident i");
    const auto done = served.quorate({"incidents", "ack", "1", "--note", "looking into it"});
    EXPECT_EQ(done.status, 0) << done.err;
    served.quorate({"incidents", "ack", "1", "--note", "the proxy it is"});
    EXPECT_EQ(served.lab.sql("SELECT i.* FROM quorate.incident i"), before);
    EXPECT_EQ(
        served.lab.sql("SELECT acknowledged_by, acknowledged_at IS NOT NULL FROM dash.incident"),
        "local|t");
    const auto shown = served.quorate({"incidents", "show", "1"});
    const auto first = shown.out.find("looking into it");
    EXPECT_LT(first, shown.out.find("the proxy it is")) << shown.out;
    EXPECT_EQ(served.quorate({"incidents", "ack", "1", "--note", ""}).status, 1);
    EXPECT_EQ(served.quorate({"incidents", "ack", "1", "--note", "\u202Eelbuort"}).status, 1);
    EXPECT_EQ(served.quorate({"incidents", "ack", "1", "--note", "two\nlines"}).status, 0);
    EXPECT_EQ(served.quorate({"incidents", "ack", "77", "--note", "x"}).status, 1);
    EXPECT_EQ(served.quorate({"incidents", "ack", "1"}).status, 2);
    EXPECT_NE(served.lab.sql_as("quorate_coordinator", "DELETE FROM quorate.incident_ack"), "")
        << "append-only";
}

TEST(Cli, AnEndpointIsDescribedPausedAndResumed) {
    const Served served;
    const auto shown = served.quorate({"describe", "a"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_NE(shown.out.find("state     NEW"), std::string::npos) << shown.out;
    EXPECT_NE(shown.out.find("  - name: \"a\""), std::string::npos) << shown.out;
    EXPECT_EQ(served.quorate({"describe", "nobody"}).status, 1);
    const auto paused = served.quorate({"pause", "a"});
    EXPECT_NE(paused.out.find("a paused, in force from "), std::string::npos)
        << paused.out << paused.err;
    EXPECT_EQ(served.quorate({"pause", "a"}).out, "a was paused\n");
    EXPECT_NE(served.quorate({"export", "a"}).out.find("paused: true"), std::string::npos);
    EXPECT_EQ(served.quorate({"resume", "a"}).status, 0);
    EXPECT_NE(served.quorate({"export", "a"}).out.find("paused: false"), std::string::npos);
    EXPECT_EQ(served.quorate({"pause", "acme/nobody"}).status, 1);
}

TEST(Cli, UptimeIsShownOverThirtyDaysAndByDay) {
    const Served served;
    served.lab.sql(
        "SELECT quorate.make_minute_partitions();"
        "INSERT INTO quorate.minute SELECT date_trunc('minute', now()) - n * interval '1 minute',"
        " 1, e.id, 0, 0, 8, 1, (n = 3)::integer, decode(repeat('01', 28), 'hex'), NULL"
        " FROM quorate.endpoint e, generate_series(0, 9) n");
    const auto all = served.quorate({"uptime", "-o", "json"});
    ASSERT_EQ(all.status, 0) << all.err;
    const auto row = boost::json::parse(all.out).at(0);
    EXPECT_DOUBLE_EQ(row.at("uptime").to_number<double>(), 0.9);
    EXPECT_DOUBLE_EQ(row.at("down_minutes").to_number<double>(), 1);
    const auto daily = served.quorate({"uptime", "a", "--daily"});
    EXPECT_NE(daily.out.find(" min"), std::string::npos) << daily.out << daily.err;
    EXPECT_EQ(served.quorate({"uptime", "--daily"}).status, 1) << "of one endpoint";
    EXPECT_EQ(served.quorate({"uptime", "a", "--monthly"}).status, 0);
}

TEST(Cli, MarksOfAnIncidentAreShown) {
    const Served served;
    served.store_incidents(2);
    EXPECT_EQ(served.lab.sql("SELECT id, marks FROM dash.incident ORDER BY id"),
              "1|{}\n2|{single_witness,closed_single_witness}");
    const auto list = served.quorate({"incidents"});
    EXPECT_NE(list.out.find("MARKS"), std::string::npos) << list.out;
    EXPECT_NE(list.out.find("single_witness,closed_single_witness"), std::string::npos);
    const auto shown = served.quorate({"incidents", "show", "2"});
    EXPECT_NE(shown.out.find("marks    single_witness,closed_single_witness"), std::string::npos)
        << shown.out;
    const auto json = served.quorate({"incidents", "show", "2", "-o", "json"});
    EXPECT_EQ(boost::json::serialize(boost::json::parse(json.out).at("incident").at("marks")),
              R"(["single_witness","closed_single_witness"])");
}

TEST(Cli, AnApplyThatIsRefusedHasALineOnStderrInEitherFormat) {
    const Served served;
    const TestFolder folder;
    const auto bad = folder.file(
        "bad.yaml", "endpoints:\n  - {name: b, url: /mcp}\n  - {name: C, url: 'http://h/'}\n");
    const auto table = served.quorate({"apply", "-f", bad});
    EXPECT_EQ(table.status, 1);
    EXPECT_EQ(table.out, "");
    EXPECT_EQ(std::ranges::count(table.err, '\n'), 3) << table.err;
    EXPECT_NE(table.err.find("2 errors, nothing was changed"), std::string::npos) << table.err;

    const auto json = served.quorate({"apply", "-f", bad, "-o", "json"});
    EXPECT_EQ(json.status, 1);
    EXPECT_EQ(boost::json::parse(json.out).at("errors").as_array().size(), 2U) << json.out;
    EXPECT_EQ(std::ranges::count(json.err, '\n'), 1) << json.err;
    EXPECT_TRUE(json.err.starts_with("quorate: " + bad + ":2: endpoints[0].url: ")) << json.err;
    EXPECT_TRUE(json.err.ends_with(" (and 1 more); nothing was changed\n")) << json.err;
    EXPECT_EQ(served.lab.sql("SELECT count(*) FROM quorate.endpoint"), "1");
}

}  // namespace
}  // namespace quorate::coordinator
