#include "core/model/http_url.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

HttpUrl url(std::string_view text) {
    auto parsed = parse_http_url(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : HttpUrl{};
}

TEST(HttpUrlRule, TakesApartWhatAClientNeeds) {
    const auto parsed = url("https://MCP.Example.com:8443/a/mcp?x=1&y=%20");
    EXPECT_TRUE(parsed.tls);
    EXPECT_EQ(parsed.host, "mcp.example.com");
    EXPECT_EQ(parsed.port, 8443);
    EXPECT_EQ(parsed.authority, "mcp.example.com:8443");
    EXPECT_EQ(parsed.target, "/a/mcp?x=1&y=%20");
    EXPECT_FALSE(parsed.is_address);
}

TEST(HttpUrlRule, DefaultPortsStayOutOfTheAuthorityAndAnEmptyPathIsASlash) {
    EXPECT_EQ(url("http://example.com").authority, "example.com");
    EXPECT_EQ(url("http://example.com").target, "/");
    EXPECT_EQ(url("https://example.com:443/").authority, "example.com");
    EXPECT_EQ(url("http://example.com:443/").authority, "example.com:443");
    EXPECT_EQ(url("http://example.com?x").target, "/?x");
}

TEST(HttpUrlRule, Ipv6StandsInBrackets) {
    const auto parsed = url("http://[0:0::1]:81/mcp");
    EXPECT_EQ(parsed.host, "::1");
    EXPECT_EQ(parsed.authority, "[::1]:81");
    EXPECT_TRUE(parsed.is_address);
    EXPECT_TRUE(parsed.loopback_literal);
}

TEST(HttpUrlRule, LoopbackIsLiteralOnlyWhereItIsWritten) {
    EXPECT_TRUE(url("http://127.0.0.1/").loopback_literal);
    EXPECT_TRUE(url("https://localhost/").loopback_literal);
    EXPECT_FALSE(url("http://localhost.example.com/").loopback_literal);
    EXPECT_FALSE(url("http://10.0.0.1/").loopback_literal);
    EXPECT_FALSE(url("http://127.0.0.2/").loopback_literal);
    EXPECT_FALSE(url("http://[::ffff:127.0.0.1]/").loopback_literal);
}

TEST(HttpUrlRule, RefusesWhatIsNoAbsoluteHttpUrl) {
    for (const auto* bad : {"",
                            "mcp.example.com/mcp",
                            "/mcp",
                            "ftp://example.com/",
                            "http:///mcp",
                            "http://user@example.com/",
                            "http://user:word@example.com/",
                            "http://example.com/#part",
                            "http://example.com:0/",
                            "http://example.com:65536/",
                            "http://exa mple.com/",
                            "http://example.com/a b",
                            "http://a..b/",
                            "http://[fe80::1%25eth0]/",
                            "http://[::1/"}) {
        const auto parsed = parse_http_url(bad);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().reason, Reason::config_invalid);
        EXPECT_EQ(parsed.error().phase, Phase::config);
    }
}

TEST(HttpUrlRule, RefusesNumbersThatResolversReadInDifferentWays) {
    for (const auto* bad : {"http://0177.0.0.1/",
                            "http://2130706433/",
                            "http://0x7f000001/",
                            "http://0x7f.1/",
                            "http://127.1/",
                            "http://127.0.0.01/",
                            "http://1.2.3.4.5/",
                            "http://256.0.0.1/",
                            "http://127.0.0.1./"})
        EXPECT_FALSE(parse_http_url(bad)) << bad;
}

TEST(HttpUrlRule, ANameThatBeginsLikeAnAddressIsAName) {
    const auto parsed = url("http://127.0.0.1.example.com:8080/x");
    EXPECT_EQ(parsed.host, "127.0.0.1.example.com");
    EXPECT_FALSE(parsed.is_address);
    EXPECT_FALSE(parsed.loopback_literal);
    EXPECT_EQ(parsed.target, "/x");
    EXPECT_EQ(resolve_reference(parsed, "y")->text, "http://127.0.0.1.example.com:8080/y");
}

TEST(HttpUrlRule, ReferencesAreResolvedAgainstTheRequest) {
    const auto base = url("http://example.com:8080/a/sse?x=1");
    EXPECT_EQ(resolve_reference(base, "/messages?sessionId=7")->target, "/messages?sessionId=7");
    EXPECT_EQ(resolve_reference(base, "messages")->target, "/a/messages");
    EXPECT_EQ(resolve_reference(base, "//other/x")->host, "other");
    EXPECT_TRUE(same_origin(base, *resolve_reference(base, "http://example.com:8080/y#f")));
    EXPECT_FALSE(same_origin(base, *resolve_reference(base, "http://example.com/y")));
    EXPECT_FALSE(same_origin(base, *resolve_reference(base, "https://example.com:8080/y")));
    for (const auto* bad : {"", "javascript:alert(1)", "http://user@example.com/", "a b"})
        EXPECT_FALSE(resolve_reference(base, bad)) << bad;
}

}  // namespace
}  // namespace quorate
