#include "core/decision/quarantine.hpp"

#include <algorithm>

namespace quorate {
namespace {

constexpr std::uint32_t kLoneFailsMin = 5;

/// Keeps the smallest distinct hosts, so that the result depends on no order.
void add_host(RegionTally& counts, std::uint64_t host) {
    const auto first = counts.hosts.begin();
    const auto last = first + counts.host_count;
    const auto place = std::lower_bound(first, last, host);
    if (place != last && *place == host) return;
    if (counts.host_count < RegionTally::kHostsMax)
        ++counts.host_count;
    else if (place == last)
        return;
    std::shift_right(place, first + counts.host_count, 1);
    *place = host;
}

}  // namespace

std::optional<RegionId> lone_fail(std::span<const SealedCell> cells) {
    std::size_t voters = 0;
    std::size_t fails = 0;
    RegionId region;
    for (const auto& cell : cells) {
        const auto vote = vote_of(cell.verdict);
        if (vote == Vote::none) continue;
        ++voters;
        if (vote != Vote::failing) continue;
        ++fails;
        region = cell.region;
    }
    if (fails != 1 || voters < 2) return std::nullopt;
    return region;
}

void tally(RegionTallies& tallies, std::span<const SealedCell> cells, std::uint64_t host) {
    for (const auto& cell : cells) {
        const auto vote = vote_of(cell.verdict);
        if (vote == Vote::none) continue;
        auto& counts = tallies[cell.region];
        ++counts.voters;
        if (vote == Vote::failing) ++counts.fails;
    }
    if (const auto region = lone_fail(cells)) {
        auto& counts = tallies[*region];
        ++counts.lone_fails;
        add_host(counts, host);
    }
}

void merge_into(RegionTallies& tallies, const RegionTallies& other) {
    for (const auto& [region, theirs] : other) {
        auto& counts = tallies[region];
        counts.voters += theirs.voters;
        counts.fails += theirs.fails;
        counts.lone_fails += theirs.lone_fails;
        for (std::size_t i = 0; i < theirs.host_count; ++i)
            add_host(counts, theirs.hosts[i]);
    }
}

bool is_quarantined(const RegionTally& counts) {
    return counts.lone_fails >= kLoneFailsMin && counts.host_count >= RegionTally::kHostsMax &&
           2 * std::uint64_t{counts.lone_fails} >= counts.voters;
}

void as_came(std::span<SealedCell> cells) {
    for (auto& cell : cells)
        if (cell.reason == Reason::region_fault) cell.verdict = Verdict::fail;
}

bool quarantine(std::span<SealedCell> cells, std::span<const RegionId> quarantined) {
    const auto region = lone_fail(cells);
    if (!region || std::ranges::find(quarantined, *region) == quarantined.end()) return false;
    const auto cell = std::ranges::find(cells, *region, &SealedCell::region);
    cell->verdict = Verdict::unknown;
    cell->reason = Reason::region_fault;
    cell->slow = false;
    return true;
}

}  // namespace quorate
