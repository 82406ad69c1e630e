#include "core/schedule/rendezvous.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace quorate {
namespace {

using Members = std::vector<std::string>;

Members some_members(std::mt19937& random, std::size_t count) {
    Members members;
    for (std::size_t i = 0; i < count; ++i)
        members.push_back("host-" + std::to_string(random()) + "-" + std::to_string(i));
    return members;
}

TEST(Rendezvous, WithoutMembersNobodyOwnsAndOneOwnsAll) {
    EXPECT_EQ(owners_of_shards(3, {}), (Members{"", "", ""}));
    EXPECT_EQ(owners_of_shards(3, {"a"}), (Members{"a", "a", "a"}));
    EXPECT_TRUE(owners_of_shards(0, {"a"}).empty());
}

TEST(Rendezvous, TheOwnersNeverChangeForTheSameNames) {
    // Versions of the program share the shards while they are replaced: figures, not only rules.
    EXPECT_EQ(owners_of_shards(8, {"alpha", "beta", "gamma"}),
              (Members{"beta", "alpha", "gamma", "beta", "alpha", "beta", "beta", "alpha"}));
}

TEST(Rendezvous, TheOrderOfTheMembersDoesNotMatter) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    for (int round = 0; round < 50; ++round) {
        auto members = some_members(random, 2 + random() % 8);
        const auto owners = owners_of_shards(64, members);
        std::shuffle(members.begin(), members.end(), random);
        EXPECT_EQ(owners_of_shards(64, members), owners);
    }
}

TEST(Rendezvous, OnlyTheShardsOfALostMemberMoveAndAllOfThem) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    for (int round = 0; round < 50; ++round) {
        auto members = some_members(random, 2 + random() % 8);
        const auto before = owners_of_shards(256, members);
        const auto lost = members[random() % members.size()];
        std::erase(members, lost);
        const auto after = owners_of_shards(256, members);
        for (std::size_t shard = 0; shard < before.size(); ++shard) {
            if (before[shard] == lost)
                EXPECT_NE(after[shard], lost);
            else
                EXPECT_EQ(after[shard], before[shard]) << shard;
        }
    }
}

TEST(Rendezvous, TheSpreadIsNearEven) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    constexpr std::uint32_t kShards = 4096;
    for (const std::size_t count : {2U, 3U, 5U, 10U}) {
        const auto members = some_members(random, count);
        std::map<std::string, std::size_t> shares;
        for (const auto& owner : owners_of_shards(kShards, members))
            ++shares[owner];
        const auto fair = static_cast<double>(kShards) / static_cast<double>(count);
        for (const auto& member : members) {
            // Six standard deviations of the binomial distribution, at most 0.3 of a share here.
            EXPECT_GT(shares[member], fair * 0.7) << member << " of " << count;
            EXPECT_LT(shares[member], fair * 1.3) << member << " of " << count;
        }
    }
}

}  // namespace
}  // namespace quorate
