// The rules of credentials, asked directly, where a race or a date can be made.
#include "coordinator/access/credentials.hpp"

#include "coordinator/access/access.hpp"
#include "coordinator/catalog/listing.hpp"
#include "tests/integration/coordinator/access/guarded.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::kNow;
using quorate::testing::run_task;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

using Names = std::vector<std::string>;

struct Stored : Catalogued {
    v1::CreateTokenResponse create(const v1::CreateTokenRequest& request,
                                   const Caller& caller,
                                   const Names& admins = {}) {
        return database->transact_blocking([&](auto& work) {
            work.exec("SET LOCAL ROLE quorate_coordinator");  // it may not do everything
            return create_token(work, request, caller, clock.now, admins);
        });
    }
    Caller caller_of(const v1::Token& token) const {
        Caller caller;
        caller.actor.principal = token.principal();
        caller.actor.credential = "token " + std::to_string(token.id());
        caller.role = *role_named(token.role());
        if (token.tenants_size() > 0)
            caller.tenants = std::set<std::string>{token.tenants().begin(), token.tenants().end()};
        caller.credential = static_cast<std::int64_t>(token.id());
        return caller;
    }
    Caller root{{"root", "local", ""}, Role::admin, {}, {}};
};

v1::CreateTokenRequest wanted(const std::string& principal,
                              const std::string& role = "viewer",
                              std::uint32_t days = 0) {
    v1::CreateTokenRequest request;
    request.set_principal(principal);
    request.set_role(role);
    request.set_expires_in_days(days);
    return request;
}

TEST(Credentials, ATokenEndsNoLaterThanTheOneThatMadeIt) {
    Stored lab;
    const auto made = lab.create(wanted("lead", "admin", 1), lab.root).token();
    const auto lead = lab.caller_of(made);
    EXPECT_EQ(lab.create(wanted("dev"), lead).token().expires_at_us(), made.expires_at_us());
    EXPECT_EQ(lab.create(wanted("dev", "viewer", 30), lead).token().expires_at_us(),
              made.expires_at_us());
    lab.clock.now += std::chrono::hours{23};
    EXPECT_EQ(lab.create(wanted("dev", "viewer", 1), lead).token().expires_at_us(),
              made.expires_at_us());
    EXPECT_FALSE(lab.create(wanted("eyes"), lab.root).token().has_expires_at_us());
}

TEST(Credentials, WhoseTokenHasEndedSinceItWasReadMakesNoOther) {
    Stored lab;
    const auto revoked = lab.caller_of(lab.create(wanted("lead", "admin"), lab.root).token());
    lab.sql("UPDATE quorate.credential SET revoked_at = now(), revoked_by = 'x'");
    EXPECT_THAT([&] { lab.create(wanted("dev"), revoked); },
                ThrowsMessage<AccessRefused>(HasSubstr("token 1 has expired or was revoked")));
    const auto expired = lab.caller_of(lab.create(wanted("lead", "admin", 1), lab.root).token());
    lab.clock.now += std::chrono::hours{24};
    EXPECT_THAT([&] { lab.create(wanted("dev"), expired); },
                ThrowsMessage<AccessRefused>(HasSubstr("token 2 has expired or was revoked")));
}

TEST(Credentials, OnesThatHaveExpiredCountForNothingAndAreNotReadForEver) {
    Stored lab;
    lab.sql(
        "INSERT INTO quorate.credential (principal, secret_sha256, role, created_at, created_by,"
        " expires_at) SELECT 'old', 'x', 'viewer', now(), 'x', '2001-01-01'"
        " FROM generate_series(1, 10000)");
    lab.clock.now = SystemClock{}.utc_now();
    const auto made = lab.create(wanted("dev"), lab.root).token();
    const auto load = [&] { return lab.database->transact_blocking(load_credentials); };
    ASSERT_EQ(load().size(), 1U);
    EXPECT_EQ(load()[0].id, static_cast<std::int64_t>(made.id()));
    lab.sql("UPDATE quorate.credential SET expires_at = now() - interval '1 day' WHERE id = 1");
    EXPECT_EQ(load().size(), 2U) << "its bearer is told that it expired";
    lab.sql("UPDATE quorate.credential SET expires_at = NULL WHERE principal = 'old'");
    EXPECT_THAT([&] { lab.create(wanted("more"), lab.root); },
                ThrowsMessage<BadRequest>(HasSubstr("there are 10000 tokens already")));
}

