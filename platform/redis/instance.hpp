#pragma once

#include <string>

namespace quorate {

/// Tells this process from every other one that has, had or will have its name: 16 digits, anew
/// with each call.
std::string random_instance();

}  // namespace quorate
