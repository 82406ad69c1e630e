#include "probe/jsonrpc.hpp"

#include <boost/json/error.hpp>
#include <gtest/gtest.h>

namespace quorate {
namespace {

RpcKind kind(std::string_view text) {
    const auto value = parse_json(text);
    return value ? kind_of(*value) : RpcKind::invalid;
}

TEST(JsonRpc, MethodIsLookedAtBeforeId) {
    EXPECT_EQ(kind(R"({"jsonrpc":"2.0","id":1,"method":"ping"})"), RpcKind::request);
    EXPECT_EQ(kind(R"({"method":"x","jsonrpc":"2.0"})"), RpcKind::notification);
    EXPECT_EQ(kind(R"({"result":{},"jsonrpc":"2.0","id":1})"), RpcKind::response);
    EXPECT_EQ(kind(R"({"jsonrpc":"2.0","id":"a","error":{"code":1}})"), RpcKind::response);
    EXPECT_EQ(kind(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700}})"), RpcKind::response);
}

TEST(JsonRpc, AnythingElseIsInvalid) {
    for (const auto* bad : {R"([])",
                            R"(1)",
                            R"({})",
                            R"({"jsonrpc":"1.0","id":1,"result":{}})",
                            R"({"id":1,"result":{}})",
                            R"({"jsonrpc":"2.0","id":1})",
                            R"({"jsonrpc":"2.0","id":1,"result":{},"error":{}})",
                            R"({"jsonrpc":"2.0","id":null,"result":{}})",
                            R"({"jsonrpc":"2.0","id":null,"method":"x"})",
                            R"({"jsonrpc":"2.0","method":7})"})
        EXPECT_EQ(kind(bad), RpcKind::invalid) << bad;
}

TEST(JsonRpc, IdsMatchByTypeAndValue) {
    RpcInbox inbox{1};
    EXPECT_TRUE(inbox.take(R"({"jsonrpc":"2.0","id":"1","result":{}})"));
    EXPECT_TRUE(inbox.take(R"({"jsonrpc":"2.0","id":2,"result":{}})"));
    EXPECT_FALSE(inbox.response());
    EXPECT_TRUE(inbox.saw_other_id());
    EXPECT_TRUE(inbox.take(R"({"jsonrpc":"2.0","id":1,"result":{"x":1}})"));
    EXPECT_TRUE(inbox.response());
}

TEST(JsonRpc, ABatchIsTakenApartAndNoted) {
    RpcInbox inbox{3};
    EXPECT_TRUE(
        inbox.take(R"([{"jsonrpc":"2.0","method":"n"},{"jsonrpc":"2.0","id":3,"result":{}}])"));
    EXPECT_TRUE(inbox.saw_batch());
    EXPECT_TRUE(inbox.response());
}

TEST(JsonRpc, RequestsOfTheServerAreKeptUpTo16) {
    RpcInbox inbox{1};
    for (int i = 0; i < 40; ++i)
        inbox.take(R"({"jsonrpc":"2.0","id":1,"method":"ping"})");
    EXPECT_FALSE(inbox.response());
    EXPECT_EQ(inbox.take_server_requests().size(), 16U);
    inbox.take(R"({"jsonrpc":"2.0","id":2,"method":"ping"})");
    EXPECT_TRUE(inbox.take_server_requests().empty());
}

TEST(JsonRpc, JsonIsUtf8AndAtMost128LevelsDeep) {
    EXPECT_FALSE(parse_json("{\"a\":\"\xFF\"}"));
    EXPECT_FALSE(parse_json("{} {}"));
    EXPECT_TRUE(parse_json(std::string(128, '[') + std::string(128, ']')));
    const auto deep = parse_json(std::string(129, '[') + std::string(129, ']'));
    ASSERT_FALSE(deep);
    EXPECT_EQ(deep.error(), boost::json::error::too_deep);
    EXPECT_NE(parse_json("{").error(), boost::json::error::too_deep);
}

TEST(JsonRpc, AByteOrderMarkInFrontOfATextIsOverlooked) {
    RpcInbox inbox{1};
    EXPECT_TRUE(
        inbox.take("\xEF\xBB\xBF"
                   R"({"jsonrpc":"2.0","id":1,"result":{}})"));
    EXPECT_TRUE(inbox.response());
    EXPECT_FALSE(inbox.take("\xEF\xBB\xBF\xEF\xBB\xBF{}"));
}

TEST(JsonRpc, AnErrorKeepsItsCodeAndTheVersionsItLists) {
    const auto value =
        parse_json(R"({"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"a\u001bb",)"
                   R"("data":{"supported":["2026-07-28",7,"2025-11-25"]}}})");
    const auto error = error_of(*value);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, -32022);
    EXPECT_EQ(error->message, "a?b");
    EXPECT_EQ(error->supported, (std::vector<std::string>{"2026-07-28", "2025-11-25"}));
}

}  // namespace
}  // namespace quorate
