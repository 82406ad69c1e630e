#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "platform/redis/slot.hpp"
#include "platform/redis/topology.hpp"

namespace quorate::detail {
namespace {

using List = RedisReply::List;

RedisReply text(std::string value) {
    return RedisReply{std::move(value)};
}
RedisReply number(std::int64_t value) {
    return RedisReply{value};
}
RedisReply row(std::int64_t first, std::int64_t last, RedisReply host, std::int64_t port) {
    List node{std::move(host), number(port), text("id")};
    List made{number(first), number(last), RedisReply{std::move(node)}};
    return RedisReply{std::move(made)};
}

RedisAddress asked() {
    RedisAddress address;
    address.host = "10.0.0.1";
    address.port = 6379;
    address.tls = true;
    return address;
}

TEST(RedisSlot, IsThatOfTheSpecification) {
    EXPECT_EQ(slot_of("123456789"), 0x31C3);
    EXPECT_EQ(slot_of("foo"), 12182);
    EXPECT_EQ(slot_of(""), 0);
    EXPECT_EQ(slot_of("{user1000}.following"), slot_of("user1000"));
    EXPECT_EQ(slot_of("foo{}{bar}"), slot_of("foo{}{bar}"));
    EXPECT_NE(slot_of("foo{}{bar}"), slot_of("bar"));
    EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
    EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
    EXPECT_NE(slot_of("foo{bar"), slot_of("bar"));
}

TEST(RedisKeyOf, FindsTheFirstKeyOfACommand) {
    const std::vector<std::pair<RedisArgs, std::string>> cases{
        {{"GET", "k"}, "k"},
        {{"HMGET", "k", "f"}, "k"},
        {{"EVALSHA", "sha", "2", "k", "l", "x"}, "k"},
        {{"eval", "text", "1", "k"}, "k"},
        {{"XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "BLOCK", "5", "STREAMS", "k", ">"}, "k"},
        {{"XREAD", "streams", "k", "l", "0", "0"}, "k"},
        {{"XGROUP", "CREATE", "k", "g", "0"}, "k"},
        {{"XPENDING", "k", "g"}, "k"},
        {{"XCLAIM", "k", "g", "c", "0"}, "k"},
        {{"UNLINK", "k", "l"}, "k"},
    };
    for (const auto& [command, key] : cases) {
        const auto* found = key_of(command);
        ASSERT_NE(found, nullptr) << command.front();
        EXPECT_EQ(*found, key) << command.front();
    }
    for (const RedisArgs& command : {RedisArgs{},
                                     RedisArgs{"PING"},
                                     RedisArgs{"time"},
                                     RedisArgs{"SCRIPT", "FLUSH"},
                                     RedisArgs{"EVALSHA", "sha", "0", "x"},
                                     RedisArgs{"EVAL", "text"},
                                     RedisArgs{"XREAD", "COUNT", "1"},
                                     RedisArgs{"GET"}})
        EXPECT_EQ(key_of(command), nullptr);
}

TEST(RedisTopology, EachSlotHasTheMasterOfItsRange) {
    List rows;
    rows.push_back(row(10'000, 16'383, text("10.0.0.2"), 6380));
    rows.push_back(row(0, 4999, RedisReply{}, 6379));  // the host that was asked
    rows.push_back(row(5000, 5000, text(""), 6379));   // the same
    rows.push_back(row(6000, 6001, text("?"), 6381));  // nobody knows where
    const auto topology = parse_topology(RedisReply{std::move(rows)}, asked());
    ASSERT_TRUE(topology);
    ASSERT_EQ(topology->masters.size(), 2U);
    EXPECT_EQ(to_text(topology->masters[0]), "10.0.0.1:6379");
    EXPECT_EQ(to_text(topology->masters[1]), "10.0.0.2:6380");
    EXPECT_TRUE(topology->masters[1].tls);
    EXPECT_EQ(topology->owners[0], 0);
    EXPECT_EQ(topology->owners[5000], 0);
    EXPECT_EQ(topology->owners[5001], RedisTopology::kNobody);
    EXPECT_EQ(topology->owners[6000], RedisTopology::kNobody);
    EXPECT_EQ(topology->owners[16'383], 1);
}

TEST(RedisTopology, WhatIsNoneIsNothing) {
    EXPECT_FALSE(parse_topology(text("OK"), asked()));
    EXPECT_FALSE(parse_topology(RedisReply{List{}}, asked()));
    List wrong{row(-1, 5, text("h"), 1), row(7, 6, text("h"), 1), row(0, 16'384, text("h"), 1)};
    EXPECT_FALSE(parse_topology(RedisReply{std::move(wrong)}, asked()));
    List typed{text("0")};
    EXPECT_FALSE(parse_topology(RedisReply{std::move(typed)}, asked()));
    List many;
    for (int i = 0; i < 1001; ++i)
        many.push_back(row(i, i, text("h"), i + 1));
    EXPECT_FALSE(parse_topology(RedisReply{std::move(many)}, asked()));
}

TEST(RedisRedirect, MovedIsForGoodAndAskForOnce) {
    const auto moved = parse_redirect("MOVED 3999 10.0.0.9:6381", asked());
    ASSERT_TRUE(moved);
    EXPECT_TRUE(moved->for_good);
    EXPECT_EQ(moved->slot, 3999);
    EXPECT_EQ(to_text(moved->to), "10.0.0.9:6381");
    EXPECT_TRUE(moved->to.tls);
    const auto ask = parse_redirect("ASK 1 :6382", asked());
    ASSERT_TRUE(ask);
    EXPECT_FALSE(ask->for_good);
    EXPECT_EQ(to_text(ask->to), "10.0.0.1:6382");
    const auto v6 = parse_redirect("MOVED 1 fd00::1:6382", asked());
    ASSERT_TRUE(v6);
    EXPECT_EQ(to_text(v6->to), "[fd00::1]:6382");
    for (const auto* other : {"",
                              "MOVED",
                              "MOVED x 10.0.0.9:1",
                              "MOVED 16384 10.0.0.9:1",
                              "MOVED 1 10.0.0.9",
                              "MOVED 1 10.0.0.9:0",
                              "MOVED 1",
                              "ERR MOVED 1 h:1",
                              "WRONGTYPE x"})
        EXPECT_FALSE(parse_redirect(other, asked())) << other;
}

}  // namespace
}  // namespace quorate::detail
