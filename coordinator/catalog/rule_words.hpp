#pragma once

#include <string>
#include <string_view>

#include "quorate/v1/admin.pb.h"

namespace quorate::coordinator {

/// The condition of a row of the two-of-N rule, in words; empty for a row that does not exist.
std::string_view rule_text(unsigned row);

/// One sentence that says with the figures of the minute why its row matched. Reads rule_row, N, Q,
/// the cells and the four sets of `explained`.
std::string why(const v1::ExplainResponse& explained);

}  // namespace quorate::coordinator
