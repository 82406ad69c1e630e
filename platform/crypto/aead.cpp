#include "platform/crypto/aead.hpp"

#include <memory>
#include <stdexcept>

#include <openssl/evp.h>

namespace quorate {
namespace {

struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(char* text) {
    return reinterpret_cast<unsigned char*>(text);
}

void require(bool done) {
    if (!done) throw std::runtime_error{"AES-256-GCM of OpenSSL failed"};
}

void require_size(std::string_view key, std::string_view nonce) {
    if (key.size() != kAeadKeySize || nonce.size() != kAeadNonceSize)
        throw std::invalid_argument{"AES-256-GCM: a key has 32 bytes, a nonce 12"};
}

}  // namespace

std::string detail::gcm_seal(std::string_view key,
                             std::string_view nonce,
                             std::string_view plain,
                             std::string_view bound) {
    require_size(key, nonce);
    const Cipher cipher{EVP_CIPHER_CTX_new()};
    require(cipher != nullptr &&
            EVP_EncryptInit_ex(
                cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key), bytes_of(nonce)) == 1);
    int written = 0;
    require(EVP_EncryptUpdate(
                cipher.get(), nullptr, &written, bytes_of(bound), static_cast<int>(bound.size())) ==
            1);
    std::string out(plain.size() + kAeadTagSize, '\0');
    require(EVP_EncryptUpdate(cipher.get(),
                              bytes_of(out.data()),
                              &written,
                              bytes_of(plain),
                              static_cast<int>(plain.size())) == 1);
    int rest = 0;
    require(EVP_EncryptFinal_ex(cipher.get(), bytes_of(out.data()) + written, &rest) == 1);
    require(EVP_CIPHER_CTX_ctrl(
                cipher.get(), EVP_CTRL_GCM_GET_TAG, kAeadTagSize, out.data() + plain.size()) == 1);
    return out;
}

std::optional<SecretBytes> detail::gcm_open(std::string_view key,
                                            std::string_view nonce,
                                            std::string_view sealed,
                                            std::string_view bound) {
    require_size(key, nonce);
    if (sealed.size() < kAeadTagSize) return std::nullopt;
    const auto body = sealed.substr(0, sealed.size() - kAeadTagSize);
    std::string tag{sealed.substr(body.size())};
    const Cipher cipher{EVP_CIPHER_CTX_new()};
    require(cipher != nullptr &&
            EVP_DecryptInit_ex(
                cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key), bytes_of(nonce)) == 1);
    int written = 0;
    require(EVP_DecryptUpdate(
                cipher.get(), nullptr, &written, bytes_of(bound), static_cast<int>(bound.size())) ==
            1);
    // A byte more, lest an empty text has no place to be written to.
    auto out = SecretBytes::zeros(body.size() + 1);
    require(EVP_DecryptUpdate(cipher.get(),
                              bytes_of(out.data()),
                              &written,
                              bytes_of(body),
                              static_cast<int>(body.size())) == 1);
    require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kAeadTagSize, tag.data()) == 1);
    int rest = 0;
    if (EVP_DecryptFinal_ex(cipher.get(), bytes_of(out.data()) + written, &rest) != 1)
        return std::nullopt;
    out.shorten(body.size());
    return out;
}

std::string aead_seal(const SecretBytes& key, std::string_view plain, std::string_view bound) {
    const auto nonce = random_bytes(kAeadNonceSize);
    return std::string{nonce.view()} + detail::gcm_seal(key.view(), nonce.view(), plain, bound);
}

std::optional<SecretBytes> aead_open(const SecretBytes& key,
                                     std::string_view sealed,
                                     std::string_view bound) {
    if (sealed.size() < kAeadNonceSize + kAeadTagSize) return std::nullopt;
    return detail::gcm_open(
        key.view(), sealed.substr(0, kAeadNonceSize), sealed.substr(kAeadNonceSize), bound);
}

}  // namespace quorate
