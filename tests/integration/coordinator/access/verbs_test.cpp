// Every verb against a real coordinator over TLS, by an operator with a client certificate.
#include <set>
#include <sstream>

#include "tests/integration/coordinator/access/guarded.hpp"
#include "tests/integration/coordinator/sealed_minutes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::ChildProcess;
using quorate::testing::comes_to_hold;
using quorate::testing::Guarded;
using quorate::testing::http_get;
using quorate::testing::packed;
using quorate::testing::Words;
using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
    Words words;
    int status = 0;
    std::string says{};  ///< on stdout where it is done, on stderr where not
};

/// An incident, a sealed minute and files to apply.
struct Filled : Guarded {
    Filled() {
        lab.sql(
            "INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity,"
            " worst_severity, scope, started_at, detected_at, closed_at, regions, marks)"
            " SELECT e.id, 1, e.tenant, e.name, 2, 1, 0, now(), now(), now(), '{}', '{}'"
            " FROM quorate.endpoint e WHERE name = 'a'");
        store_minute(lab,
                     "a",
                     UtcMinute::containing(lab.clock.now, lab.deployment.window)
                         .plus(2, lab.deployment.window),
                     Decision::ok,
                     Scope::none,
                     8,
                     {packed(1, Verdict::up, RegionPhase::healthy),
                      packed(2, Verdict::up, RegionPhase::healthy),
                      packed(3, Verdict::up, RegionPhase::healthy)});
    }
    const TestFolder folder;
    const std::string file =
        folder.file("e.yaml", "endpoints:\n  - {name: n, url: 'http://h/n', tenant: acme}\n");
    const std::string value = folder.file("value", "tok-of-eight-or-more\n");
};

/// In this order: what one makes the next one asks for.
std::vector<Case> cases(const Filled& filled) {
    const Words window{"--tenant", "acme", "--for", "1h", "--reason", "r", "--owner", "o"};
    const auto create = [&](Words words) {
        words.insert(words.end(), window.begin(), window.end());
        return words;
    };
    return {
        {{"version"}, 0, "quorate "},
        {{"diff", "-f", filled.file}, 3, "acme/n"},
        {{"apply", "-f", filled.file}, 0, "1 created"},
        {{"export"}, 0, "http://h/n"},
        {{"get"}, 0, "http://h/a"},
        {{"describe", "a"}, 0, "http://h/a"},
        {{"explain", "a"}, 0, "us-east"},
        {{"replay", "a", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z"}},
        {{"uptime"}, 0, "acme/b"},
        {{"incidents", "list"}, 0, "default/a"},
        {{"incidents", "show", "1"}, 0, "default/a"},
        {{"incidents", "ack", "1", "--note", "seen"}, 0},
        {{"run-now", "acme/nobody"}, 1, "there is no endpoint acme/nobody"},
        {{"pause", "a"}, 0, "paused"},
        {{"resume", "a"}, 0, "not paused"},
        {create({"silence", "create"})},
        {{"silence", "list"}, 0, "acme"},
        {{"silence", "end", "1"}},
        {create({"maintenance", "create"})},
        {{"maintenance", "list"}, 0, "acme"},
        {{"maintenance", "end", "1"}},
        {{"queues"}, 0, "us-east"},
        {{"regions"}, 0, "us-east"},
        {{"regions", "list"}, 0, "us-east"},
        {{"regions", "add", "sa-east", "--no-redis-user"}, 0, "sa-east"},
        {{"regions", "drain", "sa-east"}, 0, "sa-east"},
        {{"regions", "resume", "sa-east"}, 0, "sa-east"},
        {{"regions", "remove", "sa-east"}, 1, "drain it first"},
        {{"drain", "sa-east"}, 0, "sa-east"},
        {{"agents"}},
        {{"agents", "list"}},
        {{"agents", "cordon", "a1"}, 1, "there is no agent a1"},
        {{"agents", "uncordon", "a1"}, 1, "there is no agent a1"},
        {{"tenants"}, 0, "acme"},
        {{"tenants", "list"}, 0, "acme"},
        {{"tenants", "set", "acme", "--tier", "free"}},
        {{"secret", "set", "s", "--from-file", filled.value}, 1, "has no wrapping key"},
        {{"secret", "list"}},
        {{"secret", "delete", "s"}, 1, "there is no secret"},
        {{"secret", "rotate"}, 1, "has no wrapping key"},
        {{"token", "create", "ci", "--role", "viewer"}, 0, "qt_1_"},
        {{"token", "list"}, 0, "ci"},
        {{"token", "revoke", "1"}},
        {{"audit"}, 0, "RevokeToken"},
        {{"forget", "--tenant", "acme", "--yes"}, 1, "is watched still"},
        {{"config", "show", "coordinator"}, 0, "grpc.rate"},
        {{"config", "path"}},
        {{"completion", "bash"}, 0, "quorate"},
        {{"probe", "http://127.0.0.1:1/mcp", "--no-retry"}, 1},
    };
}

/// The verbs that the program names.
std::set<std::string> verbs() {
    std::istringstream help{run_cli({"--help"}).out};
    std::set<std::string> found;
    bool listed = false;
    for (std::string line; std::getline(help, line);) {
        if (line == "Subcommands:") listed = true;
        if (!listed || !line.starts_with("  ") || line.starts_with("   ")) continue;
        found.insert(line.substr(2, line.find(' ', 2) - 2));
    }
    return found;
}

TEST(AdminVerbs, EachIsServedOverTlsAndSaysWhatItDidOrWhyNot) {
    const Filled filled;
    std::set<std::string> used{"watch"};  // below
    for (const auto& [words, status, says] : cases(filled)) {
        used.insert(words.front());
        const bool serverless = words.front() == "completion" || words.front() == "probe" ||
                                (words.front() == "config" && words[1] == "path");
        const auto run = serverless ? run_cli(words) : filled.as_ops(words);
        const auto shown = words.front() + " " + (words.size() > 1 ? words[1] : "");
        EXPECT_EQ(run.status, status) << shown << ": " << run.err << run.out;
        EXPECT_THAT(status == 1 && !serverless ? run.err : run.out, HasSubstr(says)) << shown;
        if (status == 1 && !serverless) {
            EXPECT_THAT(run.err, Not(HasSubstr("no coordinator answers"))) << shown;
        }
    }
    EXPECT_EQ(used, verbs()) << "a verb that this test does not call, or that is none";
}

TEST(AdminVerbs, WatchIsServedOverTls) {
    const Filled filled;
    const auto out = filled.folder.path("watch.err");
    const ChildProcess watch{{std::string{QUORATE_BINARY_DIR} + "/bin/quorate",
                              "watch",
                              "--server",
                              "127.0.0.1:" + std::to_string(filled.app.admin_port()),
                              "--tls-ca",
                              filled.authority.ca_file(),
                              "--tls-cert",
                              filled.ops.certificate.path(),
                              "--tls-key",
                              filled.ops.key.path()},
                             out};
    EXPECT_TRUE(comes_to_hold([&] {
        return http_get(filled.app.health_port(), "/metrics")
                   .find("quorate_coordinator_watchers 1") != std::string::npos;
    })) << TestFolder::contents(out);
}

}  // namespace
}  // namespace quorate::coordinator
