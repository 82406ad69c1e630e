#pragma once

namespace quorate {

/// From here on this process leaves no core dump, whatever limits and patterns say, and no other
/// process of its user may read its memory. Throws std::system_error where the kernel refuses.
void forbid_core_dumps();

}  // namespace quorate
