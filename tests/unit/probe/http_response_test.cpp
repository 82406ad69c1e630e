#include "probe/http_response.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace quorate {
namespace {

/// Feeds `text` in pieces of `size` bytes, the way a connection does.
struct Reading {
    explicit Reading(std::string_view text, std::size_t size = 1'000'000, bool ends = false)
        : parser{[this](std::string_view piece) {
              body.append(piece);
              return true;
          }} {
        std::string buffer;
        for (std::size_t at = 0; at < text.size() && step == HttpStep::need_more; at += size) {
            buffer.append(text.substr(at, size));
            std::size_t consumed = 0;
            step = parser.feed(buffer, consumed);
            buffer.erase(0, consumed);
        }
        if (ends && step == HttpStep::need_more) step = parser.end_of_stream();
        left = buffer;
    }
    std::string body;
    HttpResponseParser parser;
    HttpStep step = HttpStep::need_more;
    std::string left;
};

constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n"
    "mcp-session-ID: abc\r\nTransfer-Encoding: chunked\r\n\r\n"
    "4\r\nWiki\r\n5;ext=1\r\npedia\r\n0\r\n\r\n";

TEST(HttpResponse, AnEmptyChunkedBodyMayComeByteByByte) {
    const std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    HttpResponseParser parser{[](std::string_view) { return true; }};
    std::string held;
    auto step = HttpStep::need_more;
    for (const char byte : text) {
        ASSERT_EQ(step, HttpStep::need_more);
        held.push_back(byte);
        std::size_t consumed = 0;
        step = parser.feed(held, consumed);
        held.erase(0, consumed);
    }
    EXPECT_EQ(step, HttpStep::done);
    EXPECT_TRUE(parser.keep_alive());
}

TEST(HttpResponse, ReadsAChunkedBodyHoweverItIsSplit) {
    for (const std::size_t size : {1U, 2U, 3U, 7U, 50U, 1000U}) {
        Reading reading{kChunked, size};
        EXPECT_EQ(reading.step, HttpStep::done) << size;
        EXPECT_EQ(reading.body, "Wikipedia");
        EXPECT_EQ(reading.parser.head().status, 200);
        EXPECT_EQ(reading.parser.head().media_type, "text/event-stream");
        EXPECT_EQ(reading.parser.head().session_id, "abc");
        EXPECT_TRUE(reading.parser.keep_alive());
    }
}

TEST(HttpResponse, ALastChunkThatComesFirstMayComeTwice) {
    // Who read up to the head and then wants the rest gives the same bytes once more.
    for (const std::string last : {"0,\r\n", "00\r\n", "0\r\n", "0;\r\n", "0\r", "0"}) {
        const auto text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + last;
        HttpResponseParser parser{[](std::string_view) { return true; }};
        std::size_t consumed = 0;
        EXPECT_EQ(parser.feed(text, consumed), HttpStep::need_more) << last;
        EXPECT_EQ(consumed, text.size() - last.size());
        EXPECT_EQ(parser.feed(last, consumed), HttpStep::need_more) << last;
        EXPECT_EQ(consumed, 0U);
        EXPECT_EQ(parser.end_of_stream(), HttpStep::truncated);
    }
}

TEST(HttpResponse, AStatusMayStandWithoutASpaceBehindIt) {
    const std::string text =
        "HTTP/1.1 100\r\n\r\nHTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 2";
    for (const std::size_t size : {1U, 3U, 50U, 1000U}) {
        const Reading reading{text, size};
        EXPECT_EQ(reading.step, HttpStep::done) << size;
        EXPECT_EQ(reading.parser.head().status, 200);
        EXPECT_EQ(reading.body, "{}");
    }
    EXPECT_EQ(Reading{text}.left, "HTTP/1.1 2");
    EXPECT_EQ(Reading{"HTTP/1.1 204\r\n\r\n"}.step, HttpStep::done);
    for (const auto* bad : {"HTTP/1.1 20\r\n\r\n",
                            "HTTP/1.1\r\n\r\n",
                            "HTTP/1.1 2000\r\n\r\n",
                            "HTTP/1.1-200\r\n\r\n",
                            "HTTP/1.1 200\rX\r\n\r\n"})
        EXPECT_EQ(Reading{bad}.step, HttpStep::malformed) << bad;
}

TEST(HttpResponse, ATrailerChangesNothingOfTheHead) {
    const Reading reading{
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\n{}\r\n0\r\nContent-Type: text/event-stream\r\nMcp-Session-Id: x\r\nLocation: /y\r\n"
        "WWW-Authenticate: Bearer\r\nRetry-After: 7\r\ncf-mitigated: challenge\r\n\r\n"};
    EXPECT_EQ(reading.step, HttpStep::done);
    EXPECT_EQ(reading.body, "{}");
    const auto& head = reading.parser.head();
    EXPECT_EQ(head.media_type, "application/json");
    EXPECT_EQ(head.session_id + head.location + head.www_authenticate + head.retry_after, "");
    EXPECT_FALSE(head.has_session_id || head.challenged);
}

TEST(HttpResponse, WhatIsDecidedStaysSo) {
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const auto& [text, decided] :
         {std::pair{head + "0\r\nbad trailer\r\n\r\n", HttpStep::malformed},
          std::pair{head + "Z\r\nabc", HttpStep::malformed},
          std::pair{std::string{"SSH-2.0"}, HttpStep::malformed},
          std::pair{head + "0\r\n\r\nHTTP/1.1 200 OK", HttpStep::done}}) {
        Reading reading{text};
        EXPECT_EQ(reading.step, decided) << text;
        std::size_t consumed = 1;
        EXPECT_EQ(reading.parser.feed(reading.left + "0\r\n\r\n", consumed), decided) << text;
        EXPECT_EQ(consumed, 0U);
        EXPECT_EQ(reading.parser.end_of_stream(), decided);
    }
}

