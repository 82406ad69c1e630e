// What operators order of secrets, and what jobs get of them, on a real Postgres.
#include "coordinator/secrets/secrets.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "coordinator/catalog/reports.hpp"
#include "coordinator/secrets/vault.hpp"
#include "core/model/credentials.hpp"
#include "platform/telemetry/metrics.hpp"
#include "tests/integration/coordinator/lab.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::coordinator {
namespace {

using namespace std::chrono_literals;
using quorate::testing::Catalogued;
using quorate::testing::kNow;
using quorate::testing::run_task;

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

const std::string kValue = "tok-5e3c1a-do-not-tell";

/// A coordinator's secrets, as its own database role.
struct Kept : Catalogued {
    Kept() { use_keys(std::string(64, '1')); }

    /// Another config, and so another process.
    void use_keys(const std::string& ring) {
        const auto path = folder.path() + "/keys";
        std::ofstream{path} << ring << '\n';
        std::filesystem::permissions(path, std::filesystem::perms{0600});
        use({path, {}, {}});
    }
    void use(WrappingSource source) {
        keys = std::make_unique<DataKeys>(std::move(source));
        secrets = std::make_unique<Secrets>(
            SecretsContext{own, *keys, clock, log, [this] { ++changes; }});
        vault = std::make_unique<Vault>(io.get_executor(),
                                        VaultContext{own, *keys, clock, log, counts});
    }
    /// Another coordinator on the same database.
    struct Another {
        explicit Another(Kept& lab)
            : keys{{lab.folder.path() + "/keys", {}, {}}},
              secrets{SecretsContext{lab.own, keys, lab.clock, lab.log, [] {}}},
              lab_{lab} {}
        void rotate() { run_task(secrets.rotate({}, lab_.root)); }
        void set(const std::string& secret, const std::string& value) {
            run_task(secrets.set(lab_.request(secret, value), lab_.root));
        }
        DataKeys keys;
        Secrets secrets;

    private:
        Kept& lab_;
    };
    v1::SetSecretRequest request(const std::string& secret,
                                 const std::string& value = kValue,
                                 const std::string& tenant = "acme") const {
        v1::SetSecretRequest request;
        request.set_tenant(tenant);
        request.set_name(secret);
        request.set_value(value);
        return request;
    }
    v1::SetSecretResponse set(const v1::SetSecretRequest& request) {
        return run_task(secrets->set(request, root));
    }
    v1::SetSecretResponse set(const std::string& secret, const std::string& value = kValue) {
        return set(request(secret, value));
    }
    void remove(const std::string& secret) {
        v1::DeleteSecretRequest request;
        request.set_tenant("acme");
        request.set_name(secret);
        run_task(secrets->remove(request, root));
    }
    v1::RotateSecretsResponse rotate(bool wrapping_key_only = false) {
        v1::RotateSecretsRequest request;
        request.set_wrapping_key_only(wrapping_key_only);
        return run_task(secrets->rotate(request, root));
    }
    void give_key(const std::string& region, const BoxPrivateKey& key) {
        own.transact_blocking([&](auto& work) {
            const RegionId id{
                std::stoull(sql("SELECT id FROM quorate.region WHERE name = '" + region + "'"))};
            return store_region_key(work, id, key.public_key(), "ops");
        });
    }
    Region region(const std::string& wanted) const {
        return {RegionId{std::stoull(
                    sql("SELECT id FROM quorate.region WHERE name = '" + wanted + "'"))},
                wanted};
    }
    /// The endpoint of this file, as the planner keeps it.
    PlannedVersion planned(const std::string& yaml) {
        EXPECT_EQ(format_errors(apply("endpoints:\n" + yaml).errors), "");
        return version();
    }
    PlannedVersion version() {
        const auto update = database->transact_blocking(
            [](auto& work) { return load_catalogue(work, std::nullopt, UtcTime{}); });
        const auto& last = update.versions.back();
        const auto job = common_job(last, deployment.window);
        PlannedVersion planned;
        planned.endpoint = last.endpoint;
        planned.version = last.version;
        planned.credentials = std::make_shared<const WantedCredentials>(
            WantedCredentials{job.tenant, credential_uses(last.spec), credential_binding(job)});
        return planned;
    }
    /// A round of the vault's.
    void follow() {
        run_task(vault->look());
        run_task(vault->open_keys());
    }
    /// What the vault gives a job: header=value, or why nothing.
    std::string given(const PlannedVersion& version,
                      const std::string& region_name,
                      const BoxPrivateKey& key) {
        follow();
        const auto& sealed = vault->credentials(version, region(region_name));
        if (sealed.box.empty()) return "missing: " + sealed.missing;
        EXPECT_THAT(sealed.box, Not(HasSubstr(kValue)));
        const auto plain = open_box(key, sealed.box, version.credentials->binding);
        if (!plain) return "closed";
        std::string all;
        const auto credentials = read_credentials(plain->view());
        for (const auto& each : *credentials)
            all.append(each.header).append("=").append(each.value).append(";");
        return all;
    }

