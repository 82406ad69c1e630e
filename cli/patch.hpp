#pragma once

#include <string>

namespace quorate::cli {

/// What became of a text, by lines, as `diff -u` writes it with all lines around: those that went
/// with `-`, those that came with `+`. Empty texts: there was or is none.
std::string patch_text(const std::string& name,
                       const std::string& before,
                       const std::string& after,
                       bool colour);

}  // namespace quorate::cli
