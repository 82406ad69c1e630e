#include "core/base/sha256.hpp"

#include <stdexcept>

#include <openssl/evp.h>

namespace quorate {

namespace {

void must(int done) {
    if (done != 1) throw std::runtime_error{"libcrypto offers no SHA-256"};
}

/// Looked up once: OpenSSL 3 otherwise searches its providers for every digest.
const EVP_MD* algorithm() {
    static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> fetched{
        EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free};
    return fetched.get();
}

using OwnedContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

OwnedContext new_context() {
    return {EVP_MD_CTX_new(), &EVP_MD_CTX_free};
}

}  // namespace

Sha256 sha256(std::string_view bytes) {
    // Kept, since making one takes longer than to hash a short text.
    thread_local const auto context = new_context();
    Sha256 digest{};
    must(EVP_DigestInit_ex(context.get(), algorithm(), nullptr));
    must(EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()));
    must(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr));
    return digest;
}

struct Sha256Stream::Context {
    OwnedContext evp = new_context();
};

Sha256Stream::Sha256Stream() : context_{std::make_unique<Context>()} {
    must(EVP_DigestInit_ex(context_->evp.get(), algorithm(), nullptr));
}

Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::update(std::string_view bytes) {
    must(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()));
}

Sha256 Sha256Stream::finish() {
    Sha256 digest{};
    must(EVP_DigestFinal_ex(context_->evp.get(), digest.data(), nullptr));
    return digest;
}

std::string to_hex(const Sha256& digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * digest.size());
    for (const auto byte : digest) {
        hex.push_back(kDigits[byte >> 4U]);
        hex.push_back(kDigits[byte & 0xFU]);
    }
    return hex;
}

std::uint64_t stable_hash(std::string_view bytes) {
    const auto digest = sha256(bytes);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i)
        value = (value << 8U) | digest[i];
    return value;
}

}  // namespace quorate
