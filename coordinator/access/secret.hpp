#pragma once

#include <string>

namespace quorate::coordinator {

/// 256 random bits, as 64 hexadecimal digits: nobody guesses them, so a plain hash of them gives
/// nothing away. Throws std::runtime_error where OpenSSL has no random numbers.
std::string random_secret();

}  // namespace quorate::coordinator
