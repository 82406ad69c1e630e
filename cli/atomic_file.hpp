#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace quorate::cli {

/// A file that is written as a whole or not at all: next to its place, then moved there.
class AtomicFile {
public:
    /// Creates the file next to `path`. Throws std::runtime_error where that is not possible.
    /// @param mode  who may read it; nothing: as the file that is there, otherwise everybody
    explicit AtomicFile(std::string path, std::optional<mode_t> mode = std::nullopt);
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    ~AtomicFile();

    /// Puts `text` in place. Throws std::runtime_error; the file at `path` is then as it was.
    void commit(std::string_view text);

private:
    std::string path_;
    std::string temporary_;
    int descriptor_ = -1;
};

}  // namespace quorate::cli
