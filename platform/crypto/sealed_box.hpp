#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "platform/crypto/secret_bytes.hpp"

namespace quorate {

/// A region's public key (X25519, RFC 7748).
class BoxPublicKey {
public:
    static constexpr std::size_t kSize = 32;

    /// From its 32 bytes; nothing where they are none.
    static std::optional<BoxPublicKey> from_bytes(std::string_view bytes);
    /// From PEM, as `openssl pkey -pubout` writes it (RFC 8410); nothing where it is no X25519
    /// public key, or one that nothing can be sealed for.
    static std::optional<BoxPublicKey> from_pem(std::string_view pem);

    const std::string& bytes() const { return bytes_; }
    /// 16 hexadecimal digits that tell it from others; no secret.
    const std::string& id() const { return id_; }
    friend bool operator==(const BoxPublicKey&, const BoxPublicKey&) = default;

private:
    explicit BoxPublicKey(std::string bytes);
    std::string bytes_;
    std::string id_;
};

/// A region's private key.
class BoxPrivateKey {
public:
    /// A PEM file, as `openssl genpkey -algorithm X25519` writes it. Throws std::runtime_error with
    /// one line that names the file where it can't be read, is no X25519 private key, or is
    /// readable by others than its owner and group.
    static BoxPrivateKey from_file(const std::filesystem::path& file);
    static BoxPrivateKey made();

    const BoxPublicKey& public_key() const { return public_key_; }

private:
    struct Key;
    explicit BoxPrivateKey(std::shared_ptr<const Key> key);
    friend std::optional<SecretBytes> open_box(const BoxPrivateKey& key,
                                               std::string_view box,
                                               std::string_view bound);
    std::shared_ptr<const Key> key_;
    BoxPublicKey public_key_;
};

/// For the holder of the private key alone: a version (1), the key's id (8 bytes), a public key
/// that was made for this box (32 bytes), what AES-256-GCM encrypted, its tag (16 bytes). Key and
/// nonce are HKDF-SHA256 (RFC 5869) of what both keys agree on; salt: both public keys. `bound` is
/// not in it, but it opens with the same alone. Throws std::runtime_error where OpenSSL fails.
std::string seal_box(const BoxPublicKey& to, std::string_view plain, std::string_view bound);

/// The id of the key that a box is for; empty where it is none.
std::string box_key_id(std::string_view box);

/// Nothing where the box is another key's, was changed, or is bound to something else.
std::optional<SecretBytes> open_box(const BoxPrivateKey& key,
                                    std::string_view box,
                                    std::string_view bound);

}  // namespace quorate
