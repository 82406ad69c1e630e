#include "tests/integration/probe/tls_records.hpp"

#include <array>
#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

namespace quorate {
namespace {

constexpr char kHandshake = 22;
constexpr char kApplicationData = 23;
constexpr int kTagBytes = 16;

thread_local std::string server_secret;

/// OpenSSL gives secrets as `LABEL RANDOM SECRET`, the last two in hexadecimal.
void keep_secret(const ssl_st* /*ssl*/, const char* line) {
    const std::string_view text{line};
    if (text.rfind("SERVER_TRAFFIC_SECRET_0 ", 0) != 0) return;
    const auto hex = text.substr(text.rfind(' ') + 1);
    server_secret.clear();
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        server_secret += static_cast<char>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16));
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string big_endian(std::uint64_t value, int bytes) {
    std::string text;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        text += static_cast<char>(value >> static_cast<unsigned>(shift));
    return text;
}

/// HKDF-Expand-Label of RFC 8446 section 7.1, of one block and without a context.
std::string expand(std::string_view label, std::size_t size) {
    const auto full = "tls13 " + std::string{label};
    const auto info =
        big_endian(size, 2) + big_endian(full.size(), 1) + full + std::string("\0\x01", 2);
    std::array<unsigned char, EVP_MAX_MD_SIZE> block{};
    HMAC(EVP_sha256(),
         server_secret.data(),
         static_cast<int>(server_secret.size()),
         bytes_of(info),
         info.size(),
         block.data(),
         nullptr);
    return {block.begin(), block.begin() + static_cast<std::ptrdiff_t>(size)};
}

/// RFC 8446 section 4.6.1.
std::string new_session_ticket() {
    const auto body = big_endian(7200, 4) + big_endian(0, 4) + std::string("\1\0", 2) +
                      big_endian(32, 2) + std::string(32, 't') + big_endian(0, 2);
    return "\x04" + big_endian(body.size(), 3) + body;
}

}  // namespace

void TlsRecords::prepare(ssl_ctx_st* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_keylog_callback(context, keep_secret);
}

TlsRecords::TlsRecords(std::uint64_t written)
    : key_{expand("key", 16)}, iv_{expand("iv", 12)}, number_{written} {}

std::string TlsRecords::data(std::string_view bytes) {
    return seal(kApplicationData, bytes);
}

std::string TlsRecords::tickets(int count) {
    std::string messages;
    for (int i = 0; i < count; ++i)
        messages += new_session_ticket();
    return seal(kHandshake, messages);
}

std::string TlsRecords::seal(char type, std::string_view content) {
    const auto inner = std::string{content} + type;
    const auto head = "\x17\x03\x03" + big_endian(inner.size() + kTagBytes, 2);
    auto nonce = iv_;
    const auto number = big_endian(number_++, 8);
    for (std::size_t i = 0; i < number.size(); ++i)
        nonce[4 + i] = static_cast<char>(nonce[4 + i] ^ number[i]);
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher{
        EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
    std::string sealed(inner.size() + kTagBytes, '\0');
    auto* into = reinterpret_cast<unsigned char*>(sealed.data());
    int size = 0;
    const bool done =
        EVP_EncryptInit_ex(
            cipher.get(), EVP_aes_128_gcm(), nullptr, bytes_of(key_), bytes_of(nonce)) == 1 &&
        EVP_EncryptUpdate(
            cipher.get(), nullptr, &size, bytes_of(head), static_cast<int>(head.size())) == 1 &&
        EVP_EncryptUpdate(
            cipher.get(), into, &size, bytes_of(inner), static_cast<int>(inner.size())) == 1 &&
        EVP_EncryptFinal_ex(cipher.get(), into + size, &size) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, into + inner.size()) ==
            1;
    if (!done) throw std::runtime_error{"no record could be sealed"};
    return head + sealed;
}

}  // namespace quorate
