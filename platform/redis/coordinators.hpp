#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time/time.hpp"
#include "platform/redis/client.hpp"

namespace quorate {

/// What a coordinator says of itself twice a second.
struct CoordinatorBeat {
    std::string name;
    UtcTime at;  ///< Redis's clock, when Redis took it
    std::string version;
    std::optional<std::int64_t> generation;  ///< of the catalogue that it has; nothing: none yet
    bool current = false;  ///< its Postgres answers, so that its catalogue is the newest there is
    std::uint32_t shards = 0;  ///< whose lease it holds
    friend bool operator==(const CoordinatorBeat&, const CoordinatorBeat&) = default;
};

/// A coordinator lives while it was heard this long ago.
inline constexpr milliseconds kCoordinatorAliveFor{2000};
/// After this silence its heartbeat is forgotten.
inline constexpr milliseconds kCoordinatorForgottenAfter{3'600'000};

/// The coordinators, at one moment of Redis's clock.
struct CoordinatorsView {
    UtcTime at;
    bool name_taken = false;  ///< another living process has our name: ours was not written
    std::vector<CoordinatorBeat> beats;  ///< sorted by name; living and silent

    bool alive(const CoordinatorBeat& beat) const {
        return beat.at > at - kCoordinatorAliveFor && beat.at < at + kCoordinatorAliveFor;
    }
};

/// JSON, as it stands in Redis behind time and instance: `version generation current shards`.
std::string encode_beat(const CoordinatorBeat& beat);
std::optional<CoordinatorBeat> decode_beat(std::string_view name,
                                           UtcTime at,
                                           std::string_view json);

/// Writes our heartbeat (`at` is Redis's) and reads those of all, in one step. Those that can't be
/// read are left out. Fails at once where that Redis is known to be away. @param instance tells
/// processes of the same name apart, `[!-~]`. Throws as RedisClient::run.
Task<CoordinatorsView> beat(RedisClient& client, CoordinatorBeat own, std::string instance);

/// The heartbeats alone; `name_taken` means nothing. Throws as RedisClient::run_all.
Task<CoordinatorsView> read_coordinators(RedisClient& client);

/// Removes the heartbeat of a coordinator that ends. Throws as RedisClient::run.
Task<> forget_coordinator(RedisClient& client, std::string name);

}  // namespace quorate
