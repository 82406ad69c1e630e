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

DnsCache::DnsCache(std::size_t entries_max) : entries_max_{std::max<std::size_t>(entries_max, 1)} {}

DnsCache::Found DnsCache::find(const std::string& host,
                               IpFamily family,
                               SteadyTime now,
                               bool negative_too) {
    std::optional<std::size_t> refuted;
    const auto found = entries_.find({host, family});
    if (found != entries_.end()) {
        auto& [entry, age] = found->second;
        const bool fresh = entry.expires > now;
        if (fresh && (negative_too || entry.answer.says == DnsSays::addresses)) {
            by_age_.splice(by_age_.begin(), by_age_, age);
            ++counts_.hits;
            return {&entry};
        }
        if (fresh) refuted = entry.server;
        erase(found);
    }
    ++counts_.misses;
    return {nullptr, refuted};
}

void DnsCache::put(const std::string& host, IpFamily family, Entry entry, SteadyTime now) {
    const auto lifetime = lifetime_of(entry.answer);
    if (!lifetime) return;
    entry.expires = now + *lifetime;
    const Key key{host, family};
    if (const auto before = entries_.find(key); before != entries_.end()) erase(before);
    if (entries_.size() >= entries_max_) {
        erase(entries_.find(by_age_.back()));
        ++counts_.evictions;
    }
    by_age_.push_front(key);
    entries_.emplace(key, Slot{std::move(entry), by_age_.begin()});
}

void DnsCache::erase(std::map<Key, Slot>::iterator slot) {
    by_age_.erase(slot->second.age);
    entries_.erase(slot);
}

}  // namespace quorate
