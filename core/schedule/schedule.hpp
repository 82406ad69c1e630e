#pragma once

#include <cstdint>

#include "core/base/ids.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// How long the parts of a probe may take in one window. Computed once per endpoint by the
/// coordinator; agents get the figures with the job.
struct Timing {
    milliseconds retry_gap{0};         ///< between the two attempts of a probe
    milliseconds timeout_in_force{0};  ///< of one attempt; the endpoint's own, or less
    milliseconds budget{0};            ///< a whole probe with its retry
    milliseconds span{0};              ///< the part of the window in which probes start
    bool clipped = false;              ///< the endpoint asked for a longer timeout
};

/// The timing of an endpoint that asks for `timeout`. Pure; `timeout` must be positive.
/// Known limit: with a budget over 57 s, which only a 60 s window and a timeout over 27.5 s can
/// have, the span (6 s) reaches past not_after (3 s), and probes with such slots miss their window.
Timing timing_of(milliseconds timeout, Window window);

/// The slot of one region: milliseconds after the start of the minute, in `[0, span)`.
/// @param hash stable_hash of `tenant/name`
/// @param index the region's place in the endpoint's regions sorted by name, below `regions`
/// @param span positive
milliseconds slot_of(std::uint64_t hash,
                     std::uint32_t index,
                     std::uint32_t regions,
                     milliseconds span);

/// The latest start of a probe that still ends before the watermark.
UtcTime not_after(UtcMinute minute, Window window, milliseconds budget);

/// When a minute is sealed at the latest: `m + window + 5 s`.
UtcTime watermark(UtcMinute minute, Window window);

/// Whether the endpoint is looked at in this minute. `interval` is a multiple of the window (what
/// is left over is ignored; less than a window counts as one).
bool expects(UtcMinute minute, Window window, milliseconds interval, std::uint64_t hash);

/// The timeout of an endpoint that asks for none.
inline constexpr milliseconds kTimeoutDefault{8000};

/// When in the span of an endpoint with the default timeout its first region looks, in
/// milliseconds; the others follow, each a share of the span later.
std::uint64_t turn_of(std::uint64_t hash, Window window);

/// The shard of an endpoint, by its turn: those that a region looks at one after the other share a
/// shard, so that what an agent writes at a time concerns one or two. Endpoints with another
/// timeout merely spread. `shards` is at least 1; more than the span has milliseconds stay empty.
ShardId shard_of(std::uint64_t hash, std::uint32_t shards, Window window);

}  // namespace quorate
