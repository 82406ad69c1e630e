#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace quorate::cli {

/// The text so many times.
std::string repeated(std::string_view text, std::size_t times);

/// A bar of a waterfall: it begins at `begun` and is `length` long, both of the same unit as
/// `total`, to which `width` columns stand. What is too short for a column is a thin line.
/// @param blocks of block characters; otherwise of ASCII
std::string bar(double begun, double length, double total, std::size_t width, bool blocks);

}  // namespace quorate::cli
