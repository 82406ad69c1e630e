// What operators order of secrets, and what jobs get of them, on a real Postgres.
#include "tests/integration/coordinator/secrets/kept.hpp"

namespace quorate::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

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

}  // namespace
}  // namespace quorate::coordinator
