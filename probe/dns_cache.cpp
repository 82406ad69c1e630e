#include "probe/dns_cache.hpp"

#include <algorithm>

namespace quorate {

std::optional<std::chrono::seconds> lifetime_of(const DnsAnswer& answer) {
    switch (answer.says) {
        case DnsSays::addresses:
            return std::clamp(answer.ttl.value_or(kDnsTtlMin), kDnsTtlMin, kDnsTtlMax);
        case DnsSays::no_such_name:
        case DnsSays::no_addresses:
            return std::clamp(
                answer.ttl.value_or(kDnsNegativeTtlDefault), kDnsTtlMin, kDnsNegativeTtlMax);
        case DnsSays::server_failure:
        case DnsSays::silent:
        case DnsSays::unreachable:
            return std::nullopt;
    }
    return std::nullopt;
}

DnsCache::DnsCache(std::size_t entries_max) : entries_{std::max<std::size_t>(entries_max, 1)} {}

DnsCache::Found DnsCache::find(const std::string& host,
                               IpFamily family,
                               SteadyTime now,
                               bool negative_too) {
    const Key key{host, family};
    std::optional<std::size_t> refuted;
    if (const auto* entry = entries_.find(key)) {
        const bool fresh = entry->expires > now;
        if (fresh && (negative_too || entry->answer.says == DnsSays::addresses)) {
            ++hits_;
            return {entry};
        }
        if (fresh) refuted = entry->server;
        entries_.erase(key);
    }
    ++misses_;
    return {nullptr, refuted};
}

void DnsCache::put(const std::string& host, IpFamily family, Entry entry, SteadyTime now) {
    const auto lifetime = lifetime_of(entry.answer);
    if (!lifetime) return;
    entry.expires = now + *lifetime;
    entries_.put({host, family}, std::move(entry));
}

}  // namespace quorate
