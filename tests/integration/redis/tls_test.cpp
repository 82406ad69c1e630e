#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/integration/probe/certificate_files.hpp"
#include "tests/integration/redis/watched.hpp"

namespace quorate {
namespace {

using testing::eventually;
using ::testing::HasSubstr;
using testing::is_answering;
using testing::options_for;
using testing::RedisServer;
using testing::WatchedClient;
using testing::why_unavailable;
using testing::why_unreachable;
using testing::with_watched;

constexpr auto kTls = RedisServer::Listen::tls;

std::vector<std::string> tls_settings(const TestAuthority& authority,
                                      const CertificateFiles& server,
                                      const std::string& wants_clients = "no") {
    return {"--tls-cert-file",
            server.certificate.path(),
            "--tls-key-file",
            server.key.path(),
            "--tls-ca-cert-file",
            authority.ca_file(),
            "--tls-auth-clients",
            wants_clients};
}

RedisClientOptions trusting(const RedisServer& server, const TestAuthority& authority) {
    auto options = options_for(server);
    options.tls.ca_file = authority.ca_file();
    return options;
}

Task<> exchange_large_values(RedisClient& client) {
    const std::string large(3'000'000, 'x');
    std::vector<RedisArgs> commands;
    for (int i = 0; i < 5; ++i) {
        commands.push_back({"SET", "key" + std::to_string(i), large + std::to_string(i)});
        commands.push_back({"GET", "key" + std::to_string(i)});
    }
    const auto replies = co_await client.run_all(std::move(commands));
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(replies.at(2 * i + 1).text() == large + std::to_string(i)) << i;
}

Task<> come_back_after_a_kill(WatchedClient& watched, RedisServer& server) {
    const auto answering = [&] { return is_answering(watched.client); };
    EXPECT_TRUE(co_await eventually(answering));
    server.kill();
    server.start();
    EXPECT_TRUE(co_await eventually(answering));
}

TEST(RedisTls, LargeValuesAndPipelinesComeThroughAndAKillIsSurvived) {
    const TestAuthority authority;
    const CertificateFiles identity{authority};
    RedisServer server{kTls, tls_settings(authority, identity)};
    with_watched(trusting(server, authority), [&](WatchedClient& watched) -> Task<> {
        co_await exchange_large_values(watched.client);
        co_await come_back_after_a_kill(watched, server);
        EXPECT_GE(watched.connects, 2);
    });
}

TEST(RedisTls, AServerThatWantsAClientCertificateGetsItAndRefusesWhoHasNone) {
    const TestAuthority authority;
    const CertificateFiles identity{authority};
    const RedisServer server{kTls, tls_settings(authority, identity, "yes")};
    auto options = trusting(server, authority);
    EXPECT_FALSE(why_unreachable(options).empty());

    const CertificateFiles client{authority};
    options.tls.certificate_file = client.certificate.path();
    options.tls.key_file = client.key.path();
    with_watched(options, [](WatchedClient& watched) -> Task<> {
        co_await exchange_large_values(watched.client);
    });

    const TestAuthority stranger{"A stranger"};
    const CertificateFiles unknown{stranger};
    options.tls.certificate_file = unknown.certificate.path();
    options.tls.key_file = unknown.key.path();
    EXPECT_FALSE(why_unreachable(options).empty());
}

TEST(RedisTls, WhoeverIsNotWhoHeShouldBeIsRefusedAndItSaysWhy) {
    const TestAuthority authority;
    const TestAuthority other{"Another authority"};
    {
        const CertificateFiles identity{authority};
        const RedisServer server{kTls, tls_settings(authority, identity)};
        EXPECT_THAT(why_unreachable(trusting(server, other)),
                    HasSubstr("its certificate is not valid: self-signed certificate in"));
        EXPECT_THAT(why_unreachable(options_for(server)),  // the system's authorities
                    HasSubstr("its certificate is not valid: self-signed certificate in"));
        auto options = trusting(server, authority);
        options.tls.server_name = "redis.example.com";
        EXPECT_THAT(why_unreachable(options),
                    HasSubstr("its certificate is not valid: hostname mismatch"));
    }
    auto plan = CertificateFiles::on_loopback();
    plan.valid_from_days = -10;
    plan.valid_until_days = -1;
    const CertificateFiles expired{authority, plan};
    const RedisServer server{kTls, tls_settings(authority, expired)};
    EXPECT_THAT(why_unreachable(trusting(server, authority)),
                HasSubstr("its certificate is not valid: certificate has expired"));
}

TEST(RedisTls, ACertificateForANameIsTakenWhereTheNameIsConfigured) {
    const TestAuthority authority;
    CertificatePlan plan;
    plan.name = "redis.example.com";
    const CertificateFiles identity{authority, plan};
    const RedisServer server{kTls, tls_settings(authority, identity)};
    auto options = trusting(server, authority);
    EXPECT_THAT(why_unreachable(options), HasSubstr("IP address mismatch"));
    options.tls.server_name = "redis.example.com";
    with_watched(options, [](WatchedClient& watched) -> Task<> {
        const auto answering = [&] { return is_answering(watched.client); };
        EXPECT_TRUE(co_await eventually(answering));
    });
}

TEST(RedisTls, RenewedFilesAreReadAtTheNextConnect) {
    const TestAuthority authority;
    const TestAuthority next{"The next authority"};
    const CertificateFiles identity{authority};
    const CertificateFiles renewed{next};
    RedisServer server{kTls, tls_settings(authority, identity)};
    const TemporaryFile trusted{authority.pem()};
    auto options = options_for(server);
    options.tls.ca_file = trusted.path();
    with_watched(options, [&](WatchedClient& watched) -> Task<> {
        const auto answering = [&] { return is_answering(watched.client); };
        EXPECT_TRUE(co_await eventually(answering));
        server.stop();
        server.set_settings(tls_settings(next, renewed));
        server.start();
        const auto refused = [&]() -> Task<bool> {
            const auto why = co_await why_unavailable(watched.client);
            co_return why.find("certificate is not valid") != std::string::npos;
        };
        EXPECT_TRUE(co_await eventually(refused));
        EXPECT_EQ(watched.connects, 1);
        std::ofstream{trusted.path()} << next.pem();
        EXPECT_TRUE(co_await eventually(answering));
    });
}

TEST(RedisTls, FilesThatAreOfNoUseAreNamed) {
    const TestAuthority authority;
    const CertificateFiles identity{authority};
    const CertificateFiles another{authority};
    const RedisServer server{kTls, tls_settings(authority, identity)};
    auto options = trusting(server, authority);
    options.tls.ca_file = identity.key.path();
    EXPECT_THAT(why_unreachable(options), HasSubstr(identity.key.path() + ": no certificates"));
    options.tls.ca_file = authority.ca_file();
    options.tls.certificate_file = identity.certificate.path();
    options.tls.key_file = another.key.path();
    EXPECT_THAT(why_unreachable(options), HasSubstr(another.key.path() + ": is no key in PEM"));
}

TEST(RedisTls, OneThatSpeaksTlsAndOneThatDoesNotPart) {
    const TestAuthority authority;
    const CertificateFiles identity{authority};
    const RedisServer secure{kTls, tls_settings(authority, identity)};
    const RedisServer plain{RedisServer::Listen::tcp};
    auto options = options_for(secure);
    options.address.tls = false;
    options.connect_timeout = milliseconds{300};
    EXPECT_FALSE(why_unreachable(options).empty());
    options = options_for(plain);
    options.address.tls = true;
    options.connect_timeout = milliseconds{300};
    EXPECT_FALSE(why_unreachable(options).empty());
}

}  // namespace
}  // namespace quorate
