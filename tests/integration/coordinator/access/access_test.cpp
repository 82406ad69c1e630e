// Who gets in, who may do what, and what is written of it: through the program, over TLS.
#include <fstream>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/coordinator/running_app.hpp"
#include "tests/integration/probe/certificate_files.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;
using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

CertificatePlan named(const std::string& name) {
    CertificatePlan plan;
    plan.name = name;
    return plan;
}

/// A coordinator that wants to know who calls; `ops.example.com` is an admin.
struct Guarded {
    explicit Guarded(double rate = 0) : app{config(rate)} {
        lab.apply(
            "endpoints:\n"
            "  - {name: a, url: 'http://h/a'}\n"
            "  - {name: b, url: 'http://h/b', tenant: acme}\n");
    }

    Config config(double rate) const {
        auto made = config_for(lab, redis.url());
        made.grpc_tls = {server.certificate.path(), server.key.path(), authority.ca_file()};
        made.grpc_admins = {"ops.example.com"};
        made.grpc_rate = rate;
        return made;
    }
    CliRun plain(Words words) const {
        words.insert(words.end(), {"--server", "127.0.0.1:" + std::to_string(app.admin_port())});
        return run_cli(words);
    }
    CliRun tls(Words words) const {
        words.insert(words.end(), {"--tls-ca", authority.ca_file()});
        return plain(std::move(words));
    }
    CliRun with(const CertificateFiles& identity, Words words) const {
        words.insert(words.end(),
                     {"--tls-cert", identity.certificate.path(), "--tls-key", identity.key.path()});
        return tls(std::move(words));
    }
    CliRun as_ops(Words words) const { return with(ops, std::move(words)); }
    CliRun with_token(const std::string& token, Words words) const {
        const TemporaryFile file{token + "\n"};
        words.insert(words.end(), {"--token-file", file.path()});
        return tls(std::move(words));
    }
    /// A new token's secret.
    std::string token(Words words) const {
        words.insert(words.begin(), {"token", "create"});
        words.insert(words.end(), {"-o", "json"});
        const auto made = as_ops(std::move(words));
        EXPECT_EQ(made.status, 0) << made.err;
        return made.status == 0
                   ? std::string{boost::json::parse(made.out).at("secret").as_string().c_str()}
                   : "";
    }
    std::string audited(const std::string& column, const std::string& where) const {
        return lab.sql("SELECT " + column + " FROM quorate.audit WHERE " + where + " ORDER BY id");
    }

    Catalogued lab;
    RedisServer redis;
    TestAuthority authority;
    CertificateFiles server{authority};
    CertificateFiles ops{authority, named("ops.example.com")};
    RunningApp app;
};

