#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "core/time/time.hpp"

namespace quorate {

/// The names of /etc/hosts. Looks whether the file has changed at most once a second; a file that
/// is missing or cannot be read has no names. Reading blocks, as for any local file, and stops
/// after 1 MiB. Not safe for several threads.
class HostsFile {
public:
    explicit HostsFile(std::string path) : path_{std::move(path)} {}

    /// The addresses of a name in lower case, in the order of the file; empty where it has none.
    const std::vector<boost::asio::ip::address>& find(const std::string& host, SteadyTime now);

private:
    void refresh(SteadyTime now);
    void read();

    std::string path_;
    std::optional<SteadyTime> looked_;
    std::optional<std::pair<std::int64_t, std::int64_t>> version_;  ///< time of change, bytes
    std::unordered_map<std::string, std::vector<boost::asio::ip::address>> names_;
};

}  // namespace quorate
