#include "core/rollup/rollup.hpp"

#include <array>
#include <stdexcept>
#include <utility>

#include "core/base/varint.hpp"

namespace quorate {
namespace {

/// Format of encode_regions: the first byte.
constexpr std::uint64_t kFormat = 1;
constexpr std::uint64_t kRegionIdMax = 255;

void merge_region(RegionRollup& into, const RegionRollup& other) {
    into.votes += other.votes;
    into.fails += other.fails;
    into.total.merge(other.total);
    for (const auto& [phase, histogram] : other.phases)
        into.phases[phase].merge(histogram);
}

Phase phase_of(std::uint64_t number) {
    for (const auto& known : kPhaseNames)
        if (static_cast<std::uint64_t>(known.value) == number) return known.value;
    throw std::invalid_argument{"not a phase"};
}

}  // namespace

void Rollup::merge(const Rollup& other) {
    up += other.up;
    down += other.down;
    excluded += other.excluded;
    cells_expected += other.cells_expected;
    cells_measured += other.cells_measured;
    for (const auto& [region, rollup] : other.regions)
        merge_region(regions[region], rollup);
}

LatencyHistogram Rollup::total() const {
    LatencyHistogram all;
    for (const auto& [region, rollup] : regions)
        all.merge(rollup.total);
    return all;
}

void add(Rollup& rollup, const RollupCell& cell) {
    if (cell.verdict == Verdict::maint) return;
    ++rollup.cells_expected;
    const auto vote = vote_of(cell.verdict);
    if (vote == Vote::none) return;
    ++rollup.cells_measured;
    auto& region = rollup.regions[cell.region];
    ++region.votes;
    if (vote != Vote::healthy) {
        ++region.fails;
        return;
    }
    if (cell.total) region.total.add(*cell.total);
    for (const auto& [phase, time] : {std::pair{Phase::tcp, cell.connect},
                                      std::pair{Phase::tls, cell.tls},
                                      std::pair{Phase::initialize, cell.initialize},
                                      std::pair{Phase::tools_list, cell.tools_list}})
        if (time) region.phases[phase].add(*time);
}

std::string encode_regions(const std::map<RegionId, RegionRollup>& regions) {
    std::string bytes;
    append_varint(kFormat, bytes);
    append_varint(regions.size(), bytes);
    for (const auto& [id, region] : regions) {
        append_varint(id.value(), bytes);
        append_varint(region.votes, bytes);
        append_varint(region.fails, bytes);
        region.total.encode(bytes);
        append_varint(region.phases.size(), bytes);
        for (const auto& [phase, histogram] : region.phases) {
            append_varint(static_cast<std::uint64_t>(phase), bytes);
            histogram.encode(bytes);
        }
    }
    return bytes;
}

std::map<RegionId, RegionRollup> decode_regions(std::string_view bytes) {
    if (take_varint(bytes) != kFormat) throw std::invalid_argument{"a format that is not known"};
    std::map<RegionId, RegionRollup> regions;
    const auto count = take_varint(bytes);
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto id = take_varint(bytes);
        if (id == 0 || id > kRegionIdMax) throw std::invalid_argument{"not a region"};
        auto& region = regions[RegionId{id}];
        region.votes = take_varint(bytes);
        region.fails = take_varint(bytes);
        region.total = LatencyHistogram::decode(bytes);
        const auto phases = take_varint(bytes);
        for (std::uint64_t j = 0; j < phases; ++j) {
            const auto phase = phase_of(take_varint(bytes));
            region.phases[phase] = LatencyHistogram::decode(bytes);
        }
    }
    if (!bytes.empty()) throw std::invalid_argument{"bytes behind the last region"};
    return regions;
}

}  // namespace quorate
