#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/job.hpp"
#include "platform/wire/decoded.hpp"

namespace quorate::wire {

/// The bytes of quorate.v1.Job; the same job always gives the same bytes. An empty id is left out,
/// and the trace id with it: they are then what job_id() and trace_id_of() say.
std::string encode_job(const Job& job);

/// The same in parts, for a planner that makes many jobs which hardly differ: the parts one behind
/// the other, in any order, are the bytes of a job. Together they hold what encode_job() writes of
/// a job without an id.
/// What all jobs of one version of an endpoint have in common: all that the other two don't write.
std::string encode_job_of_endpoint(const Job& job);
/// What all jobs of a region have in common.
std::string encode_job_of_region(RegionId region, std::string_view name);
/// What differs from look to look.
struct JobTurn {
    UtcMinute minute;
    milliseconds slot{0};
    UtcTime not_after;
    std::optional<Era> era_hint;
    bool detect_era = false;
    HeldBack held_back = HeldBack::no;
    std::optional<std::uint32_t> slow_over_ms;
    std::optional<UsualTimes> usual;
};
/// Appends it. The minute must not lie before the epoch.
void append_job_turn(const JobTurn& turn, std::string& bytes);

/// The most that an endpoint's sealed credentials may have; decode_job() refuses a job with more.
inline constexpr std::size_t kCredentialsBytesMax = std::size_t{160} << 10U;

/// Appends an endpoint's credentials, sealed for the region, or why there are none (at most 512
/// bytes of it).
void append_job_credentials(std::string_view sealed, std::string_view missing, std::string& bytes);

/// Takes bytes from a queue: anything may stand in them. Checks the numbers of enumerations, the
/// window, that the schedule's figures are in bounds and the texts not above their limits.
Decoded<Job> decode_job(std::string_view bytes);

}  // namespace quorate::wire
