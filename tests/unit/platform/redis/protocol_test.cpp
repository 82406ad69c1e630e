#include "platform/redis/protocol.hpp"

#include <gtest/gtest.h>

namespace quorate::detail {
namespace {

TEST(RedisProtocol, ACommandIsAListOfCountedTexts) {
    std::string bytes;
    append_command(bytes, {"SET", std::string{"k\0y", 3}, "%s\r\n"});
    EXPECT_EQ(bytes, (std::string{"*3\r\n$3\r\nSET\r\n$3\r\nk\0y\r\n$4\r\n%s\r\n\r\n", 32}));
}

TEST(RedisProtocol, RepliesOfEveryTypeAreReadInPieces) {
    const std::string bytes =
        "+OK\r\n:-5\r\n$3\r\nabc\r\n$-1\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n-ERR no\r\n";
    ReplyReader reader;
    std::vector<RedisReply> replies;
    for (const char byte : bytes) {
        reader.feed({&byte, 1});
        while (auto reply = reader.next())
            replies.push_back(*std::move(reply));
    }
    ASSERT_EQ(replies.size(), 6U);
    EXPECT_EQ(replies[0].text(), "OK");
    EXPECT_EQ(replies[1].integer(), -5);
    EXPECT_EQ(replies[2].text(), "abc");
    EXPECT_TRUE(replies[3].is_nil());
    EXPECT_EQ(replies[4].list().at(0).integer(), 1);
    EXPECT_EQ(replies[4].list().at(1).list().at(0).text(), "");
    ASSERT_NE(replies[5].error(), nullptr);
    EXPECT_EQ(*replies[5].error(), "ERR no");
}

TEST(RedisProtocol, BytesThatAreNoReplyEndTheConnection) {
    ReplyReader reader;
    reader.feed("HTTP/1.1 400 Bad Request\r\n");
    EXPECT_THROW((void)reader.next(), RedisUnavailable);
}

TEST(RedisReply, AnotherTypeThanWantedIsARedisError) {
    EXPECT_THROW((void)RedisReply{std::string{"x"}}.integer(), RedisError);
    EXPECT_THROW((void)RedisReply{}.text(), RedisError);
    try {
        RedisReply{RedisReply::Error{"OOM command not allowed"}}.check();
        FAIL();
    } catch (const RedisError& error) {
        EXPECT_EQ(error.code(), "OOM");
    }
}

}  // namespace
}  // namespace quorate::detail
