#pragma once

#include <string_view>

#include "core/notice/notice.hpp"

namespace quorate {

/// Reads a state as it was stored up to migration 0013: JSON, times in microseconds since the
/// epoch. Throws std::invalid_argument where the text is something else.
NoticeState notice_state_of_json(std::string_view text);

}  // namespace quorate
