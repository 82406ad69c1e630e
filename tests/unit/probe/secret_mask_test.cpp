#include "probe/secret_mask.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

std::string masked(const Headers& headers, const std::string& text) {
    return SecretMask{headers}.masked(text);
}

TEST(SecretMask, ANameStaysItselfUnlessItHoldsAWholeSecret) {
    const SecretMask mask{{{"Authorization", "Bearer user-token-1"}, {"X-API-Key", "search"}}};
    EXPECT_EQ(mask.masked_name("create_user"), "create_user");
    EXPECT_EQ(mask.masked_name("search_documents"), "search_documents");
    EXPECT_EQ(mask.masked_name("echo_user-token-1"), "echo_***");
    EXPECT_EQ(mask.masked_name("echo_user-tok…"), "echo_***…");
}

TEST(SecretMask, HidesAValueAndTheTokenBehindItsScheme) {
    const Headers headers{{"Authorization", "Bearer abc.def/ghi"}};
    EXPECT_EQ(masked(headers, "got Bearer abc.def/ghi here"), "got *** here");
    EXPECT_EQ(masked(headers, "abc.def/ghiabc.def/ghi"), "******");
    EXPECT_EQ(masked(headers, R"({"t":"abc.def\/ghi"})"), R"({"t":"***"})");
    EXPECT_EQ(masked(headers, "?t=abc.def%2Fghi"), "?t=***");
    EXPECT_EQ(masked(headers, "nothing of it"), "nothing of it");
}

TEST(SecretMask, HidesTheValuesOfCookies) {
    const Headers headers{{"cookie", "a=first-one; b=second"}};
    EXPECT_EQ(masked(headers, "first-one, second; a=first-one; b=second"), "***, ***; ***");
}

TEST(SecretMask, HidesAnyHeaderThatAnOwnerGaveButNotShortWords) {
    EXPECT_EQ(masked({{"X-Token", "abcdef"}}, "abcdef"), "***");
    EXPECT_EQ(masked({{"X-Lang", "en"}}, "ended"), "ended");
    EXPECT_EQ(masked({{"X-API-Key", "key"}}, "a key"), "a ***");
}

TEST(SecretMask, HidesTheBeginningOfAValueWhereTheTextWasCut) {
    const Headers headers{{"X-API-Key", "0123456789"}};
    EXPECT_EQ(masked(headers, "your key 01234567"), "your key ***");
    EXPECT_EQ(masked(headers, "your key 012345…"), "your key ***…");
    EXPECT_EQ(masked(headers, "it is 012"), "it is 012") << "three digits tell nothing";
}

TEST(SecretMask, HidesACredentialInEveryFormAndFindsItInAText) {
    SecretHeaders credentials;
    credentials.push_back({"X-Team", SecretBytes{R"(a"b/c d\12345678)"}});
    const SecretMask mask{{{"X-Probe", "quorate-probe"}}, &credentials};
    for (const std::string text : {R"(a"b/c d\12345678)",
                                   R"(a\"b/c d\\12345678)",
                                   R"(a\"b\/c d\\12345678)",
                                   R"(a%22b%2Fc%20d%5C12345678)",
                                   R"(d\12345678)"}) {
        EXPECT_EQ(mask.masked("<" + text + ">"), "<***>") << text;
        EXPECT_TRUE(mask.finds_credential_in("<" + text + ">")) << text;
    }
    EXPECT_FALSE(mask.finds_credential_in("12345678"));
    EXPECT_EQ(mask.masked("quorate-probe"), "***");
    EXPECT_FALSE(mask.finds_credential_in("quorate-probe"))
        << "the endpoint's file has it readable";
}

TEST(SecretMask, TakesAValueForACredentialWhereItIsAlsoAHeaderThatIsNone) {
    SecretHeaders credentials;
    credentials.push_back({"X-Team", SecretBytes{"0123456789"}});
    const SecretMask mask{{{"X-Probe", "0123456789"}}, &credentials};
    EXPECT_TRUE(mask.finds_credential_in("is 0123456789"));
    const SecretMask without{{{"X-Probe", "0123456789"}}};
    EXPECT_FALSE(without.finds_credential_in("is 0123456789"));
}

TEST(SecretMask, OfNoHeadersChangesNothing) {
    EXPECT_TRUE(SecretMask{}.empty());
    EXPECT_TRUE(SecretMask{Headers{}}.empty());
    EXPECT_EQ(masked({}, "text"), "text");
}

}  // namespace
}  // namespace quorate
