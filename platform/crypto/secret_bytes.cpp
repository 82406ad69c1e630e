#include "platform/crypto/secret_bytes.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace quorate {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

int digit(char c) {
    const auto found = kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
    return found == kDigits.npos ? -1 : static_cast<int>(found);
}

}  // namespace

SecretBytes::SecretBytes(std::string_view bytes) : SecretBytes{zeros(bytes.size())} {
    std::copy(bytes.begin(), bytes.end(), data_.get());
}

SecretBytes SecretBytes::zeros(std::size_t size) {
    SecretBytes out;
    out.data_ = std::make_unique<char[]>(size);
    out.size_ = size;
    out.capacity_ = size;
    return out;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_{std::move(other.data_)},
      size_{std::exchange(other.size_, 0)},
      capacity_{std::exchange(other.capacity_, 0)} {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    if (this == &other) return *this;
    wipe();
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
}

SecretBytes::~SecretBytes() {
    wipe();
}

void SecretBytes::wipe() noexcept {
    if (data_) OPENSSL_cleanse(data_.get(), capacity_);
}

void SecretBytes::shorten(std::size_t size) {
    if (size >= size_) return;
    OPENSSL_cleanse(data_.get() + size, size_ - size);
    size_ = size;
}

void wipe(std::string& text) noexcept {
    // All that it has room for is its own to write, once it is that long; it does not move.
    text.resize(text.capacity());
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

SecretBytes random_bytes(std::size_t size) {
    auto out = SecretBytes::zeros(size);
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(size)) != 1)
        throw std::runtime_error{"no random numbers from OpenSSL"};
    return out;
}

std::string to_hex_text(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 0xFU];
    }
    return text;
}

bool from_hex_text(std::string_view hex, SecretBytes& bytes) {
    if (hex.size() % 2 != 0) return false;
    auto out = SecretBytes::zeros(hex.size() / 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = digit(hex[2 * i]);
        const int low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out.data()[i] = static_cast<char>(high << 4 | low);
    }
    bytes = std::move(out);
    return true;
}

}  // namespace quorate
