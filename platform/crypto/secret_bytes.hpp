#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace quorate {

/// Bytes of a secret: wiped when they go, moved and never copied, printed by nothing.
class SecretBytes {
public:
    SecretBytes() = default;
    explicit SecretBytes(std::string_view bytes);
    /// `size` zeros, to be written to.
    static SecretBytes zeros(std::size_t size);
    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes();

    std::string_view view() const { return {data_.get(), size_}; }
    char* data() { return data_.get(); }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    /// Forgets, and wipes, all behind the first `size` bytes.
    void shorten(std::size_t size);

private:
    void wipe() noexcept;

    std::unique_ptr<char[]> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

/// Overwrites what a text holds, and all that it has room for, then makes it empty.
void wipe(std::string& text) noexcept;

/// Random bytes fit for keys. Throws std::runtime_error where OpenSSL has none.
SecretBytes random_bytes(std::size_t size);

/// Lower-case hexadecimal; nothing where the text is none.
std::string to_hex_text(std::string_view bytes);
bool from_hex_text(std::string_view hex, SecretBytes& bytes);

}  // namespace quorate
