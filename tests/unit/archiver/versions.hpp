#pragma once

#include "archiver/sealing/catalogue.hpp"
#include "core/model/cell.hpp"

namespace quorate::testing {

inline const Window kWindow = Window::minute();

/// The `index`-th minute of these tests.
inline UtcMinute at(std::int64_t index) {
    return UtcMinute::from_epoch_ms(1'700'000'040'000).plus(index, kWindow);
}

inline EndpointVersion version(std::uint64_t endpoint,
                               std::int64_t from,
                               std::optional<std::int64_t> to = std::nullopt) {
    EndpointVersion made;
    made.endpoint = EndpointId{endpoint};
    made.shard = ShardId{endpoint % 2};
    made.tenant = "acme";
    made.name = "e" + std::to_string(endpoint);
    made.valid_from = at(from);
    if (to) made.valid_to = at(*to);
    made.regions = {RegionId{1}, RegionId{2}, RegionId{3}};
    made.interval = kWindow.length();
    return made;
}

inline Cell cell(std::uint64_t endpoint,
                 std::uint64_t region,
                 std::int64_t minute,
                 Verdict verdict) {
    Cell made;
    made.key = {EndpointId{endpoint}, RegionId{region}, at(minute)};
    made.verdict = verdict;
    if (verdict == Verdict::fail) made.reason = Reason::timeout_connect;
    made.started = UtcTime{at(minute).start()} + milliseconds{10 * region};
    made.attempt = 1;
    made.agent = "a";
    return made;
}

}  // namespace quorate::testing
