// Who gets in, who may do what, and what is written of it: through the program, over TLS.
#include "tests/integration/coordinator/access/guarded.hpp"
#include "tests/integration/coordinator/processes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::Guarded;
using quorate::testing::http_get;
using quorate::testing::named;
using quorate::testing::RedisServer;
using quorate::testing::Words;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(AdminAccess, WhoDoesNotSayWhoTheyAreIsRefusedAndTheRefusalIsWrittenDown) {
    const Guarded guarded;
    const auto clear = guarded.plain({"get"});
    EXPECT_EQ(clear.status, 1);
    EXPECT_THAT(clear.err, HasSubstr("ends the connection at once: does it want TLS"));
    const auto nobody = guarded.tls({"get"});
    EXPECT_EQ(nobody.status, 1);
    EXPECT_THAT(nobody.err, HasSubstr("say who you are: a client certificate (--tls-cert"));
    EXPECT_TRUE(
        guarded.comes_to_say("principal, outcome", "method = 'ListEndpoints'", "unknown|refused"));
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
    EXPECT_THAT(refused.err, HasSubstr("it may be that it does not take our certificate"));
    const auto wrong_server = guarded.plain({"get", "--tls-ca", another.ca_file()});
    EXPECT_EQ(wrong_server.status, 1) << "the coordinator's certificate is checked too";
    EXPECT_THAT(wrong_server.err,
                AllOf(HasSubstr("is not trusted: the authorities in " + another.ca_file()),
                      Not(HasSubstr("is it running"))));
    EXPECT_THAT(guarded.tls({"get", "--tls-server-name", "other.example.com"}).err,
                HasSubstr("bears another name; where that is right, give it with "
                          "--tls-server-name NAME"));
    EXPECT_THAT(refused.err, Not(HasSubstr("is it running")));
    for (const auto& run : {clear, nobody, refused, wrong_server})
        EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
    EXPECT_THAT(run_cli({"get",
                         "--tls-ca",
                         guarded.authority.ca_file(),
                         "--server",
                         "127.0.0.1:" + std::to_string(guarded.app.health_port())})
                    .err,
                HasSubstr("does not speak TLS"));
}

TEST(AdminAccess, WhoIsBoundLearnsNothingOfOtherTenantsSecretsByApplying) {
    const Guarded guarded;
    guarded.lab.sql(
        "INSERT INTO quorate.data_key (tenant, generation, wrapped, wrapping_key)"
        " VALUES ('default', 1, '\\x00', 'k');"
        "INSERT INTO quorate.secret (tenant, name, version, key_generation, sealed, changed_by)"
        " VALUES ('default', 'there', 1, 1, '\\x00', 'test')");
    const auto acme = guarded.token({"team", "--role", "operator", "--tenant", "acme"});
    const TestFolder folder;
    const auto apply = [&](const std::string& more) {
        return guarded.with_token(
            acme,
            {"apply",
             "--dry-run",
             "-f",
             folder.file("e.yaml",
                         "endpoints:\n  - {name: n, url: 'https://h/n', tenant: default, auth: "
                         "{bearer: {secret: " +
                             more)});
    };
    const auto there = apply("there}}}\n");
    EXPECT_THAT(there.err, HasSubstr("team may not reach the tenant default"));
    EXPECT_EQ(apply("nowhere}}}\n").err, there.err);
    EXPECT_TRUE(guarded.comes_to_say("principal, outcome",
                                     "method = 'Apply' AND outcome = 'refused'",
                                     "team|refused\nteam|refused"));
    // A tenant that can't be read is an error of the file, whatever else is in it.
    const std::string wrong = "}}}\n  - {name: m, url: 'http://h/m', tenant: 'A B'}\n";
    EXPECT_THAT(
        apply("there" + wrong).err,
        AllOf(HasSubstr("endpoints[1].tenant"), HasSubstr("there is no secret default/there")));
    EXPECT_EQ(guarded.as_ops({"get"}).status, 0);
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
    EXPECT_TRUE(guarded.comes_to_say("principal, target, tenants, left(peer, 15), outcome",
                                     "method = 'SetPaused'",
                                     "eyes|default/a|{default}|ipv4:127.0.0.1:|refused"));

    const auto acme = guarded.token({"team", "--role", "operator", "--tenant", "acme"});
    const auto theirs = guarded.with_token(acme, {"get"});
    EXPECT_THAT(theirs.out, HasSubstr("http://h/b"));
    EXPECT_THAT(theirs.out, Not(HasSubstr("http://h/a"))) << "another tenant's";
    EXPECT_EQ(guarded.with_token(acme, {"pause", "acme/b"}).status, 0);
    const std::string theirs_not = "team may not reach the tenant default";
    const std::string not_of = "endpoint default/a is not of tenant acme";
    for (const auto& [words, why] :
         {std::pair{Words{"pause", "a"}, theirs_not},
          std::pair{Words{"explain", "a"}, theirs_not},
          std::pair{Words{"describe", "a"}, theirs_not},
          std::pair{Words{"get", "--tenant", "default"}, theirs_not},
          std::pair{Words{"get", "--tenant", "acme", "default/a"}, not_of},
          std::pair{Words{"watch", "--tenant", "acme", "default/a"}, not_of},
          std::pair{Words{"watch", "a"}, theirs_not},
          std::pair{Words{"forget", "--tenant", "acme", "--yes"},
                    std::string{"Forget needs the role admin; team has operator"}},
          std::pair{Words{"regions", "add", "mars"},
                    std::string{"AddRegion needs the role admin; team has operator"}},
          std::pair{Words{"token", "list"},
                    std::string{"ListTokens needs the role admin; team has operator"}},
          std::pair{Words{"audit"},
                    std::string{"ListAudit needs the role admin; team has operator"}}}) {
        const auto run = guarded.with_token(acme, words);
        EXPECT_EQ(run.status, 1) << words[0] << run.out;
        EXPECT_THAT(run.err, HasSubstr(why)) << words[0];
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
        return http_get(guarded.app.health_port(), "/metrics")
                   .find("quorate_coordinator_watchers 1") != std::string::npos;
    }));
    EXPECT_EQ(guarded.with_token(token, {"get"}).status, 0);
    EXPECT_THAT(guarded.as_ops({"token", "revoke", id}).out, HasSubstr(id + " revoked"));
    EXPECT_THAT(guarded.with_token(token, {"get"}).err, HasSubstr("or was revoked"));
    watching.join();
    EXPECT_EQ(watched.status, 1);
    EXPECT_THAT(watched.err, HasSubstr("token " + id + " has expired or was revoked"));
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
    const auto by_name =
        run_cli({"get", "--server", "127.evil.example:7443", "--token-file", file.path()});
    EXPECT_THAT(by_name.err, HasSubstr("with TLS alone")) << "a name is no loopback address";
}

TEST(AdminAccess, WhoeverForgetsATenantEndsWhatIsBoundToItAlone) {
    const Guarded guarded;
    guarded.token({"old", "--tenant", "gone"});
    guarded.token({"both", "--tenant", "gone", "--tenant", "acme"});
    guarded.lab.sql("INSERT INTO quorate.tenant (name) VALUES ('gone')");
    const auto forgotten = guarded.as_ops({"forget", "--tenant", "gone", "--yes"});
    EXPECT_EQ(forgotten.status, 0) << forgotten.err;
    EXPECT_EQ(
        guarded.lab.sql("SELECT principal FROM quorate.credential WHERE revoked_at IS NOT NULL"),
        "old");
    EXPECT_EQ(guarded.audited("principal, target, tenants", "method = 'RevokeToken'"),
              "ops.example.com|token 1|{gone}");
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