TEST(AdminAccess, WhoDoesNotSayWhoTheyAreIsRefusedAndTheRefusalIsWrittenDown) {
    const Guarded guarded;
    EXPECT_EQ(guarded.plain({"get"}).status, 1);
    const auto nobody = guarded.tls({"get"});
    EXPECT_EQ(nobody.status, 1);
    EXPECT_THAT(nobody.err, HasSubstr("say who you are: a client certificate (--tls-cert"));
    EXPECT_EQ(guarded.audited("principal, outcome", "method = 'ListEndpoints'"), "unknown|refused");
    const auto forged = guarded.with_token("qt_1_" + std::string(64, '0'), {"get"});
    EXPECT_THAT(forged.err, HasSubstr("the token is none of ours, or was revoked"));
    const CertificateFiles stranger{guarded.authority, named("stranger.example.com")};
    EXPECT_THAT(guarded.with(stranger, {"get"}).err,
                HasSubstr("the certificate's name stranger.example.com has no role"));
    const TestAuthority another{"Another authority"};
    const CertificateFiles impostor{another, named("ops.example.com")};
    const auto refused = guarded.with(impostor, {"get"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.out, Not(HasSubstr("http://h/a")));
    const auto wrong_server = guarded.plain({"get", "--tls-ca", another.ca_file()});
    EXPECT_EQ(wrong_server.status, 1) << "the coordinator's certificate is checked too";
}

TEST(AdminAccess, ACertificateOfTheConfigIsAnAdminAndGivesOthersTheirRoles) {
    const Guarded guarded;
    const auto got = guarded.as_ops({"get"});
    EXPECT_EQ(got.status, 0) << got.err;
    EXPECT_THAT(got.out, HasSubstr("http://h/a"));
    const CertificateFiles ci{guarded.authority, named("ci.example.com")};
    const auto given = guarded.as_ops(
        {"token", "create", "ci", "--role", "operator", "--certificate", "ci.example.com"});
    EXPECT_EQ(given.status, 0) << given.err;
    EXPECT_EQ(guarded.with(ci, {"pause", "a"}).status, 0);
    EXPECT_EQ(guarded.audited("principal, credential", "method = 'SetPaused'"),
              "ci|certificate ci.example.com");
    EXPECT_THAT(guarded.as_ops({"token", "create", "x", "--certificate", "ci.example.com"}).err,
                HasSubstr("ci.example.com has a role already"));
}

TEST(AdminAccess, AViewerReadsAndAnOperatorChangesButOnlyWhatIsTheirs) {
    const Guarded guarded;
    const auto viewer = guarded.token({"eyes"});
    EXPECT_EQ(guarded.with_token(viewer, {"get"}).status, 0);
    const auto refused = guarded.with_token(viewer, {"pause", "a"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("SetPaused needs the role operator; eyes has viewer"));
    EXPECT_EQ(guarded.audited("principal, outcome", "method = 'SetPaused'"), "eyes|refused");

    const auto acme = guarded.token({"team", "--role", "operator", "--tenant", "acme"});
    const auto theirs = guarded.with_token(acme, {"get"});
    EXPECT_THAT(theirs.out, HasSubstr("http://h/b"));
    EXPECT_THAT(theirs.out, Not(HasSubstr("http://h/a"))) << "another tenant's";
    EXPECT_EQ(guarded.with_token(acme, {"pause", "acme/b"}).status, 0);
    for (const Words& words : {Words{"pause", "a"},
                               Words{"explain", "a"},
                               Words{"describe", "a"},
                               Words{"get", "--tenant", "default"},
                               Words{"get", "--tenant", "acme", "default/a"},
                               Words{"watch", "--tenant", "acme", "default/a"},
                               Words{"watch", "a"},
                               Words{"forget", "--tenant", "acme", "--yes"},
                               Words{"regions", "add", "mars"},
                               Words{"token", "list"},
                               Words{"audit"}}) {
        const auto run = guarded.with_token(acme, words);
        EXPECT_NE(run.status, 0) << words[0] << run.out;
    }
    const TestFolder folder;
    const auto apply = [&](const std::string& token, const std::string& tenant) {
        return guarded.with_token(
            token,
            {"apply",
             "-f",
             folder.file(
                 "e.yaml",
                 "endpoints:\n  - {name: n, url: 'http://h/n', tenant: " + tenant + "}\n")});
    };
    EXPECT_EQ(apply(acme, "acme").status, 0);
    EXPECT_THAT(apply(acme, "default").err, HasSubstr("team may not reach the tenant default"));
    const auto everywhere = guarded.token({"everywhere", "--role", "operator"});
    EXPECT_EQ(apply(everywhere, "default").status, 0);
    EXPECT_THAT(apply(everywhere, "nova").err,
                HasSubstr("there is no tenant nova: an admin's first apply makes it"));
    EXPECT_EQ(guarded.lab.sql("SELECT count(*) FROM quorate.tenant WHERE name = 'nova'"), "0");
    EXPECT_EQ(guarded.as_ops({"get"}).status, 0);
}

TEST(AdminAccess, AnIncidentOfAnotherTenantIsNotThere) {
    const Guarded guarded;
    guarded.lab.sql(
        "INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity,"
        " worst_severity, scope, started_at, detected_at, closed_at, regions, marks)"
        " SELECT e.id, 1, e.tenant, e.name, 2, 1, 0, now(), now(), now(), '{}', '{}'"
        " FROM quorate.endpoint e WHERE name = 'a'");
    const auto acme = guarded.token({"team", "--role", "operator", "--tenant", "acme"});
    EXPECT_THAT(guarded.with_token(acme, {"incidents", "show", "1"}).err,
                HasSubstr("there is no incident 1"));
    EXPECT_THAT(guarded.with_token(acme, {"incidents", "ack", "1", "--note", "x"}).err,
                HasSubstr("there is no incident 1"));
    EXPECT_EQ(guarded.lab.sql("SELECT count(*) FROM quorate.incident_ack"), "0");
    EXPECT_EQ(guarded.as_ops({"incidents", "show", "1"}).status, 0);
}

TEST(AdminAccess, ARevokedOrExpiredTokenIsOfNoMoreUseNorIsItsOpenWatch) {
    const Guarded guarded;
    const auto token = guarded.token({"short", "--expires-in-days", "1"});
    const auto id = token.substr(3, token.find('_', 3) - 3);
    CliRun watched;
    std::thread watching{[&] { watched = guarded.with_token(token, {"watch"}); }};
    EXPECT_TRUE(comes_to_hold([&] {
        return guarded.as_ops({"token", "list"}).status == 0 &&
               guarded.with_token(token, {"get"}).status == 0;
    }));
    EXPECT_THAT(guarded.as_ops({"token", "revoke", id}).out, HasSubstr(id + " revoked"));
    EXPECT_THAT(guarded.with_token(token, {"get"}).err, HasSubstr("or was revoked"));
    watching.join();
    EXPECT_EQ(watched.status, 1);
    EXPECT_THAT(watched.err, HasSubstr("revoked"));
    EXPECT_THAT(guarded.as_ops({"token", "revoke", id}).out, HasSubstr("was revoked already"));
    EXPECT_THAT(guarded.as_ops({"token", "list"}).out, Not(HasSubstr("short")));
    EXPECT_THAT(guarded.as_ops({"token", "list", "--all"}).out, HasSubstr("short"));

    const auto old = guarded.token({"old", "--expires-in-days", "1"});
    guarded.lab.sql("UPDATE quorate.credential SET expires_at = now() WHERE principal = 'old'");
    CliRun run;
    EXPECT_TRUE(comes_to_hold([&] {
        run = guarded.with_token(old, {"get"});
        return run.status == 1;
    }));
    EXPECT_THAT(run.err, HasSubstr("of old has expired: ask an admin for another"));
}

TEST(AdminAccess, NobodyGivesMoreThanTheyHave) {
    const Guarded guarded;
    const auto bound = guarded.token({"lead", "--role", "admin", "--tenant", "acme"});
    EXPECT_EQ(guarded.with_token(bound, {"token", "create", "dev", "--tenant", "acme"}).status, 0);
    EXPECT_EQ(guarded.with_token(bound, {"token", "create", "dev2"}).status, 0);
    EXPECT_EQ(guarded.lab.sql("SELECT tenants FROM quorate.credential WHERE principal = 'dev2'"),
              "{acme}");
    EXPECT_THAT(guarded.with_token(bound, {"token", "create", "x", "--tenant", "default"}).err,
                HasSubstr("lead may not reach the tenant default"));
    EXPECT_THAT(
        guarded.with_token(bound, {"token", "create", "x", "--certificate", "x.example"}).err,
        HasSubstr("gives certificates no role"));
    EXPECT_THAT(guarded.with_token(bound, {"regions", "add", "mars"}).err,
                HasSubstr("AddRegion concerns all tenants; lead is bound to some"));
    guarded.token({"free", "--role", "operator"});
    const auto seen = guarded.with_token(bound, {"token", "list"});
    EXPECT_THAT(seen.out, HasSubstr("dev2"));
    EXPECT_THAT(seen.out, Not(HasSubstr("free"))) << "nor sees what reaches further";
    EXPECT_THAT(guarded.with_token(bound, {"token", "revoke", "4"}).err,
                HasSubstr("there is no token 4"));
}

TEST(AdminAccess, EveryChangeIsInTheAuditLogWithItsReasonAndItsDiff) {
    const Guarded guarded;
    const auto paused = guarded.as_ops({"pause", "acme/b", "--reason", "moved to \"eu\"; ünïcode"});
    EXPECT_EQ(paused.status, 0) << paused.err;
    const auto log =
        boost::json::parse(guarded.as_ops({"audit", "--method", "SetPaused", "-o", "json"}).out);
    ASSERT_EQ(log.as_array().size(), 1U);
    const auto& row = log.at(0);
    EXPECT_EQ(row.at("principal").as_string(), "ops.example.com");
    EXPECT_EQ(row.at("credential").as_string(), "certificate ops.example.com");
    EXPECT_EQ(row.at("target").as_string(), "acme/b");
    EXPECT_EQ(row.at("reason").as_string(), "moved to \"eu\"; ünïcode");
    EXPECT_EQ(row.at("outcome").as_string(), "done");
    EXPECT_EQ(row.at("before_sha256").as_string().size(), 64U);
    EXPECT_NE(row.at("before_sha256"), row.at("after_sha256"));
    const auto shown = guarded.as_ops({"audit", "--changes", "--tenant", "acme"}).out;
    EXPECT_THAT(shown, HasSubstr("-    paused: false\n+    paused: true\n")) << shown;
    EXPECT_EQ(guarded.as_ops({"pause", "acme/b"}).status, 0);
    EXPECT_EQ(guarded.audited("method", "method = 'SetPaused'"), "SetPaused")
        << "what changed nothing is no change";
    guarded.token({"eyes"});
    EXPECT_EQ(guarded.audited("principal, target", "method = 'CreateToken'"),
              "ops.example.com|token 1");
}

TEST(AdminAccess, TheServicesOwnRoleChangesNoRowOfTheAuditLogAndDeletesNoCredential) {
    const Guarded guarded;
    guarded.token({"eyes"});
    for (const auto* role : {"quorate_coordinator", "quorate_archiver", "quorate_reader"})
        for (const auto* text : {"DELETE FROM quorate.audit",
                                 "UPDATE quorate.audit SET reason = 'x'",
                                 "TRUNCATE quorate.audit",
                                 "DELETE FROM quorate.credential",
                                 "UPDATE quorate.credential SET role = 'admin'"})
            EXPECT_THAT(guarded.lab.sql_as(role, text), HasSubstr("permission denied"))
                << role << ": " << text;
}

TEST(AdminAccess, ATokensSecretStandsNowhere) {
    const Guarded guarded;
    const auto token = guarded.token({"eyes"});
    const auto secret = token.substr(token.rfind('_') + 1);
    EXPECT_EQ(guarded.lab.sql("SELECT count(*) FROM quorate.credential c WHERE c::text LIKE '%" +
                              secret + "%'"),
              "0");
    EXPECT_EQ(guarded.lab.sql("SELECT count(*) FROM quorate.audit a WHERE a::text LIKE '%" +
                              secret + "%'"),
              "0");
    EXPECT_THAT(guarded.as_ops({"token", "list", "-o", "json"}).out, Not(HasSubstr(secret)));
}

TEST(AdminAccess, WhoCallsTooOftenIsToldSo) {
    const Guarded guarded{0.5};  // five at once
    CliRun run;
    int calls = 0;
    do {
        run = guarded.as_ops({"version"});
        run = guarded.as_ops({"regions"});
    } while (run.status == 0 && ++calls < 100);
    EXPECT_THAT(run.err, HasSubstr("ops.example.com calls too often; try again in a second"));
    EXPECT_LT(calls, 100);
}

TEST(AdminAccess, ATokenIsNotSentInTheClearToAnotherMachine) {
    const TemporaryFile file{"qt_1_" + std::string(64, '0')};
    const auto run = run_cli({"get", "--server", "198.51.100.1:1", "--token-file", file.path()});
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.err, HasSubstr("with TLS alone"));
}

TEST(AdminAccess, ATlsFileThatIsOfNoUseIsNamedAtTheStart) {
    Catalogued lab;
    RedisServer redis;
    const TestAuthority authority;
    const CertificateFiles one{authority};
    const CertificateFiles two{authority};
    const auto why = [&](AdminTls tls) -> std::string {
        auto config = config_for(lab, redis.url());
        config.grpc_tls = std::move(tls);
        asio::io_context io{1};
        try {
            App app{io.get_executor(), config, "1.2.3"};
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return {};
    };
    EXPECT_THAT(why({"/nonexistent", one.key.path(), {}}),
                HasSubstr("/nonexistent is no certificate"));
    EXPECT_THAT(why({one.certificate.path(), two.key.path(), {}}),
                HasSubstr(two.key.path() + " is no private key of the certificate"));
    EXPECT_THAT(why({one.certificate.path(), one.key.path(), one.key.path()}),
                HasSubstr(one.key.path() + " holds no certificates"));
    EXPECT_EQ(why({one.certificate.path(), one.key.path(), authority.ca_file()}), "");
}

}  // namespace
}  // namespace quorate::coordinator
