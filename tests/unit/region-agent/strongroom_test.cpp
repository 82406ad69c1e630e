#include "region-agent/credentials/strongroom.hpp"

#include <functional>
#include <vector>

#include <gmock/gmock.h>

#include "core/model/credentials.hpp"

namespace quorate::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kValue = "tok-5e3c1a-do-not-tell";

Job some_job() {
    Job job;
    job.key.endpoint = EndpointId{7};
    job.tenant = "acme";
    job.name = "search";
    job.url = "https://h/mcp";
    job.canary = Canary{"search", R"({"q":"x"})", {}, true};
    job.wants_credentials = true;
    return job;
}

/// A job whose credential is sealed for the key.
Job sealed_job(const BoxPrivateKey& key,
               CredentialView credential = {CredentialKind::header, "X-API-Key", kValue}) {
    auto job = some_job();
    std::string plain;
    append_credential(credential, plain);
    job.credentials = seal_box(key.public_key(), plain, credential_binding(job));
    return job;
}

TEST(Strongroom, OpensWhatIsSealedForOneOfItsKeys) {
    const auto old = BoxPrivateKey::made();
    const auto next = BoxPrivateKey::made();
    const Strongroom both{{next, old}};
    for (const auto& key : {old, next}) {
        const auto opened = both.open(sealed_job(key));
        ASSERT_TRUE(opened.headers) << opened.why_not;
        ASSERT_EQ(opened.headers->size(), 1U);
        EXPECT_EQ(opened.headers->front().name, "X-API-Key");
        EXPECT_EQ(opened.headers->front().value.view(), kValue);
    }
    EXPECT_EQ(both.ids().front(), next.public_key().id());
}

TEST(Strongroom, AJobThatSomebodyChangedInRedisGetsNothing) {
    const auto key = BoxPrivateKey::made();
    const Strongroom room{{key}};
    const auto refused = [&room](const Job& job) {
        const auto opened = room.open(job);
        EXPECT_FALSE(opened.headers);
        EXPECT_THAT(opened.why_not, HasSubstr("does not open"));
    };
    for (const auto& change : std::vector<std::function<void(Job&)>>{
             [](Job& job) { job.url = "https://attacker/mcp"; },
             [](Job& job) { job.canary->tool = "delete_everything"; },
             [](Job& job) { job.canary->arguments_json = "{}"; },
             [](Job& job) { job.canary.reset(); },
             [](Job& job) { job.key.endpoint = EndpointId{8}; },
             [](Job& job) { job.tenant = "other"; },
             [](Job& job) { job.name = "other"; },
             [](Job& job) {
                 job.credentials.back() = static_cast<char>(job.credentials.back() ^ 1);
             },
         }) {
        auto job = sealed_job(key);
        change(job);
        refused(job);
    }
    auto moved = sealed_job(key);
    moved.url += "\n3:x";
    refused(moved);
}

TEST(Strongroom, SaysWhyNothingWasOpened) {
    const auto key = BoxPrivateKey::made();
    const auto why = [](const Strongroom& room, const Job& job) {
        const auto opened = room.open(job);
        EXPECT_FALSE(opened.headers);
        EXPECT_THAT(opened.why_not, Not(HasSubstr(kValue)));
        return opened.why_not;
    };
    auto none = some_job();
    none.credentials_missing = "there is no secret token\x1b[2J";
    EXPECT_EQ(why(Strongroom{}, none),
              "No credential came with the job: there is no secret token?[2J");
    EXPECT_THAT(why(Strongroom{}, sealed_job(key)), HasSubstr("has no private key"));
    EXPECT_THAT(why(Strongroom{{BoxPrivateKey::made()}}, sealed_job(key)),
                HasSubstr("sealed for the key " + key.public_key().id()));
    auto later = some_job();
    later.credentials = seal_box(key.public_key(), "\x09\x01x", credential_binding(later));
    EXPECT_THAT(why(Strongroom{{key}}, later), HasSubstr("of a later version"));
}

TEST(Strongroom, CertificatesAreNoHeaders) {
    const auto key = BoxPrivateKey::made();
    const Strongroom room{{key}};
    const auto authorities = room.open(sealed_job(key, {CredentialKind::tls_ca, "", kValue}));
    EXPECT_EQ(authorities.why_not, "");
    EXPECT_FALSE(authorities.headers);
    ASSERT_TRUE(authorities.tls);
    EXPECT_EQ(authorities.tls->authorities.view(), kValue);
    EXPECT_TRUE(authorities.tls->client.empty());
    const auto client = room.open(sealed_job(key, {CredentialKind::tls_client, "", kValue}));
    ASSERT_TRUE(client.tls);
    EXPECT_EQ(client.tls->client.view(), kValue);
    EXPECT_TRUE(client.tls->authorities.empty());
    EXPECT_FALSE(room.open(sealed_job(key)).tls);
}

TEST(Credentials, AreReadBackAndNothingElseIs) {
    std::string bytes;
    append_credential({CredentialKind::header, "A", "one"}, bytes);
    append_credential({CredentialKind::tls_client, "", std::string(300, 'x')}, bytes);
    const auto read = read_credentials(bytes);
    ASSERT_TRUE(read && read->size() == 2);
    EXPECT_EQ((*read)[0].header, "A");
    EXPECT_EQ((*read)[0].value, "one");
    EXPECT_EQ((*read)[1].kind, CredentialKind::tls_client);
    EXPECT_EQ((*read)[1].value, std::string(300, 'x'));
    EXPECT_EQ(read_credentials("")->size(), 0U);
    for (std::size_t size = 1; size < 6; ++size)
        EXPECT_FALSE(read_credentials(bytes.substr(0, size))) << size;
}

}  // namespace
}  // namespace quorate::agent
