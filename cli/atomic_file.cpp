#include "cli/atomic_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

namespace quorate::cli {

AtomicFile::AtomicFile(std::string path, std::optional<mode_t> mode)
    : path_{std::move(path)}, temporary_{path_ + ".XXXXXX"} {
    struct stat status {};
    const bool exists = ::stat(path_.c_str(), &status) == 0;
    if (exists && !S_ISREG(status.st_mode)) throw std::runtime_error{path_ + " is not a file"};
    descriptor_ = ::mkstemp(temporary_.data());
    if (descriptor_ < 0)
        throw std::runtime_error{path_ + " can't be written: " + std::strerror(errno)};
    // mkstemp() keeps others out.
    constexpr mode_t kReadable = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;
    ::fchmod(descriptor_, mode.value_or(exists ? status.st_mode & 0777U : kReadable));
}

AtomicFile::~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::commit(std::string_view text) {
    const auto fail = [this] {
        throw std::runtime_error{path_ + " was not written: " + std::strerror(errno)};
    };
    while (!text.empty()) {
        const auto written = ::write(descriptor_, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail();
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(descriptor_) != 0) fail();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    temporary_.clear();
}

}  // namespace quorate::cli
