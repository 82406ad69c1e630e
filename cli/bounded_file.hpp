#pragma once

#include <cstddef>
#include <string>

#include "platform/crypto/secret_bytes.hpp"

namespace quorate::cli {

/// What a value or a key may have, as files of such are small.
inline constexpr std::size_t kValueFileBytesMax = std::size_t{64} << 10U;

/// Reads a file, or standard input where it is `-`, to its end, past all buffers that would keep a
/// copy. Throws std::runtime_error with one line that names the file where it can't be read or has
/// more than `bytes_max`; of one that never ends no more than that is read.
SecretBytes read_bounded(const std::string& file, std::size_t bytes_max = kValueFileBytesMax);

/// What endpoint files may have, as the coordinator takes no more in one call.
inline constexpr std::size_t kTextFileBytesMax = std::size_t{64} << 20U;

/// As above, of a file that holds no secret.
std::string read_bounded_text(const std::string& file, std::size_t bytes_max = kTextFileBytesMax);

}  // namespace quorate::cli
