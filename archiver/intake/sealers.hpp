#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "platform/redis/peers.hpp"

namespace quorate {

/// How long archivers hold shards, and how long before that they stop. Longer than coordinators
/// do: to read a shard's states again costs more than to plan it again.
inline constexpr std::chrono::seconds kSealLease{5};
inline constexpr std::chrono::seconds kSealMargin{1};

/// Who may seal, by name: those whose Postgres answers; where nobody's does, all keep what they
/// have.
std::vector<std::string> sealers_of(const PeersView& view);

}  // namespace quorate