TEST(HttpResponse, AnEmptyReasonPhraseIsFine) {
    const Reading reading{"HTTP/1.1 400 \r\nContent-Length: 2\r\n\r\n{}"};
    EXPECT_EQ(reading.step, HttpStep::done);
    EXPECT_EQ(reading.parser.head().status, 400);
    EXPECT_EQ(reading.body, "{}");
}

TEST(HttpResponse, InterimResponsesAreSkipped) {
    const Reading reading{
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        9};
    EXPECT_EQ(reading.step, HttpStep::done);
    EXPECT_EQ(reading.parser.head().status, 202);
}

TEST(HttpResponse, StopsAtTheEndOfTheMessage) {
    const Reading reading{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n"};
    EXPECT_EQ(reading.step, HttpStep::done);
    EXPECT_EQ(reading.left, "HTTP/1.1 200 OK\r\n");
}

TEST(HttpResponse, TheEndOfTheStreamEndsABodyWithoutLength) {
    const Reading reading{"HTTP/1.1 200 OK\r\n\r\nabc", 5, true};
    EXPECT_EQ(reading.step, HttpStep::done);
    EXPECT_EQ(reading.body, "abc");
    EXPECT_FALSE(reading.parser.keep_alive());
}

TEST(HttpResponse, AShortBodyIsTruncatedAndAShortHeadIsAClosedConnection) {
    EXPECT_EQ((Reading{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 5, true}.step),
              HttpStep::truncated);
    EXPECT_EQ((Reading{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 5, true}
                   .step),
              HttpStep::truncated);
    EXPECT_EQ((Reading{"HTTP/1.1 200 OK\r\nContent-", 5, true}.step), HttpStep::closed);
    EXPECT_EQ((Reading{"", 5, true}.step), HttpStep::closed);
}

TEST(HttpResponse, WhatIsNoHttpIsMalformed) {
    for (const auto* bad : {"SSH-2.0-OpenSSH_9.2\r\n\r\n",
                            "HTTP/1.1 20 OK\r\n\r\n",
                            "HTTP/1.1 000 OK\r\n\r\n",
                            "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"})
        EXPECT_EQ(Reading{bad}.step, HttpStep::malformed) << bad;
}

/// A head of exactly that many bytes.
std::string head_of(std::size_t size) {
    std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ";
    return head + std::string(size - head.size() - 4, 'a') + "\r\n\r\n";
}

TEST(HttpResponse, WhatCanNotBecomeAHeadIsMalformedAtOnceHoweverItIsSplit) {
    for (const std::string bad : {"SSH-2.0-OpenSSH_9.2p1\r\n",
                                  "* OK IMAP4 ready\r\n",
                                  "\x16\x03\x01",
                                  "HTTP/2 200\r\n",
                                  "HTTP/1.1 200 OK\nContent-Length: 0\n\n"})
        for (const std::size_t size : {1U, 3U, 1000U})
            EXPECT_EQ((Reading{bad, size}.step), HttpStep::malformed) << bad << size;
}

TEST(HttpResponse, APartOfAHeadIsNotJudgedHoweverItIsSplit) {
    for (const std::string part :
         {"HTTP/1.1 2x", "HTTP/1.1 200 OK\r\nbad field\r\n", "HTTP/1.1 200 OK\r"})
        for (const std::size_t size : {1U, 3U, 1000U}) {
            EXPECT_EQ((Reading{part, size, true}.step), HttpStep::closed) << part << size;
            EXPECT_EQ((Reading{part + "\r\n\r\n", size, true}.step), HttpStep::malformed) << part;
        }
}

TEST(HttpResponse, AHeadMayBe64KiBLongAndNotAByteMore) {
    constexpr std::size_t kMax = HttpResponseParser::kHeadBytesMax;
    for (const std::size_t piece : {std::size_t{999}, std::size_t{16'384}, 2 * kMax}) {
        EXPECT_EQ((Reading{head_of(kMax), piece}.step), HttpStep::done) << piece;
        EXPECT_EQ((Reading{head_of(kMax + 1), piece}.step), HttpStep::malformed) << piece;
    }
}

TEST(HttpResponse, AnEndlessHeadIsMalformedHoweverItComes) {
    // Piece by piece, each a whole field, nothing is ever left over that a limit could be held to.
    const auto field = "X-Filler: " + std::string(100, 'a') + "\r\n";
    auto head = "HTTP/1.1 200 " + std::string(field.size() - 15, 'o') + "\r\n";
    ASSERT_EQ(head.size(), field.size());
    while (head.size() < 200'000)
        head += field;
    for (const std::size_t piece : {field.size(), std::size_t{4096}})
        EXPECT_EQ((Reading{head, piece}.step), HttpStep::malformed) << piece;
}

TEST(HttpResponse, InterimResponsesCountAsPartOfTheHead) {
    const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    std::string endless;
    while (endless.size() <= HttpResponseParser::kHeadBytesMax)
        endless += interim;
    for (const std::size_t piece : {interim.size(), std::size_t{4096}, std::size_t{1'000'000}})
        EXPECT_EQ((Reading{endless, piece}.step), HttpStep::malformed) << piece;
}

TEST(HttpResponse, TheExtensionsOfAChunkAreNotCollectedForEver) {
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto fine = head + "1;" + std::string(60'000, 'x') + "\r\na\r\n0\r\n\r\n";
    EXPECT_EQ((Reading{fine, 4096}.step), HttpStep::done);
    const auto endless = head + "1;" + std::string(200'000, 'x');
    EXPECT_EQ((Reading{endless, 4096}.step), HttpStep::malformed);
    const auto trailer = head + "0\r\nX: " + std::string(200'000, 'x');
    EXPECT_EQ((Reading{trailer, 4096}.step), HttpStep::malformed);
}

TEST(HttpResponse, ABodyOver32MiBIsTooLarge) {
    const Reading reading{"HTTP/1.1 200 OK\r\nContent-Length: 33554433\r\n\r\na"};
    EXPECT_EQ(reading.step, HttpStep::too_large);
    EXPECT_TRUE(reading.parser.head_done());
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n";
    const std::string body(HttpResponseParser::kBodyBytesMax, 'a');
    EXPECT_EQ((Reading{head + body, 1U << 20U}.step), HttpStep::done);
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000000\r\n";
    EXPECT_EQ((Reading{chunked + body + "\r\n0\r\n\r\n", 1U << 20U}.step), HttpStep::done);
    EXPECT_EQ((Reading{chunked + body + "\r\n1\r\nb\r\n", 1U << 20U}.step), HttpStep::too_large);
    const std::string unframed = "HTTP/1.1 200 OK\r\n\r\n";
    EXPECT_EQ((Reading{unframed + body + "b", 1U << 20U}.step), HttpStep::too_large);
}

TEST(HttpResponse, FramingOverTwiceTheBodysBoundIsTooLarge) {
    const auto chunk = "1;" + std::string(50'000, 'x') + "\r\na\r\n";
    std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    while (text.size() <= HttpResponseParser::kMessageBytesMax)
        text += chunk;
    EXPECT_EQ((Reading{text, 1U << 20U}.step), HttpStep::too_large);
}

TEST(HttpResponse, JoinsTheValuesOfWwwAuthenticateAndSeesBotWalls) {
    const Reading reading{
        "HTTP/1.1 403 F\r\nWWW-Authenticate: Basic\r\nwww-authenticate: Bearer x=\"1\"\r\n"
        "CF-Mitigated: Challenge\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"};
    EXPECT_EQ(reading.parser.head().www_authenticate, "Basic, Bearer x=\"1\"");
    EXPECT_TRUE(reading.parser.head().challenged);
    EXPECT_EQ(reading.parser.head().retry_after, "7");
}

TEST(HttpResponse, ABotWallIsKnownByWhatItDoesNotByItsPresence) {
    const auto challenged = [](const std::string& fields) {
        return Reading{"HTTP/1.1 403 F\r\n" + fields + "Content-Length: 0\r\n\r\n"}
            .parser.head()
            .challenged;
    };
    EXPECT_TRUE(challenged("cf-mitigated: challenge\r\n"));
    EXPECT_TRUE(challenged("x-amzn-waf-action: challenge\r\n"));
    EXPECT_TRUE(challenged("X-Amzn-Waf-Action: captcha\r\nServer: awselb/2.0\r\n"));
    EXPECT_TRUE(challenged("x-vercel-mitigated: challenge\r\nx-vercel-id: a\r\n"));
    EXPECT_FALSE(challenged("x-vercel-mitigated: deny\r\n")) << "a rule, which no browser passes";
    EXPECT_FALSE(challenged("x-datadome: protected\r\ncf-ray: 1\r\nx-amz-cf-id: challenge\r\n"));
}

}  // namespace
}  // namespace quorate
