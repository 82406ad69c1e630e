#pragma once

#include <string>

#include "cli/session.hpp"
#include "cli/verbs/probe_format.hpp"

namespace quorate::cli {

/// What the regions saw, for people: their waterfalls side by side, to one scale, then what each
/// that is not UP says, and what to check next.
std::string to_text(const v1::RunNowResponse& answer, const TextStyle& style);

}  // namespace quorate::cli
