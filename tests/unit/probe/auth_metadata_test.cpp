#include "probe/auth_metadata.hpp"

#include <gtest/gtest.h>

#include "probe/jsonrpc.hpp"

namespace quorate {
namespace {

using Places = std::vector<std::string>;

boost::json::object object(std::string_view text) {
    return parse_json(text)->get_object();
}

HttpUrl url(std::string_view text) {
    return *parse_http_url(text);
}

TEST(AuthMetadata, IsLookedForBesideThePathAndAtTheRoot) {
    EXPECT_EQ(resource_metadata_places(url("https://h/a/mcp?key=1")),
              (Places{"https://h/.well-known/oauth-protected-resource/a/mcp",
                      "https://h/.well-known/oauth-protected-resource"}));
    EXPECT_EQ(resource_metadata_places(url("http://h:81/")),
              (Places{"http://h:81/.well-known/oauth-protected-resource"}));
    EXPECT_EQ(issuer_metadata_places(url("https://as")),
              (Places{"https://as/.well-known/oauth-authorization-server",
                      "https://as/.well-known/openid-configuration"}));
    EXPECT_EQ(issuer_metadata_places(url("https://as/tenant")),
              (Places{"https://as/.well-known/oauth-authorization-server/tenant",
                      "https://as/.well-known/openid-configuration/tenant",
                      "https://as/tenant/.well-known/openid-configuration"}));
}

TEST(AuthMetadata, OfAResourceMustNameTheEndpointAndSomeoneToAsk) {
    const auto endpoint = url("https://h/a/mcp");
    const auto problem = [&](std::string_view resource, std::string_view rest) {
        return resource_metadata_problem(
            object(R"({"resource":")" + std::string{resource} + "\"" + std::string{rest} + "}"),
            endpoint);
    };
    const std::string_view servers = R"(,"authorization_servers":["https://as"])";
    for (const auto* covering :
         {"https://h/a/mcp", "https://h/a/mcp/", "https://h/a", "https://h", "https://H:443/"})
        EXPECT_EQ(problem(covering, servers), std::nullopt) << covering;
    for (const auto* other : {"https://h/a/mc", "https://h/b", "http://h/a/mcp", "h", "", "urn:x"})
        EXPECT_NE(problem(other, servers), std::nullopt) << other;
    for (const auto* none : {"",
                             R"(,"authorization_servers":[])",
                             R"(,"authorization_servers":"https://as")",
                             R"(,"authorization_servers":[1,""])",
                             R"(,"authorizationServers":["https://as"])"})
        EXPECT_NE(problem("https://h/a/mcp", none), std::nullopt) << none;
    EXPECT_NE(resource_metadata_problem(object("{}"), endpoint), std::nullopt);
}

TEST(AuthMetadata, ManyAuthorizationServersAreCutToFour) {
    EXPECT_EQ(issuers_of(object(R"({"authorization_servers":["a","b",1,"c","d","e"]})")),
              (Places{"a", "b", "c", "d"}));
}

TEST(AuthMetadata, AUrlThatAServerGaveOpensNoDoorOfItsOwn) {
    const auto public_url = url("https://h/mcp");
    for (const auto* refused : {"http://h/meta",
                                "https://user@h/meta",
                                "https://2130706433/",
                                "https://0x7f.1/",
                                "file:///etc/passwd",
                                "/meta",
                                ""})
        EXPECT_FALSE(learned_url(public_url, refused)) << refused;
    // The owner's own literal may be reached; one that a server names counts like any address.
    for (const auto* literal : {"https://127.0.0.1/", "https://localhost/", "https://[::1]/"}) {
        ASSERT_TRUE(learned_url(public_url, literal)) << literal;
        EXPECT_FALSE(learned_url(public_url, literal)->loopback_literal);
    }
    EXPECT_TRUE(learned_url(url("http://localhost/mcp"), "http://127.0.0.1/")->loopback_literal);
}

TEST(AuthMetadata, OfAnIssuerMustBeItsOwnAndOfferPkce) {
    const auto metadata = [](std::string_view issuer, std::string_view methods) {
        return object(R"({"issuer":")" + std::string{issuer} +
                      R"(","code_challenge_methods_supported":)" + std::string{methods} + "}");
    };
    EXPECT_EQ(issuer_metadata_problem(metadata("https://as", R"(["S256"])"), "https://as"),
              std::nullopt);
    EXPECT_NE(issuer_metadata_problem(metadata("https://as/", R"(["S256"])"), "https://as"),
              std::nullopt);
    EXPECT_NE(issuer_metadata_problem(metadata("https://as", "[]"), "https://as"), std::nullopt);
    EXPECT_NE(issuer_metadata_problem(object(R"({"issuer":"https://as"})"), "https://as"),
              std::nullopt);
}

}  // namespace
}  // namespace quorate
