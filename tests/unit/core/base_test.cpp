#include <gtest/gtest.h>

#include "core/base/enum_names.hpp"
#include "core/base/ids.hpp"
#include "core/base/sha256.hpp"
#include "core/model/verdict.hpp"

namespace quorate {
namespace {

TEST(Sha256Digest, GivesTheKnownAnswersOfFips180) {
    EXPECT_EQ(to_hex(sha256("")),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(StableHash, IsTheFirstEightBytesBigEndian) {
    EXPECT_EQ(stable_hash("abc"), 0xba7816bf8f01cfeaULL);
    EXPECT_EQ(stable_hash(""), 0xe3b0c44298fc1c14ULL);
}

TEST(EnumNames, GoBothWaysAndRefuseWhatIsNotThere) {
    EXPECT_EQ(name_of(Verdict::degraded), "DEGRADED");
    EXPECT_EQ(verdict_named("DEGRADED"), Verdict::degraded);
    EXPECT_FALSE(verdict_named("degraded"));
    EXPECT_TRUE(name_of(static_cast<Verdict>(77)).empty());
}

TEST(Ids, OfTheSameKindCompareByNumber) {
    EXPECT_LT(RegionId{1}, RegionId{2});
    EXPECT_EQ(RegionId{7}, RegionId{7});
    static_assert(!std::is_convertible_v<int, RegionId>);
    static_assert(!std::is_convertible_v<RegionId, EndpointId>);
}

}  // namespace
}  // namespace quorate
