#include "tests/bench/archiver/sealed_fleet.hpp"

#include <string>
#include <utility>

#include "core/base/sha256.hpp"
#include "core/schedule/schedule.hpp"
#include "platform/runtime/clock.hpp"

namespace quorate::bench {
namespace {

const Window kWindow = Window::minute();

std::uint64_t noise(std::uint64_t a, std::uint64_t b) {
    std::uint64_t x = a * 0x9E3779B97F4A7C15U ^ b * 0xC2B2AE3D27D4EB4FU;
    x ^= x >> 29U;
    return x * 0xBF58476D1CE4E5B9U >> 8U;
}

}  // namespace

UtcMinute bench_minute(std::int64_t number) {
    static const auto first = UtcMinute::from_epoch_ms(
        std::chrono::floor<std::chrono::days>(SystemClock{}.utc_now()).time_since_epoch() /
        milliseconds{1});
    return first.plus(number, kWindow);
}

SealedFleet::SealedFleet(SealedFleetOptions options) {
    for (std::size_t region = 1; region <= options.regions; ++region)
        names_[RegionId{region}] = "region-" + std::to_string(region);
    for (std::size_t i = 1; i <= options.endpoints; ++i) {
        auto& version = versions_.emplace_back();
        version.endpoint = EndpointId{i};
        version.shard = ShardId{i % 64};
        version.cell_slot = static_cast<std::uint32_t>(i / 64);
        version.tenant = "default";
        version.name = "endpoint-" + std::to_string(i);
        version.valid_from = bench_minute(0);
        for (const auto& [region, name] : names_)
            version.regions.push_back(region);
        version.interval = kWindow.length();
        version.hash = stable_hash(version.tenant + "/" + version.name);
    }
    catalogue_ = Catalogue{versions_, kWindow};
}

std::vector<Cell> SealedFleet::cells(std::size_t endpoint, UtcMinute minute) const {
    std::vector<Cell> cells;
    const auto& version = versions_[endpoint];
    for (const auto region : version.regions) {
        const auto n = noise(version.endpoint.value() * 256 + region.value(),
                             static_cast<std::uint64_t>(minute.epoch_ms()));
        Cell cell;
        cell.key = {version.endpoint, region, minute};
        const bool fails = endpoint % 200 == 0 && region.value() == 1;
        cell.verdict = fails ? Verdict::fail : Verdict::up;
        if (fails) cell.reason = Reason::timeout_connect;
        cell.started = UtcTime{minute.start()} + microseconds{n % 42'000'000};
        cell.attempt = 1;
        cell.era = Era::modern;
        cell.http_status = 200;
        cell.timings.tcp = n % 40'000;
        cell.timings.tls = n % 70'000;
        cell.timings.tools_list = n % 90'000;
        cell.timings.total = n % 300'000;
        if (minute == bench_minute(0) || n % 50 == 0) {
            cell.agent = "agent-" + std::to_string(region.value());
            cell.semantic_hash = cell.full_hash = std::string(64, 'a');
        }
        cells.push_back(std::move(cell));
    }
    return cells;
}

SealedFleet::Received SealedFleet::received(UtcMinute minute,
                                            std::size_t first,
                                            std::size_t last) const {
    Received received;
    for (auto i = first; i < last; ++i)
        received.push_back(cells(i, minute));
    return received;
}

SealPlan SealedFleet::seal(UtcMinute minute, std::size_t first, Received received) const {
    SealPlan plan{progress_, catalogue_, watermark(minute, kWindow)};
    for (std::size_t i = 0; i < received.size(); ++i)
        plan.seal(
            versions_[first + i], minute, std::move(received[i]), [](RegionId) { return true; });
    return plan;
}

void SealedFleet::commit(SealPlan& plan) {
    for (auto& [endpoint, progress] : plan.changed)
        progress_[endpoint] = std::move(progress);
}

}  // namespace quorate::bench
