#include "cli/bounded_file.hpp"

#include <cerrno>
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

}  // namespace

SecretBytes read_bounded(const std::string& file, std::size_t bytes_max) {
    const std::string name = file == "-" ? "standard input" : file;
    const auto fail = [&name](int error) {
        throw std::runtime_error{name +
                                 " can't be read: " + std::generic_category().message(error)};
    };
    const Descriptor from{file};
    if (from.value() < 0) fail(errno);
    auto bytes = SecretBytes::zeros(bytes_max + 1);
    std::size_t size = 0;
    while (size < bytes.size()) {
        const auto count = ::read(from.value(), bytes.data() + size, bytes.size() - size);
        if (count == 0) break;
        if (count > 0)
            size += static_cast<std::size_t>(count);
        else if (errno != EINTR)
            fail(errno);
    }
    if (size > bytes_max)
        throw std::runtime_error{name + " has more than " + std::to_string(bytes_max) + " bytes"};
    bytes.shorten(size);
    return bytes;
}

}  // namespace quorate::cli
