#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace quorate {

using Sha256 = std::array<std::uint8_t, 32>;

/// SHA-256 of the bytes (FIPS 180-4). Pure; throws std::runtime_error only if libcrypto has no
/// SHA-256, which is a broken installation.
Sha256 sha256(std::string_view bytes);

/// SHA-256 of bytes that come in pieces.
class Sha256Stream {
public:
    Sha256Stream();
    Sha256Stream(const Sha256Stream&) = delete;
    Sha256Stream& operator=(const Sha256Stream&) = delete;
    ~Sha256Stream();

    void update(std::string_view bytes);
    /// The digest of all pieces; the stream is then of no more use.
    Sha256 finish();

private:
    struct Context;
    std::unique_ptr<Context> context_;
};

/// Lower-case hexadecimal, 64 characters.
std::string to_hex(const Sha256& digest);

/// The first 8 bytes of SHA-256, big-endian: the stable hash that slots, intervals and shards are
/// computed from. It survives restarts, versions and machines.
std::uint64_t stable_hash(std::string_view bytes);

}  // namespace quorate
