#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <unordered_map>
#include <utility>

#include "core/base/sha256.hpp"

namespace quorate {

/// A hash of what is a hash already.
struct HashOfSha256 {
    std::size_t operator()(const Sha256& digest) const noexcept {
        std::size_t hash = 0;
        std::memcpy(&hash, digest.data(), sizeof hash);
        return hash;
    }
};

/// Values by key, bounded by the sum of their weights; the least recently used go first. Not safe
/// for several threads.
template <class Key, class Value, class Hash>
class LruCache {
public:
    explicit LruCache(std::size_t weight_max) : weight_max_{weight_max} {}

    /// The value, in force until the next change; nothing where there is none. It is then the most
    /// recently used.
    const Value* find(const Key& key) {
        const auto found = by_key_.find(key);
        if (found == by_key_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, found->second);
        return &found->second->value;
    }

    /// Replaces what the key had. A value that alone passes the bound is not kept.
    void put(const Key& key, Value value, std::size_t weight = 1) {
        erase(key);
        if (weight > weight_max_) return;
        for (; weight_ + weight > weight_max_; ++evictions_)
            erase(Key{entries_.back().key});
        entries_.push_front({key, std::move(value), weight});
        by_key_.emplace(key, entries_.begin());
        weight_ += weight;
    }

    void erase(const Key& key) {
        const auto found = by_key_.find(key);
        if (found == by_key_.end()) return;
        weight_ -= found->second->weight;
        entries_.erase(found->second);
        by_key_.erase(found);
    }

    std::size_t size() const { return entries_.size(); }
    std::size_t weight() const { return weight_; }
    /// How many had to go for others so far.
    std::uint64_t evictions() const { return evictions_; }

private:
    struct Entry {
        Key key;
        Value value;
        std::size_t weight;
    };
    std::size_t weight_max_;
    std::size_t weight_ = 0;
    std::uint64_t evictions_ = 0;
    std::list<Entry> entries_;  ///< the most recently used first
    std::unordered_map<Key, typename std::list<Entry>::iterator, Hash> by_key_;
};

}  // namespace quorate
