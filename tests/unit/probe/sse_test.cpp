#include "probe/sse.hpp"

#include <random>

#include <gtest/gtest.h>

namespace quorate {
namespace {

std::vector<SseEvent> parse(std::string_view text) {
    SseParser parser;
    std::vector<SseEvent> events;
    EXPECT_TRUE(parser.feed(text, events));
    return events;
}

TEST(SseParser, JoinsDataLinesAndStripsOneSpace) {
    const auto events = parse("event: message\ndata: a\ndata:  b\ndata\n\n");
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0], (SseEvent{"message", "a\n b\n"}));
}

TEST(SseParser, TakesAllThreeLineEnds) {
    const std::vector<SseEvent> wanted{{"", "1"}, {"", "2"}, {"", "3"}};
    EXPECT_EQ(parse("data: 1\n\ndata: 2\r\n\r\ndata: 3\r\r"), wanted);
}

TEST(SseParser, GivesTheSameEventsHoweverTheBytesAreSplit) {
    const std::string text =
        "\xEF\xBB\xBF: ping\r\nid: 7\r\nretry: 500\r\nevent: endpoint\r\ndata: /m?x=1\r\n\r\n"
        "data: {\"a\":1}\r\rdata: x\ndata: y\n\nunknown: z\n\n";
    const auto whole = parse(text);
    ASSERT_EQ(whole.size(), 3U);
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    for (int round = 0; round < 500; ++round) {
        SseParser parser;
        std::vector<SseEvent> events;
        for (std::size_t at = 0; at < text.size();) {
            const auto count = std::min<std::size_t>(1 + random() % 7, text.size() - at);
            ASSERT_TRUE(parser.feed(std::string_view{text}.substr(at, count), events));
            at += count;
        }
        ASSERT_EQ(events, whole);
        ASSERT_EQ(parser.last_event_id(), "7");
        ASSERT_EQ(parser.retry_ms(), 500U);
    }
}

TEST(SseParser, DiscardsABlockWithoutABlankLineAtTheEnd) {
    EXPECT_TRUE(parse("data: lost\n").empty());
    EXPECT_TRUE(parse("data: lost").empty());
}

TEST(SseParser, AnIdCountsOnlyWithItsEventAndNeverWithANul) {
    SseParser parser;
    std::vector<SseEvent> events;
    parser.feed("id: 1\n", events);
    EXPECT_EQ(parser.last_event_id(), "");
    parser.feed("data:\n\n", events);
    EXPECT_EQ(parser.last_event_id(), "1");
    parser.feed(std::string_view{"id: 2\0x\n\n", 9}, events);
    EXPECT_EQ(parser.last_event_id(), "1");
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].data, "");  // a priming event
}

TEST(SseParser, IgnoresRetriesThatAreNoDigitsAndCommentsAndEmptyBlocks) {
    SseParser parser;
    std::vector<SseEvent> events;
    parser.feed("retry: 1s\nretry: -1\nretry:\n: comment\n\n\n\n", events);
    EXPECT_FALSE(parser.retry_ms());
    EXPECT_TRUE(events.empty());
}

TEST(SseParser, RefusesALineAboveItsLimit) {
    SseParser parser;
    std::vector<SseEvent> events;
    const std::string megabyte(1U << 20U, 'a');
    bool accepted = parser.feed("data: ", events);
    int fed = 0;
    for (; accepted && fed < 100; ++fed)
        accepted = parser.feed(megabyte, events);
    EXPECT_FALSE(accepted);
    EXPECT_EQ(fed, 8);
}

}  // namespace
}  // namespace quorate
