#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "platform/crypto/secret_bytes.hpp"

namespace quorate {

/// AES-256-GCM (NIST SP 800-38D). The text is a random nonce of 12 bytes, what was encrypted, and a
/// tag of 16 bytes. `bound` is not in it, but it opens with the same alone: what the plain text is
/// for. A key may seal up to 2^32 texts.
inline constexpr std::size_t kAeadKeySize = 32;
inline constexpr std::size_t kAeadNonceSize = 12;
inline constexpr std::size_t kAeadTagSize = 16;

/// Throws std::runtime_error where OpenSSL fails, std::invalid_argument for a key of another size.
std::string aead_seal(const SecretBytes& key, std::string_view plain, std::string_view bound);

/// Nothing where the key, the text or what it is bound to is another.
std::optional<SecretBytes> aead_open(const SecretBytes& key,
                                     std::string_view sealed,
                                     std::string_view bound);

namespace detail {

// With a nonce that the caller vouches for: a key may see each once alone.
std::string gcm_seal(std::string_view key,
                     std::string_view nonce,
                     std::string_view plain,
                     std::string_view bound);
std::optional<SecretBytes> gcm_open(std::string_view key,
                                    std::string_view nonce,
                                    std::string_view sealed,
                                    std::string_view bound);

}  // namespace detail
}  // namespace quorate
