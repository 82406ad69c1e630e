#pragma once

#include <string>
#include <string_view>

#include "core/notice/notice.hpp"

namespace quorate {

/// Appends the state as bytes: 3 a region where all is well, and once each tool list and
/// certificate that they share. Numbers are varints, hashes eight bytes, times microseconds since
/// the epoch.
void pack(const NoticeState& state, std::string& bytes);

/// Takes off the front what pack appended. Throws std::invalid_argument where there is something
/// else.
NoticeState unpack_notice_state(std::string_view& bytes);

}  // namespace quorate
