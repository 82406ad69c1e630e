#pragma once

#include <string>
#include <string_view>

#include "core/notice/notice.hpp"

namespace quorate {

/// The state as JSON (for a jsonb column); what is at its default is left out, and tool lists that
/// regions share are written once. Times are microseconds since the epoch.
std::string encode(const NoticeState& state);

/// Reads what encode wrote. Throws std::invalid_argument where the text is something else.
NoticeState decode_notice_state(std::string_view json);

}  // namespace quorate
