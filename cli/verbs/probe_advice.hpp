#pragma once

#include <string_view>

#include "core/model/reason.hpp"

namespace quorate::cli {

/// One sentence on what to check next. Every reason has its own.
std::string_view advice_for(Reason reason);

}  // namespace quorate::cli
