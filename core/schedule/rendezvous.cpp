#include "core/schedule/rendezvous.hpp"

#include <cstddef>

#include "core/base/sha256.hpp"

namespace quorate {
namespace {

/// The finaliser of SplitMix64: every bit of the sum reaches every bit of the weight.
std::uint64_t mixed(std::uint64_t value) {
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

std::uint64_t weight(std::uint64_t member, std::uint32_t shard) {
    return mixed(member + 0x9e3779b97f4a7c15U * (std::uint64_t{shard} + 1));
}

}  // namespace

std::vector<std::string> owners_of_shards(std::uint32_t shards,
                                          const std::vector<std::string>& members) {
    std::vector<std::uint64_t> hashes;
    hashes.reserve(members.size());
    for (const auto& member : members)
        hashes.push_back(stable_hash(member));
    std::vector<std::string> owners(shards);
    for (std::uint32_t shard = 0; shard < shards && !members.empty(); ++shard) {
        std::size_t best = 0;
        for (std::size_t i = 1; i < members.size(); ++i) {
            const auto mine = weight(hashes[i], shard);
            const auto theirs = weight(hashes[best], shard);
            if (mine > theirs || (mine == theirs && members[i] < members[best])) best = i;
        }
        owners[shard] = members[best];
    }
    return owners;
}

}  // namespace quorate
