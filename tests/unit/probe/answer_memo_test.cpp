#include "probe/answer_memo.hpp"

#include <gtest/gtest.h>

#include "probe/jsonrpc.hpp"

namespace quorate {
namespace {

constexpr std::string_view kText = R"({"jsonrpc":"2.0","id":2,"result":{"tools":[]}})";

ListFacts list_of(std::vector<std::string> names) {
    ToolsReport report;
    report.count = static_cast<std::uint32_t>(names.size());
    report.names = std::move(names);
    return {std::make_shared<const ToolsReport>(std::move(report)), {}};
}

TEST(AnswerMemo, KnowsAnAnswerAgainByItsTextPhaseEraAndId) {
    AnswerMemo memo;
    const AnswerRecall recall{memo, Phase::tools_list, true};
    const auto key = recall.key_of(kText, 2);
    EXPECT_FALSE(memo.find(key));
    memo.keep(key, list_of({"a"}));
    ASSERT_TRUE(memo.find(key));
    EXPECT_EQ(std::get<ListFacts>(*memo.find(key)).tools->names, std::vector<std::string>{"a"});
    EXPECT_FALSE(memo.find(recall.key_of(kText, 3)));
    EXPECT_FALSE(memo.find(recall.key_of(std::string{kText} + " ", 2)));
    EXPECT_FALSE(memo.find(AnswerRecall{memo, Phase::tools_list, false}.key_of(kText, 2)));
    EXPECT_FALSE(memo.find(AnswerRecall{memo, Phase::discover, true}.key_of(kText, 2)));
}

TEST(AnswerMemo, IsBoundedAndForgetsTheLeastRecentlyUsedFirst) {
    AnswerMemo memo{4096};
    const AnswerRecall recall{memo, Phase::tools_list, true};
    const auto key = [&](int i) { return recall.key_of(std::to_string(i), 2); };
    memo.keep(key(0), list_of({"first"}));
    for (int i = 1; i < 1000; ++i) {
        memo.keep(key(i), list_of({"another"}));
        ASSERT_TRUE(memo.find(key(0))) << i;  // used again and again
        ASSERT_LE(memo.bytes(), 4096U);
    }
    EXPECT_GE(memo.size(), 2U);
    EXPECT_TRUE(memo.find(key(999)));
    EXPECT_FALSE(memo.find(key(1)));
    memo.keep(key(1000), list_of(std::vector<std::string>(4096, "one that alone is too large")));
    EXPECT_FALSE(memo.find(key(1000)));
    EXPECT_TRUE(memo.find(key(999)));
}

TEST(AnswerMemo, TheInboxAsksItBeforeItParses) {
    AnswerMemo memo;
    const AnswerRecall recall{memo, Phase::tools_list, true};
    RpcInbox first{2, recall};
    EXPECT_TRUE(first.take(R"({"jsonrpc":"2.0","method":"n"})"));
    EXPECT_TRUE(first.take(kText));
    ASSERT_TRUE(first.response());
    ASSERT_TRUE(first.response_key());
    memo.keep(*first.response_key(), list_of({"a"}));

    RpcInbox again{2, recall};
    EXPECT_TRUE(again.take(kText));
    EXPECT_TRUE(again.has_response());
    EXPECT_FALSE(again.response());
    ASSERT_TRUE(again.known());

    RpcInbox without{2};
    EXPECT_TRUE(without.take(kText));
    EXPECT_TRUE(without.response());
    EXPECT_FALSE(without.known());
}

TEST(AnswerMemo, ABatchIsNeverRemembered) {
    AnswerMemo memo;
    RpcInbox inbox{2, AnswerRecall{memo, Phase::tools_list, false}};
    EXPECT_TRUE(inbox.take("[" + std::string{kText} + "]"));
    EXPECT_TRUE(inbox.response());
    EXPECT_FALSE(inbox.response_key());
}

}  // namespace
}  // namespace quorate
