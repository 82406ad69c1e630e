#include "probe/hosts_file.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <utility>

#include <sys/stat.h>

#include "core/base/text.hpp"

namespace quorate {
namespace {

constexpr auto kLookEvery = std::chrono::seconds{1};
constexpr std::size_t kFileBytesMax = 1024UL * 1024;

}  // namespace

const std::vector<boost::asio::ip::address>& HostsFile::find(const std::string& host,
                                                             SteadyTime now) {
    static const std::vector<boost::asio::ip::address> kNone;
    refresh(now);
    const auto found = names_.find(host);
    return found == names_.end() ? kNone : found->second;
}

void HostsFile::refresh(SteadyTime now) {
    if (looked_ && now - *looked_ < kLookEvery) return;
    looked_ = now;
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0) {
        names_.clear();
        version_.reset();
        return;
    }
    const auto& changed = status.st_mtim;
    const std::pair<std::int64_t, std::int64_t> version{
        changed.tv_sec * 1'000'000'000 + changed.tv_nsec, status.st_size};
    if (version_ == version) return;
    version_ = version;
    read();
}

void HostsFile::read() {
    names_.clear();
    std::ifstream file{path_};
    std::size_t bytes = 0;
    for (std::string line; std::getline(file, line);) {
        bytes += line.size() + 1;
        if (bytes > kFileBytesMax) return;
        std::istringstream words{line.substr(0, line.find('#'))};
        std::string word;
        words >> word;
        boost::system::error_code error;
        const auto address = boost::asio::ip::make_address(word, error);
        if (error) continue;
        while (words >> word) {
            auto& addresses = names_[to_lower(word)];
            if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
                addresses.push_back(address);
        }
    }
}

}  // namespace quorate
