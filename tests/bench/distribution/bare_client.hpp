#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace quorate::bench {

/// Commands as bytes, and how many replies they bring.
struct ReadyWrite {
    std::string bytes;
    std::size_t replies = 0;

    void add(const std::vector<std::string_view>& command);
};

/// Sends ready bytes, one write ahead of the replies that are waited for. Throws std::runtime_error
/// where a reply is an error or, unless it is empty, another text than `wanted`.
/// @param path of the server's Unix socket
void write_bare(const std::string& path,
                const std::vector<ReadyWrite>& writes,
                std::string_view wanted = {});

}  // namespace quorate::bench
