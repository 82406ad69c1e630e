#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time/time.hpp"
#include "platform/redis/client.hpp"
#include "platform/redis/keys.hpp"

namespace quorate {

/// What one of those who share a work says of itself twice a second.
struct PeerBeat {
    std::string name;
    UtcTime at;  ///< Redis's clock, when Redis took it
    std::string version;
    std::optional<std::int64_t> generation;  ///< of the catalogue that it plans by, if it has one
    bool current = false;      ///< its Postgres answers: so a coordinator's catalogue is the newest
    std::uint32_t shards = 0;  ///< whose lease it holds
    friend bool operator==(const PeerBeat&, const PeerBeat&) = default;
};

/// One lives while it was heard this long ago.
inline constexpr milliseconds kPeerAliveFor{2000};
/// After this silence its heartbeat is forgotten.
inline constexpr milliseconds kPeerForgottenAfter{3'600'000};

/// Those who share a work, at one moment of Redis's clock.
struct PeersView {
    UtcTime at;
    bool name_taken = false;      ///< another living process has our name: ours was not written
    std::vector<PeerBeat> beats;  ///< sorted by name; living and silent

    bool alive(const PeerBeat& beat) const {
        return beat.at > at - kPeerAliveFor && beat.at < at + kPeerAliveFor;
    }
};

/// JSON, as it stands in Redis behind time and instance: `version generation current shards`.
std::string encode_beat(const PeerBeat& beat);
std::optional<PeerBeat> decode_beat(std::string_view name, UtcTime at, std::string_view json);

/// Writes our heartbeat (`at` is Redis's) and reads those of all, in one step. Those that can't be
/// read are left out. Fails at once where that Redis is known to be away. @param instance tells
/// processes of the same name apart, `[!-~]`. Throws as RedisClient::run.
Task<PeersView> beat(RedisClient& client, SharedWork work, PeerBeat own, std::string instance);

/// The heartbeats alone; `name_taken` means nothing. Throws as RedisClient::run_all.
Task<PeersView> read_peers(RedisClient& client, SharedWork work);

/// Removes the heartbeat of one that ends. Throws as RedisClient::run.
Task<> forget_peer(RedisClient& client, SharedWork work, std::string name);

}  // namespace quorate
