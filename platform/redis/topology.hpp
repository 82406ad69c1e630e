#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/redis/address.hpp"
#include "platform/redis/reply.hpp"

namespace quorate::detail {

/// Which master of a Redis Cluster serves which slots, as one of its nodes sees it.
struct RedisTopology {
    static constexpr std::uint16_t kNobody = 0xFFFF;
    std::vector<RedisAddress> masters;  ///< each once, in the order of their lowest slots
    std::vector<std::uint16_t> owners;  ///< a slot's index in `masters`, or kNobody
};

/// Reads the answer to CLUSTER SLOTS. @param asked who gave it: an address that leaves the host
/// open is of that host, and all are reached as it is (TLS). Nothing where it is no such answer, no
/// slot has an owner, or there are more than 1,000 masters.
std::optional<RedisTopology> parse_topology(const RedisReply& reply, const RedisAddress& asked);

/// A node's word that another one serves a slot.
struct RedisRedirect {
    bool for_good = false;  ///< MOVED; else ASK: for this one command
    std::uint16_t slot = 0;
    RedisAddress to;
};

/// Reads `MOVED 3999 10.0.0.1:6381` and `ASK …`; nothing of any other error. @param from as above.
std::optional<RedisRedirect> parse_redirect(const std::string& error, const RedisAddress& from);

}  // namespace quorate::detail
