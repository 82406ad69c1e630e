#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "platform/redis/client.hpp"

namespace quorate {

/// What a tool list says (manifest_text), on its way from a region's agents to the archive.
struct ManifestContent {
    std::string full_hash;  ///< 64 hexadecimal digits
    std::string text;
    friend bool operator==(const ManifestContent&, const ManifestContent&) = default;
};

/// A tool list that a region's agents told of.
struct ManifestName {
    std::string region;
    std::string full_hash;
    friend auto operator<=>(const ManifestName&, const ManifestName&) = default;
};

/// How long a list waits in Redis for an archiver; then its hashes alone are known.
inline constexpr std::chrono::seconds kManifestsKeptFor{3 * 3600};
/// A list whose text is longer is known by its hashes alone.
inline constexpr std::size_t kManifestBytesMax = std::size_t{1} << 20U;

/// Puts the lists where archivers look for them; one that is there already stays. Throws as
/// RedisClient::try_now, and for the first list that was not taken.
Task<> put_manifests(RedisClient& client, std::string region, std::vector<ManifestContent> lists);

/// What the lists say, in order; nothing where it is not there, longer than it may be, or where
/// its region's node of a cluster does not answer. Throws as RedisClient::run.
Task<std::vector<std::optional<std::string>>> read_manifests(RedisClient& client,
                                                             std::vector<ManifestName> names);

/// Forgets them; where a node of a cluster does not answer their time ends them. Throws as
/// RedisClient::run.
Task<> drop_manifests(RedisClient& client, std::vector<ManifestName> names);

}  // namespace quorate
