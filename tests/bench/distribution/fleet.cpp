#include "tests/bench/distribution/fleet.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "core/base/sha256.hpp"
#include "core/schedule/schedule.hpp"

namespace quorate::bench {
namespace {

constexpr std::size_t kBatch = 200;
constexpr double kEveryMs = 100;
const Window kWindow = Window::minute();

}  // namespace

Fleet::Fleet(FleetOptions options) : options_{options} {
    for (std::uint32_t region = 1; region <= options_.regions; ++region)
        mask_.add(RegionId{region});
    for (std::size_t i = 1; i <= options_.endpoints; ++i) {
        const auto hash = stable_hash("bench/endpoint-" + std::to_string(i));
        endpoints_.push_back({EndpointId{i}, hash, shard_of(hash, options_.shards, kWindow), 0});
    }
    std::ranges::sort(endpoints_, {}, [](const Endpoint& endpoint) {
        return std::pair{turn_of(endpoint.hash, kWindow), endpoint.id};
    });
    std::vector<std::uint32_t> next(options_.shards);
    for (auto& endpoint : endpoints_)
        endpoint.slot = next[endpoint.shard.value()]++;
}

std::vector<Fleet::Ended> Fleet::probes(std::uint32_t region, std::int64_t number) const {
    const auto span = timing_of(kTimeoutDefault, kWindow).span;
    std::mt19937_64 random{static_cast<std::uint64_t>(number) * 100 + region};
    std::exponential_distribution<double> longer{1.0 / std::max(1U, options_.spread_ms)};
    std::vector<Ended> all;
    all.reserve(endpoints_.size());
    for (const auto& endpoint : endpoints_) {
        const auto slot = slot_of(endpoint.hash, region - 1, options_.regions, span);
        const auto later = options_.spread_ms == 0 ? 0.0 : longer(random);
        all.push_back({static_cast<double>(slot.count()) + later, &endpoint});
    }
    std::ranges::stable_sort(all, {}, &Ended::at_ms);
    return all;
}

CellToRecord Fleet::record(const Endpoint& endpoint, std::uint32_t region, UtcMinute minute) const {
    const auto noise = static_cast<std::uint32_t>(
        (endpoint.hash >> 8U) + static_cast<std::uint64_t>(minute.epoch_ms()) * region);
    Cell cell;
    cell.key = {endpoint.id, RegionId{region}, minute};
    cell.verdict = Verdict::up;
    cell.started = UtcTime{minute.start()} + microseconds{noise % 42'000'000};
    cell.attempt = 1;
    cell.agent = "agent-" + std::to_string(region);
    cell.era = Era::modern;
    cell.http_status = 200;
    cell.timings.tcp = noise % 40'000;
    cell.timings.tls = noise % 70'000;
    cell.timings.tools_list = noise % 90'000;
    cell.timings.total = noise % 300'000;
    const bool details = static_cast<double>(noise % 10'007) < options_.details * 10'007;
    if (details) {
        cell.protocol_version = "2026-07-28";
        cell.server_name = "search-server";
        cell.server_version = "1.24.3";
        cell.peer_address = "203.0.113.17";
        cell.tool_count = 12;
        cell.semantic_hash = to_hex(sha256(std::to_string(noise)));
        cell.full_hash = cell.semantic_hash;
        cell.certificate_not_after = UtcTime{microseconds{1'800'000'000'000'000}};
        cell.certificate_earliest_not_after = cell.certificate_not_after;
        cell.job = std::to_string(minute.epoch_ms()) + ":" + std::to_string(endpoint.id.value()) +
                   ":us-east";
        cell.trace_id = cell.semantic_hash.substr(0, 32);
    }
    return {endpoint.shard, cell.key, endpoint.slot, mask_, wire::encode_cell(cell, details)};
}

std::vector<Flush> Fleet::minute(std::int64_t number) const {
    const auto minute = UtcMinute::from_epoch_ms(1'700'000'040'000).plus(number, kWindow);
    std::vector<std::pair<double, Flush>> flushes;
    for (std::uint32_t region = 1; region <= options_.regions; ++region) {
        Flush flush;
        double begun = 0;
        for (const auto& [at_ms, endpoint] : probes(region, number)) {
            if (!flush.empty() && (flush.size() == kBatch || at_ms - begun >= kEveryMs))
                flushes.emplace_back(at_ms, std::exchange(flush, {}));
            if (flush.empty()) begun = at_ms;
            flush.push_back(record(*endpoint, region, minute));
        }
        if (!flush.empty()) flushes.emplace_back(begun + kEveryMs, std::move(flush));
    }
    std::ranges::stable_sort(flushes, {}, [](const auto& flush) { return flush.first; });
    std::vector<Flush> all;
    all.reserve(flushes.size());
    for (auto& [at_ms, flush] : flushes)
        all.push_back(std::move(flush));
    return all;
}

}  // namespace quorate::bench
