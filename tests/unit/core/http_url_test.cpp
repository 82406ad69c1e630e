#include "core/model/http_url.hpp"

#include <string>

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
                            "http://127.0.0.1./",
                            "http://127.0.0.0x1/",
                            "http://0X7F000001/",
                            "http://0x/",
                            "http://017700000001/",
                            "http://0/",
                            "http://00000000177.0.0.1/",
                            "http://127.0.1/",
                            "http://999999999999/",
                            "http://example.1/",
                            "http://[::ffff:0x7f.0.0.1]/",
                            "http://[::ffff:127.1]/",
                            "http://[127.0.0.1]/"})
        EXPECT_FALSE(parse_http_url(bad)) << bad;
}

TEST(HttpUrlRule, RefusesHostsThatHideAnother) {
    for (const auto* bad : {"http://good@127.0.0.1/",
                            "http://good:80@127.0.0.1/",
                            "http://good%40127.0.0.1/",
                            "http://127.0.0.1#@good/",
                            "http://127.0.0.1?@good/#",
                            "http://good\\@127.0.0.1/",
                            "http://127.0.0.1\\.good/",
                            "http:\\\\127.0.0.1/",
                            "http:/127.0.0.1/",
                            "http:127.0.0.1/",
                            "http:///127.0.0.1/",
                            " http://127.0.0.1/",
                            "http:// 127.0.0.1/",
                            "http://127.0.0.1\t/",
                            "http://good\r\nHost: evil/",
                            "http://%31%32%37.0.0.1/",
                            "http://localhost%00.good/",
                            "http://good%2f@127.0.0.1/",
                            "http://127。0。0。1/",
                            "http://１２７.0.0.1/",
                            "http://ⓛocalhost/",
                            "http://bücher.example/",
                            "http://[::1%lo]/",
                            "http://[::1%25lo]/",
                            "http://[fe80::1%1]/",
                            "http://[::1].good/",
                            "http://[::1]@good/",
                            "http://[[::1]]/",
                            "http://::1/",
                            "http://good:80:80/",
                            "http://good:+80/",
                            "http://good: 80/",
                            "http://good:8_0/",
                            "http://.good/",
                            "http://./"})
        EXPECT_FALSE(parse_http_url(bad)) << bad;
    EXPECT_FALSE(parse_http_url(std::string{"http://good\0.evil/", 18}));
}

TEST(HttpUrlRule, AHostIsWhatDnsCanAskFor) {
    EXPECT_TRUE(parse_http_url("http://" + std::string(63, 'a') + ".test/"));
    EXPECT_FALSE(parse_http_url("http://" + std::string(64, 'a') + ".test/"));
    EXPECT_FALSE(parse_http_url("http://test." + std::string(64, 'a')));
    std::string longest;
    for (int i = 0; i < 127; ++i)
        longest += "a.";
    longest.pop_back();
    EXPECT_EQ(longest.size(), 253U);
    EXPECT_TRUE(parse_http_url("http://" + longest + "/"));
    EXPECT_FALSE(parse_http_url("http://a" + longest + "/"));
}

TEST(HttpUrlRule, ATrailingDotAndUpperCaseNeverMakeALoopbackLiteral) {
    EXPECT_FALSE(url("http://localhost./").loopback_literal);
    EXPECT_EQ(url("http://LocalHost/").host, "localhost");
    EXPECT_TRUE(url("HTTP://LOCALHOST/").loopback_literal);
    EXPECT_EQ(url("http://[::FFFF:127.0.0.1]/").host, "::ffff:127.0.0.1");
    EXPECT_EQ(url("http://[::ffff:7f00:1]/").host, "::ffff:127.0.0.1");
    EXPECT_FALSE(url("http://[::]/").loopback_literal);
    EXPECT_FALSE(url("http://0.0.0.0/").loopback_literal);
}

TEST(HttpUrlRule, AReferenceOfAServerHidesNoOtherHost) {
    const auto base = url("https://example.com/mcp");
    for (const auto* bad : {"///127.0.0.1/x",
                            "\\\\127.0.0.1/x",
                            "/\\127.0.0.1/x",
                            "//good@127.0.0.1/x",
                            "http:127.0.0.1/x",
                            "http:/127.0.0.1/x",
                            "https://2130706433/",
                            "https://0x7f.1/",
                            "//127.1/x",
                            "https://example.com\\@127.0.0.1/",
                            "https://example.com%2f@127.0.0.1/",
                            "\thttps://127.0.0.1/",
                            "file:///etc/passwd",
                            "gopher://127.0.0.1/"})
        EXPECT_FALSE(resolve_reference(base, bad)) << bad;
    for (const auto* elsewhere : {"//127.0.0.1/x",
                                  "https://example.com.evil/",
                                  "https://EXAMPLE.com:444/",
                                  "https://example.com./",
                                  "https://[::ffff:127.0.0.1]/"}) {
        const auto to = resolve_reference(base, elsewhere);
        ASSERT_TRUE(to) << elsewhere;
        EXPECT_FALSE(same_origin(base, *to)) << elsewhere;
    }
    EXPECT_TRUE(same_origin(base, *resolve_reference(base, "https://EXAMPLE.com:443/x")));
    EXPECT_TRUE(same_origin(base, *resolve_reference(base, "/@127.0.0.1/")));
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

TEST(HttpUrlRule, PathAndQueryGoIntoTheRequestLineAsTheyStand) {
    const auto target = [](std::string_view tail) -> std::string {
        const auto url = parse_http_url("http://h" + std::string{tail});
        return url ? url->target : "none";
    };
    for (const auto* as_is : {"/", "/mcp", "//a//b/", "/a;p=1,2/~x!$&'()*+:@", "/?", "/a?b?c=/&d"})
        EXPECT_EQ(target(as_is), as_is);
    for (const auto* escaped : {"/a%20b", "/%C3%A4?q=%2F"})
        EXPECT_EQ(target(escaped), escaped);
    EXPECT_EQ(target(""), "/");
    EXPECT_EQ(target("?key=1"), "/?key=1");
    for (const auto* malformed :
         {"/a b", "/a%2", "/a%zz", "/[", "/a|b", "/a\\b", "/\"", "/\xC3\xA4"})
        EXPECT_EQ(target(malformed), "none") << malformed;
}

}  // namespace
}  // namespace quorate
