#include "core/histogram/latency_histogram.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "core/base/varint.hpp"

namespace quorate {
namespace {

constexpr std::uint64_t kLongestUs = 600'000'000;
constexpr std::size_t kBuckets = 330;

/// Upper bounds of the buckets in microseconds, the bound itself included: whole numbers, so that
/// every machine counts alike. The first holds what is not above 100 microseconds.
constexpr std::array<std::uint64_t, kBuckets> kBounds = [] {
    std::array<std::uint64_t, kBuckets> bounds{};
    bounds[0] = 100;
    for (std::size_t i = 1; i < kBuckets; ++i)
        bounds[i] = bounds[i - 1] + bounds[i - 1] / 20;
    return bounds;
}();
static_assert(kBounds.back() >= kLongestUs);

std::uint16_t bucket_of(microseconds duration) {
    const auto us = std::clamp<std::int64_t>(duration.count(), 0, kLongestUs);
    const auto found = std::ranges::lower_bound(kBounds, static_cast<std::uint64_t>(us));
    return static_cast<std::uint16_t>(found - kBounds.begin());
}

microseconds middle_of(std::uint16_t bucket) {
    const auto low = bucket == 0 ? 0 : kBounds[bucket - 1U];
    return microseconds{(low + kBounds[bucket]) / 2};
}

}  // namespace

void LatencyHistogram::add(microseconds duration, std::uint64_t count) {
    if (count > 0) add_to(bucket_of(duration), count);
}

void LatencyHistogram::add_to(std::uint16_t bucket, std::uint64_t count) {
    const auto place = std::ranges::lower_bound(buckets_, bucket, {}, &Bucket::first);
    if (place != buckets_.end() && place->first == bucket)
        place->second += count;
    else
        buckets_.insert(place, {bucket, count});
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
    for (const auto& [bucket, count] : other.buckets_)
        add_to(bucket, count);
}

std::uint64_t LatencyHistogram::count() const {
    std::uint64_t sum = 0;
    for (const auto& [bucket, count] : buckets_)
        sum += count;
    return sum;
}

std::optional<microseconds> LatencyHistogram::quantile(double q) const {
    if (buckets_.empty()) return std::nullopt;
    const auto share = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count()));
    const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(share));
    std::uint64_t seen = 0;
    for (const auto& [bucket, count] : buckets_) {
        seen += count;
        if (seen >= wanted) return middle_of(bucket);
    }
    return middle_of(buckets_.back().first);
}

void LatencyHistogram::encode(std::string& bytes) const {
    append_varint(buckets_.size(), bytes);
    std::uint16_t before = 0;
    for (const auto& [bucket, count] : buckets_) {
        append_varint(static_cast<std::uint64_t>(bucket - before), bytes);
        append_varint(count, bytes);
        before = bucket;
    }
}

LatencyHistogram LatencyHistogram::decode(std::string_view& bytes) {
    LatencyHistogram histogram;
    const auto size = take_varint(bytes);
    std::uint64_t bucket = 0;
    for (std::uint64_t i = 0; i < size; ++i) {
        const auto distance = take_varint(bytes);
        const auto count = take_varint(bytes);
        bucket += distance;
        if (distance >= kBuckets || bucket >= kBuckets || (i > 0 && distance == 0) || count == 0)
            throw std::invalid_argument{"not a histogram"};
        histogram.buckets_.emplace_back(static_cast<std::uint16_t>(bucket), count);
    }
    return histogram;
}

}  // namespace quorate
