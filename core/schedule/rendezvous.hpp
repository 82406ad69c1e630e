#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quorate {

/// Which of the members owns a shard, by rendezvous hashing: everyone who knows the same members
/// finds the same owner, a member that goes takes only its own shards with it, and one that comes
/// takes only what becomes its own. Pure; the order of the names does not matter, and the answer
/// survives restarts, versions and machines. @param members different names.
/// @return the owner of each of the `shards` shards, by the shard's number; all empty where there
///     is no member.
std::vector<std::string> owners_of_shards(std::uint32_t shards,
                                          const std::vector<std::string>& members);

}  // namespace quorate