    TemporaryFolder folder;
    Database own{[this] {
        DatabaseOptions options;
        options.conninfo = conninfo + " options='-c role=quorate_coordinator'";
        return options;
    }()};
    asio::io_context io{1};
    Logger log{"test", LogLevel::error, clock};
    Metrics metrics;
    CoordinatorMetrics counts{metrics};
    std::unique_ptr<DataKeys> keys;
    std::unique_ptr<Secrets> secrets;
    std::unique_ptr<Vault> vault;
    int changes = 0;
    Caller root{{"root", "local", "rollout"}, Role::admin, {}, {}};
};

const std::string kWalled =
    "  - {name: walled, tenant: acme, url: 'https://h/mcp', auth: {bearer: {secret: token}},"
    " headers: {X-Team: {secret: team}}}\n";

TEST(Secrets, AreStoredEncryptedAndAuditedWithoutTheirValue) {
    Kept lab;
    const auto made = lab.set("token");
    EXPECT_TRUE(made.created());
    EXPECT_EQ(made.secret().version(), 1U);
    EXPECT_EQ(made.secret().changed_by(), "root");
    EXPECT_THAT(made.ShortDebugString(), Not(HasSubstr(kValue)));
    const auto again = lab.set("token", "another-value-of-it");
    EXPECT_FALSE(again.created());
    EXPECT_EQ(again.secret().version(), 2U);
    EXPECT_EQ(lab.changes, 2);
    EXPECT_EQ(
        lab.sql("SELECT principal, reason, target, tenants, rtrim(changes->0->>'before', E'\\n'),"
                " rtrim(changes->0->>'after', E'\\n') FROM quorate.audit WHERE method = 'SetSecret'"
                " ORDER BY id DESC LIMIT 1"),
        "root|rollout|acme/token|{acme}|version: 1|version: 2");
    EXPECT_EQ(lab.sql("SELECT length(sealed) FROM quorate.secret"),
              std::to_string(12 + std::string{"another-value-of-it"}.size() + 16));
    EXPECT_EQ(lab.sql("SELECT generation, length(wrapped) FROM quorate.data_key"), "1|60");
    for (const auto* role : {"quorate_archiver", "quorate_reader"})
        EXPECT_THAT(lab.sql_as(role, "SELECT sealed FROM quorate.secret"),
                    HasSubstr("permission denied"));
    EXPECT_EQ(lab.sql_as("quorate_archiver", "SELECT name, expires_at FROM quorate.secret"), "");
}

TEST(Secrets, AnErrorNeverHoldsTheValue) {
    Kept lab;
    const auto refused = [&](v1::SetSecretRequest request, const std::string& why) {
        EXPECT_THAT([&] { lab.set(request); },
                    ThrowsMessage<BadRequest>(AllOf(HasSubstr(why), Not(HasSubstr(kValue)))));
    };
    refused(lab.request("Not A Name"), "a secret's name is");
    refused(lab.request("token", kValue + "\n"), "can't stand in a header");
    auto late = lab.request("token");
    late.set_expires_at_us(1);
    refused(late, "has expired at 1970-01-01");
    lab.use({});
    EXPECT_THAT(
        [&] { lab.set("token"); },
        ThrowsMessage<SecretsLocked>(AllOf(HasSubstr("no wrapping key"), Not(HasSubstr(kValue)))));
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.secret"), "0");
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.audit"), "0");
}

TEST(Secrets, OnlyAnAdminsFirstSecretMakesATenant) {
    Kept lab;
    lab.root.role = Role::op;
    EXPECT_THAT([&] { lab.set("token"); },
                ThrowsMessage<AccessRefused>(HasSubstr("there is no tenant acme")));
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.data_key"), "0");
    lab.root.role = Role::admin;
    lab.set("token");
    lab.root.role = Role::op;
    EXPECT_EQ(lab.set("other").secret().version(), 1U);
}

TEST(Secrets, EndpointsReferToThoseThatAreThereAndKeepThemThere) {
    Kept lab;
    const auto missing = lab.apply("endpoints:\n" + kWalled);
    EXPECT_THAT(format_errors(missing.errors),
                HasSubstr("e.yaml:2: endpoints[0].auth.bearer.secret: there is no secret "
                          "acme/token: quorate secret set token --tenant acme"));
    lab.set("token");
    lab.set("team");
    EXPECT_EQ(format_errors(lab.apply("endpoints:\n" + kWalled).errors), "");
    EXPECT_THAT([&] { lab.remove("token"); },
                ThrowsMessage<BadRequest>(HasSubstr("acme/token is in use by walled")));
    v1::ListSecretsRequest request;
    const auto list =
        lab.own.transact_blocking([&](auto& work) { return list_secrets(work, request); });
    ASSERT_EQ(list.secrets_size(), 2);
    EXPECT_EQ(list.secrets(0).name(), "team");
    EXPECT_EQ(list.secrets(1).endpoints(0), "walled");
    request.set_page_size(1);
    auto page = lab.own.transact_blocking([&](auto& w) { return list_secrets(w, request); });
    request.set_page_token(page.next_page_token());
    page = lab.own.transact_blocking([&](auto& w) { return list_secrets(w, request); });
    EXPECT_EQ(page.secrets(0).name(), "token");
    EXPECT_EQ(page.next_page_token(), "");
    ApplyOrder order;
    order.files = {{"e.yaml", "endpoints:\n  - {name: other, tenant: acme, url: 'http://h/'}\n"}};
    order.prune = order.yes = true;
    EXPECT_EQ(format_errors(lab.apply(std::move(order)).errors), "");
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.endpoint WHERE deleted_at IS NULL"), "1");
    lab.remove("token");
    EXPECT_THAT([&] { lab.remove("token"); }, ThrowsMessage<NotFound>(HasSubstr("acme/token")));
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.audit WHERE method = 'DeleteSecret'"), "1");
}

TEST(Vault, SealsForTheRegionWhoseAgentsAloneOpenItAndForNothingElse) {
    Kept lab;
    lab.set("token");
    lab.set("team", "team-secret-9");
    const auto version = lab.planned(kWalled);
    const auto east = BoxPrivateKey::made();
    const auto west = BoxPrivateKey::made();
    EXPECT_THAT(lab.given(version, "us-east", east),
                HasSubstr("missing: the region us-east has no public key"));
    lab.give_key("us-east", east);
    lab.give_key("eu-west", west);
    const auto all = "Authorization=Bearer " + kValue + ";X-Team=team-secret-9;";
    EXPECT_EQ(lab.given(version, "us-east", east), all);
    EXPECT_EQ(lab.given(version, "eu-west", west), all);
    EXPECT_EQ(lab.given(version, "eu-west", east), "closed");
    auto elsewhere = lab.planned(
        "  - {name: walled, tenant: acme, url: 'https://attacker/mcp',"
        " auth: {bearer: {secret: token}}, headers: {X-Team: {secret: team}}}\n");
    const auto box = lab.vault->credentials(version, lab.region("us-east")).box;
    EXPECT_FALSE(open_box(east, box, elsewhere.credentials->binding));
    EXPECT_TRUE(open_box(east, box, version.credentials->binding));
}

TEST(Vault, MakesABoxOnceUntilWhatItHoldsChanges) {
    Kept lab;
    lab.set("token");
    lab.set("team", "team-secret-9");
    const auto version = lab.planned(kWalled);
    const auto key = BoxPrivateKey::made();
    lab.give_key("us-east", key);
    const auto box = [&] {
        lab.follow();
        return lab.vault->credentials(version, lab.region("us-east")).box;
    };
    const auto first = box();
    lab.set("unrelated");
    EXPECT_EQ(box(), first);
    lab.set("token", "the-next-value-of-it");
    EXPECT_NE(box(), first);
    EXPECT_THAT(lab.given(version, "us-east", key), HasSubstr("Bearer the-next-value-of-it"));
    const auto next = BoxPrivateKey::made();
    lab.give_key("us-east", next);
    EXPECT_THAT(lab.given(version, "us-east", next), HasSubstr("Bearer the-next-value-of-it"));
    EXPECT_EQ(lab.given(version, "us-east", key), "closed");
    EXPECT_EQ(lab.vault->region_key(lab.region("us-east").id), next.public_key().id());
}

TEST(Vault, GoesByWhatWasBeforeUntilANewDataKeyIsOpen) {
    Kept lab;
    lab.set("token");
    lab.set("team", "team-secret-9");
    const auto version = lab.planned(kWalled);
    const auto key = BoxPrivateKey::made();
    lab.give_key("us-east", key);
    lab.use_keys(std::string(64, '1'));  // as after a restart: none is open
    EXPECT_FALSE(lab.vault->ready());
    run_task(lab.vault->look());
    EXPECT_FALSE(lab.vault->ready()) << "its data key is not open yet";
    const auto now = [&] { return lab.vault->credentials(version, lab.region("us-east")); };
    EXPECT_EQ(now().missing, "the coordinator has not read the secrets yet");
    run_task(lab.vault->open_keys());
    EXPECT_TRUE(lab.vault->ready());
    const auto first = now().box;
    EXPECT_NE(first, "");

    Kept::Another another{lab};  // coordinator, which rotates and sets
    another.rotate();
    another.set("token", "the-next-value-of-it");
    run_task(lab.vault->look());
    EXPECT_EQ(now().box, first);
    run_task(lab.vault->open_keys());
    EXPECT_NE(now().box, first);
    EXPECT_THAT(lab.given(version, "us-east", key), HasSubstr("Bearer the-next-value-of-it"));
}

TEST(Vault, DoesNotWaitLongForAKeyThatDoesNotOpen) {
    Kept lab;
    lab.set("token");
    lab.use_keys(std::string(64, '2'));
    run_task(lab.vault->look());
    EXPECT_FALSE(lab.vault->ready());
    lab.clock.now += Vault::kPatience;
    EXPECT_TRUE(lab.vault->ready());
}

TEST(Vault, MakesNoJobLargerThanAgentsTake) {
    Kept lab;
    lab.set("large", std::string(8192, 'x'));
    std::string yaml = "  - {name: walled, tenant: acme, url: 'http://h/', headers: {";
    for (int i = 0; i < 24; ++i)
        yaml += (i == 0 ? "X-" : ", X-") + std::to_string(i) + ": {secret: large}";
    const auto version = lab.planned(yaml + "}}\n");
    const auto key = BoxPrivateKey::made();
    lab.give_key("us-east", key);
    EXPECT_THAT(lab.given(version, "us-east", key), HasSubstr("of which a job holds 163840"));
}

TEST(Vault, SaysWhyAJobHasNoCredential) {
    Kept lab;
    lab.set("token", "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n");
    lab.set("team");
    const auto version = lab.planned(kWalled);
    const auto key = BoxPrivateKey::made();
    EXPECT_EQ(lab.vault->credentials(version, lab.region("us-east")).missing,
              "the coordinator has not read the secrets yet");
    lab.give_key("us-east", key);
    EXPECT_EQ(lab.given(version, "us-east", key),
              "missing: the secret token can't stand in the header Authorization");
    lab.set("token");
    EXPECT_THAT(lab.given(version, "us-east", key), HasSubstr(kValue));
    lab.sql(
        "UPDATE quorate.secret SET sealed = (SELECT sealed FROM quorate.secret"
        " WHERE name = 'team') WHERE name = 'token';"
        "UPDATE quorate.secret_change SET generation = generation + 1");
    EXPECT_EQ(lab.given(version, "us-east", key),
              "missing: the secret token is damaged: set it anew")
        << "what is another's does not open in its place";
    lab.sql(
        "DELETE FROM quorate.secret WHERE name = 'token';"
        "UPDATE quorate.secret_change SET generation = generation + 1");
    EXPECT_EQ(lab.given(version, "us-east", key), "missing: there is no secret token");
}

TEST(Keys, ANewDataKeySealsEverythingAnewAndTheOldOneIsGone) {
    Kept lab;
    lab.set("token");
    lab.set("team", "team-secret-9");
    lab.set(lab.request("theirs", kValue, "other"));
    const auto before = lab.sql("SELECT md5(string_agg(sealed::text, '')) FROM quorate.secret");
    const auto wrapped = lab.sql("SELECT md5(string_agg(wrapped::text, '')) FROM quorate.data_key");
    const auto done = lab.rotate();
    EXPECT_EQ(done.data_keys(), 2U);
    EXPECT_EQ(done.secrets(), 3U);
    EXPECT_NE(lab.sql("SELECT md5(string_agg(sealed::text, '')) FROM quorate.secret"), before);
    EXPECT_NE(lab.sql("SELECT md5(string_agg(wrapped::text, '')) FROM quorate.data_key"), wrapped);
    EXPECT_EQ(lab.sql("SELECT DISTINCT d.generation, s.key_generation, s.version"
                      " FROM quorate.data_key d JOIN quorate.secret s USING (tenant)"),
              "2|2|1");
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.audit WHERE method = 'RotateSecrets'"), "2");
    const auto key = BoxPrivateKey::made();
    const auto version = lab.planned(kWalled);
    lab.give_key("us-east", key);
    EXPECT_EQ(lab.given(version, "us-east", key),
              "Authorization=Bearer " + kValue + ";X-Team=team-secret-9;");
}

TEST(Keys, AnotherWrappingKeyTakesOverWithoutAGapAndTheOldOneCanGo) {
    Kept lab;
    lab.set("token");
    lab.set("team", "team-secret-9");
    const auto key = BoxPrivateKey::made();
    const auto version = lab.planned(kWalled);
    lab.give_key("us-east", key);
    const auto all = "Authorization=Bearer " + kValue + ";X-Team=team-secret-9;";
    const std::string next(64, '2');
    lab.use_keys(next + "\n" + std::string(64, '1'));
    EXPECT_EQ(lab.given(version, "us-east", key), all);
    EXPECT_EQ(lab.counts.data_keys_old.value(), 1);
    const auto done = lab.rotate(true);
    EXPECT_EQ(done.data_keys(), 1U);
    EXPECT_EQ(done.secrets(), 0U);
    EXPECT_EQ(lab.sql("SELECT wrapping_key FROM quorate.data_key"), done.wrapping_key());
    EXPECT_EQ(lab.given(version, "us-east", key), all);
    EXPECT_EQ(lab.counts.data_keys_old.value(), 0);
    lab.use_keys(next);
    EXPECT_EQ(lab.given(version, "us-east", key), all) << "the old one is needed no more";
    lab.use_keys(std::string(64, '1'));
    EXPECT_THAT(lab.given(version, "us-east", key),
                HasSubstr("missing: the tenant's secrets can't be read now"));
    EXPECT_EQ(lab.counts.secrets_locked.value(), 1);
    EXPECT_THAT([&] { lab.set("token"); },
                ThrowsMessage<SecretsLocked>(HasSubstr("which this coordinator does not have")));
}

TEST(Secrets, OfATenantThatIsForgottenAreGoneWithItsKey) {
    Kept lab;
    lab.set("token");
    v1::ForgetRequest request;
    request.set_tenant("acme");
    const auto forgotten = lab.own.transact_blocking(
        [&](auto& work) { return forget(work, request, lab.root.actor); });
    EXPECT_THAT(
        forgotten.ShortDebugString(),
        AllOf(HasSubstr("table: \"secret\" rows: 1"), HasSubstr("table: \"data_key\" rows: 1")));
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.data_key"), "0");
    EXPECT_EQ(lab.set("token").secret().version(), 1U);
}

/// The notices of credentials, as the archiver has them settled.
struct Expiring : Kept {
    std::string settle(microseconds before_expiry) {
        return sql("SELECT change, endpoint, detail FROM quorate.settle_credential_expiry('" +
                   to_rfc3339(expires - before_expiry) + "')");
    }
    UtcTime expires = kNow + 24h * 30;
};

TEST(Expiry, OpensANotice72HoursBeforeAndTellsItAgainAt24HoursAndAt1) {
    Expiring lab;
    auto request = lab.request("token");
    request.set_expires_at_us(lab.expires.time_since_epoch().count());
    lab.set(request);
    lab.set("team");
    lab.planned(kWalled);
    const auto told = [&lab] { return lab.sql("SELECT count(*) FROM quorate.outbox"); };
    const auto when = to_rfc3339(lab.expires);
    EXPECT_EQ(lab.settle(73h), "");
    EXPECT_EQ(lab.settle(72h), "opened|walled|The secret token expires at " + when);
    EXPECT_EQ(lab.settle(71h), "");
    EXPECT_EQ(told(), "1");
    EXPECT_EQ(lab.settle(24h), "changed|walled|The secret token expires at " + when);
    EXPECT_EQ(lab.settle(2h), "");
    EXPECT_EQ(told(), "2");
    EXPECT_EQ(lab.settle(1h), "changed|walled|The secret token expires at " + when);
    EXPECT_EQ(lab.settle(59min), "");
    EXPECT_EQ(told(), "3");
    EXPECT_EQ(lab.settle(-1min), "changed|walled|The secret token expired at " + when);
    EXPECT_EQ(told(), "4");
    EXPECT_EQ(lab.sql("SELECT kind, tenant, endpoint, closed_at IS NULL FROM dash.notice"),
              "credential_expiry|acme|walled|t");
    lab.set("token", "the-next-value-of-it");
    EXPECT_EQ(lab.settle(-2min), "closed|walled|The secret token expired at " + when);
    EXPECT_EQ(lab.settle(-3min), "");
    EXPECT_EQ(lab.sql("SELECT payload->>'notice', payload->>'kind' FROM quorate.outbox"
                      " ORDER BY id DESC LIMIT 1"),
              "credential_expiry|closed");
}

TEST(Expiry, IsToldAgainOfEachValueThatRunsOut) {
    Expiring lab;
    const auto renew = [&] {
        auto request = lab.request("token");
        request.set_expires_at_us(lab.expires.time_since_epoch().count());
        lab.set(request);
    };
    renew();
    lab.set("team");
    lab.planned(kWalled);
    const auto told = [&] { return lab.sql("SELECT count(*) FROM quorate.outbox"); };
    EXPECT_THAT(lab.settle(50h), HasSubstr("opened"));
    for (int day = 1; day <= 3; ++day) {
        EXPECT_THAT(lab.settle(23h), HasSubstr("changed"));
        EXPECT_EQ(told(), std::to_string(1 + day)) << "day " << day;
        lab.expires += 24h;
        renew();
        EXPECT_EQ(lab.settle(46h), "") << "less urgent than before: nobody is told";
    }
}

TEST(Expiry, IsReadOutOfAJwtAndAnEndpointWithoutItIsLeftAlone) {
    Expiring lab;
    lab.clock.now -= 24h;
    // {"alg":"none"} . {"exp":1800000000} . signature: 2027-01-15T08:00:00Z
    const auto made =
        lab.set("token", "eyJhbGciOiJub25lIn0.eyJleHAiOjE4MDAwMDAwMDB9.c2lnbmF0dXJlLW9mLWl0");
    EXPECT_EQ(made.secret().expires_from(), "jwt");
    EXPECT_EQ(made.secret().expires_at_us(), 1'800'000'000'000'000);
    lab.set("team");
    lab.planned(kWalled);
    lab.apply("endpoints:\n  - {name: open, tenant: acme, url: 'http://h/'}\n");
    lab.expires = UtcTime{1'800'000'000s};
    EXPECT_EQ(lab.settle(30min),
              "opened|walled|The secret token expires at 2027-01-15T08:00:00Z, its own exp "
              "says");
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.notice"), "1");
    EXPECT_EQ(lab.sql_as("quorate_archiver",
                         "SELECT * FROM quorate.settle_credential_expiry('2027-01-15T07:45:00Z')"),
              "");
}

}  // namespace
}  // namespace quorate::coordinator
