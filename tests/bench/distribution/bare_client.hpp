#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quorate::bench {

/// Commands as bytes, and how many replies they bring.
struct ReadyWrite {
    std::string bytes;
    std::size_t replies = 0;

    void add(const std::vector<std::string_view>& command);
};

/// Sends ready bytes, one write ahead of the replies that are waited for, and reads the replies
/// without a look at them but for errors, which are thrown as std::runtime_error.
/// @param path of the server's Unix socket
void write_bare(const std::string& path, const std::vector<ReadyWrite>& writes);

}  // namespace quorate::bench