TEST(Credentials, NobodyIsGivenANameThatIsAnothers) {
    Stored lab;
    for (const auto* name : {"local", "unknown", "coordinator"})
        EXPECT_THAT([&] { lab.create(wanted(name), lab.root); },
                    ThrowsMessage<BadRequest>(HasSubstr("is a name of the coordinator's own")));
    EXPECT_THAT([&] { lab.create(wanted("boss"), lab.root, {"boss"}); },
                ThrowsMessage<BadRequest>(HasSubstr("boss is an admin by grpc.admins")));
    auto certificate = wanted("ci");
    certificate.set_certificate("boss");
    EXPECT_THAT([&] { lab.create(certificate, lab.root, {"boss"}); },
                ThrowsMessage<BadRequest>(HasSubstr("boss is an admin by grpc.admins")));
    lab.create(certificate, lab.root);
    v1::RevokeTokenRequest revoke;
    revoke.set_id(1);
    const auto end = [&](const Names& admins) {
        return lab.database->transact_blocking([&](auto& work) {
            work.exec("SET LOCAL ROLE quorate_coordinator");
            return revoke_token(work, revoke, lab.root, admins);
        });
    };
    EXPECT_THAT([&] { end({"boss"}); }, ThrowsMessage<BadRequest>(HasSubstr("stays an admin")));
    EXPECT_TRUE(end({}).changed());

    auto bound = wanted("lead", "admin");
    bound.add_tenants("acme");
    const auto lead = lab.caller_of(lab.create(bound, lab.root).token());
    lab.create(wanted("everywhere"), lab.root);
    EXPECT_THAT([&] { lab.create(wanted("everywhere"), lead); },
                ThrowsMessage<AccessRefused>(HasSubstr("is in use beyond your tenants")));
    lab.create(wanted("dev"), lead);
    EXPECT_EQ(lab.create(wanted("dev"), lead).token().principal(), "dev") << "theirs already";
}

TEST(Credentials, TheAuditLogSaysAllOfAToken) {
    Stored lab;
    auto request = wanted("dev", "operator", 1);
    request.add_tenants("acme");
    request.add_tenants("beta");
    lab.create(request, lab.root);
    v1::RevokeTokenRequest revoke;
    revoke.set_id(1);
    lab.database->transact_blocking(
        [&](auto& work) { return revoke_token(work, revoke, lab.root, {}); });
    const auto text = "principal: dev\nrole: operator\ntenants: [acme, beta]\nexpires: " +
                      to_rfc3339(kNow + std::chrono::hours{24});
    EXPECT_EQ(lab.sql("SELECT rtrim(changes->0->>'after', E'\\n') FROM quorate.audit"
                      " WHERE method = 'CreateToken'"),
              text);
    EXPECT_EQ(lab.sql("SELECT rtrim(changes->0->>'before', E'\\n') FROM quorate.audit"
                      " WHERE method = 'RevokeToken'"),
              text);
}

/// Access with a clock that stands; nothing runs by itself.
struct Kept : Stored {
    Presented presented(const v1::CreateTokenResponse& made) const {
        Presented with;
        with.authorization = "Bearer " + made.secret();
        return with;
    }
    asio::io_context io{1};
    Metrics metrics;
    CoordinatorMetrics counts{metrics};
    Logger log{"test", LogLevel::error, clock};
    Database other{[] {
        DatabaseOptions options;
        options.conninfo = "host=127.0.0.1 port=1 connect_timeout=2";
        return options;
    }()};
    Access access{io.get_executor(), {*database, other, clock, log, counts}, {true, {}, 0}};
};

TEST(Access, CredentialsAreReadThoughNothingElseCanBeAndARevokedOneEndsAtOnce) {
    Kept lab;
    const auto made = lab.create(wanted("dev"), lab.root);
    run_task(lab.access.take_change());
    const auto with = lab.presented(made);
    const auto caller = lab.access.admit("GetVersion", with);
    EXPECT_EQ(caller.actor.principal, "dev");
    lab.access.revoked(1);
    EXPECT_FALSE(lab.access.still_valid(caller));
    EXPECT_THAT([&] { lab.access.admit("GetVersion", with); },
                ThrowsMessage<AccessRefused>(HasSubstr("none of ours, or was revoked")));
}

