#pragma once

#include <string>
#include <vector>

namespace quorate {

/// One command as a list of arguments, each any bytes: `{"SET", key, value}`. Never a format
/// string.
using RedisArgs = std::vector<std::string>;

}  // namespace quorate
