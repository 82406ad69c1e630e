#pragma once

#include <string>
#include <string_view>

#include "core/model/job.hpp"
#include "platform/wire/decoded.hpp"

namespace quorate::wire {

/// The bytes of quorate.v1.Job; the same job always gives the same bytes.
std::string encode_job(const Job& job);

/// Takes bytes from a queue: anything may stand in them. Checks the numbers of enumerations, the
/// window, that the schedule's figures are in bounds and the texts not above their limits.
Decoded<Job> decode_job(std::string_view bytes);

}  // namespace quorate::wire
