#include "cli/bounded_file.hpp"

#include <array>
#include <cerrno>
#include <span>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace quorate::cli {
namespace {

/// Closes what it opened; standard input it leaves.
class Descriptor {
public:
    explicit Descriptor(const std::string& file)
        : owned_{file != "-"},
          value_{owned_ ? ::open(file.c_str(), O_RDONLY | O_CLOEXEC) : STDIN_FILENO} {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (owned_ && value_ >= 0) ::close(value_);
    }
    int value() const { return value_; }

private:
    bool owned_;
    int value_;
};

/// Hands `take` where to read to, and how much came, until the end or more than `bytes_max`. Throws
/// as read_bounded.
template <class Room, class Take>
void read_whole(const std::string& file,
                std::size_t bytes_max,
                const Room& room,
                const Take& take) {
    const std::string name = file == "-" ? "standard input" : file;
    const auto fail = [&name](int error) {
        throw std::runtime_error{name +
                                 " can't be read: " + std::generic_category().message(error)};
    };
    const Descriptor from{file};
    if (from.value() < 0) fail(errno);
    std::size_t size = 0;
    while (size <= bytes_max) {
        const auto into = room();
        const auto count = ::read(from.value(), into.data(), into.size());
        if (count == 0) return;
        if (count > 0) {
            size += static_cast<std::size_t>(count);
            take(static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            fail(errno);
        }
    }
    throw std::runtime_error{name + " has more than " + std::to_string(bytes_max) + " bytes"};
}

}  // namespace

SecretBytes read_bounded(const std::string& file, std::size_t bytes_max) {
    auto bytes = SecretBytes::zeros(bytes_max + 1);
    std::size_t size = 0;
    const auto room = [&] { return std::span{bytes.data(), bytes.size()}.subspan(size); };
    read_whole(file, bytes_max, room, [&size](std::size_t count) { size += count; });
    bytes.shorten(size);
    return bytes;
}

std::string read_bounded_text(const std::string& file, std::size_t bytes_max) {
    std::string text;
    std::array<char, 65'536> chunk{};
    const auto room = [&chunk] { return std::span<char>{chunk}; };
    const auto take = [&](std::size_t count) { text.append(chunk.data(), count); };
    read_whole(file, bytes_max, room, take);
    return text;
}

}  // namespace quorate::cli