TEST(Access, RefusalsOfTheUnknownCrowdOutNobodyElsesAndAreCounted) {
    Kept lab;
    const auto made = lab.create(wanted("dev"), lab.root);
    run_task(lab.access.take_change());
    const AccessRefused unknown{AccessRefused::Why::unknown, "who?"};
    const AccessRefused denied{AccessRefused::Why::denied, "no"};
    const AccessRefused busy{AccessRefused::Why::busy, "slowly"};
    int rows = 0;
    for (int i = 0; i < 1000; ++i)
        rows += lab.access.note_refusal("Apply", {}, unknown).has_value() ? 1 : 0;
    EXPECT_EQ(rows, 100);
    const auto with = lab.presented(made);
    const auto note = [&](const AccessRefused& why) {
        return lab.access.note_refusal("Apply", with, why);
    };
    const auto mine = note(denied);
    ASSERT_TRUE(mine.has_value());
    EXPECT_EQ(mine->actor.principal, "dev");
    EXPECT_TRUE(note(busy).has_value());
    EXPECT_FALSE(note(busy).has_value()) << "one a minute";
    EXPECT_EQ(note(denied)->entry.detail, "no; 1 more before it are not in this log");
    lab.clock.now += std::chrono::seconds{1};
    EXPECT_EQ(lab.access.note_refusal("Apply", {}, unknown)->entry.detail,
              "who?; 900 more before it are not in this log");
}

TEST(Access, ARefusedCallsRowSaysWhatWasAskedForAndWhatWasShown) {
    Kept lab;
    run_task(lab.access.take_change());
    Presented with;
    with.authorization = "Bearer qt_7_" + std::string(64, 'a');
    with.peer = "ipv4:192.0.2.1:9";
    with.target = "acme/b";
    with.tenants = {"acme"};
    const AccessRefused refused{AccessRefused::Why::unknown, "who?"};
    const auto call = lab.access.note_refusal("SetPaused", with, refused);
    ASSERT_TRUE(call.has_value());
    EXPECT_EQ(call->actor.principal, "unknown");
    EXPECT_EQ(call->actor.credential, "token 7 (not accepted)");
    EXPECT_EQ(call->entry.target, "acme/b");
    EXPECT_EQ(call->entry.peer, "ipv4:192.0.2.1:9");
    EXPECT_EQ(call->entry.tenants, Names{"acme"});
    with.tenants = {"acme", "No Name"};
    EXPECT_TRUE(lab.access.note_refusal("SetPaused", with, refused)->entry.tenants.empty())
        << "else acme's would see what is not theirs alone";
}

TEST(Access, ACallIsCountedByWhatIsShownNotByAName) {
    Stored lab;
    asio::io_context io{1};
    Metrics metrics;
    CoordinatorMetrics counts{metrics};
    Logger log{"test", LogLevel::error, lab.clock};
    Access access{
        io.get_executor(), {*lab.database, *lab.database, lab.clock, log, counts}, {true, {}, 0.1}};
    const auto one = lab.create(wanted("dev"), lab.root);
    const auto two = lab.create(wanted("dev"), lab.root);
    run_task(access.take_change());
    Presented with;
    with.authorization = "Bearer " + one.secret();
    access.admit("GetVersion", with);
    EXPECT_THROW(access.admit("GetVersion", with), AccessRefused);
    with.authorization = "Bearer " + two.secret();
    EXPECT_EQ(access.admit("GetVersion", with).actor.principal, "dev");
}

TEST(Access, OfACertificatesNamesAnExpiredOneHidesNoOther) {
    Kept lab;
    auto old = wanted("old", "viewer", 1);
    old.set_certificate("old.example.com");
    auto young = wanted("young");
    young.set_certificate("young.example.com");
    lab.create(old, lab.root);
    lab.create(young, lab.root);
    lab.sql("UPDATE quorate.credential SET expires_at = now() WHERE principal = 'old'");
    lab.clock.now = SystemClock{}.utc_now() + std::chrono::hours{1};
    run_task(lab.access.take_change());
    Presented with;
    with.certificate_names = {"old.example.com", "young.example.com"};
    EXPECT_EQ(lab.access.admit("GetVersion", with).actor.principal, "young");
    with.certificate_names = {"old.example.com"};
    EXPECT_THAT([&] { lab.access.admit("GetVersion", with); },
                ThrowsMessage<AccessRefused>(HasSubstr("has expired")));
}

}  // namespace
}  // namespace quorate::coordinator
