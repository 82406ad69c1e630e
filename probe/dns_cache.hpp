#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/base/lru_cache.hpp"
#include "core/model/protocol.hpp"
#include "core/time/time.hpp"
#include "probe/dns_answer.hpp"

namespace quorate {

/// Records may be kept at least so long: a TTL of 0 must not mean one question per connection.
inline constexpr std::chrono::seconds kDnsTtlMin{1};
/// ... and at most so long: a probe watches DNS too, so a TTL of a day must not hide for a day that
/// the zone has stopped to answer.
inline constexpr std::chrono::seconds kDnsTtlMax{300};
/// Bound of negative answers, and their lifetime where the zone's SOA is missing.
inline constexpr std::chrono::seconds kDnsNegativeTtlMax{60};
inline constexpr std::chrono::seconds kDnsNegativeTtlDefault{5};

/// How long an answer is kept; nothing for one that is a failure of a name server, which is never.
std::optional<std::chrono::seconds> lifetime_of(const DnsAnswer& answer);

/// How the cache was used, over its life.
struct DnsCacheCounts {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;     ///< absent or expired
    std::uint64_t evictions = 0;  ///< entries that had to go for others, expired or not
};

/// Answers by host and family, up to a number of entries; the one used longest ago goes first.
/// Holds no clock: the caller says what time it is. Not safe for several threads.
class DnsCache {
public:
    /// @param entries_max  at least 1
    explicit DnsCache(std::size_t entries_max);

    struct Entry {
        DnsAnswer answer;
        std::size_t server = 0;  ///< index of the name server that said so
        bool routed = true;      ///< whether we have a route to its first address
        SteadyTime expires;
    };

    struct Found {
        const Entry* entry;                    ///< nullptr: none. Valid until the next call
        std::optional<std::size_t> refuted{};  ///< who gave the negative answer that was dropped
    };
    /// The entry that has not expired. Counts.
    /// @param negative_too  otherwise a negative entry is dropped, and counts as a miss
    Found find(const std::string& host, IpFamily family, SteadyTime now, bool negative_too = true);
    /// Keeps `entry`, `expires` set from its lifetime, unless it is a failure.
    void put(const std::string& host, IpFamily family, Entry entry, SteadyTime now);

    std::size_t size() const { return entries_.size(); }
    DnsCacheCounts counts() const { return {hits_, misses_, entries_.evictions()}; }

private:
    using Key = std::pair<std::string, IpFamily>;
    struct HashOfKey {
        std::size_t operator()(const Key& key) const noexcept {
            return std::hash<std::string>{}(key.first) + static_cast<std::size_t>(key.second);
        }
    };

    LruCache<Key, Entry, HashOfKey> entries_;
    std::uint64_t hits_ = 0;
    std::uint64_t misses_ = 0;
};

}  // namespace quorate
