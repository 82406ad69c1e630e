#include "platform/heartbeat/settings.hpp"

#include <fstream>

#include "core/model/http_url.hpp"

namespace quorate::detail {

std::string heartbeat_url_problem(const std::string& url) {
    if (url.empty() || parse_http_url(url)) return {};
    return "must be an http(s) URL without user and fragment";
}

std::string heartbeat_ca_problem(const std::filesystem::path& file) {
    std::error_code error;
    if (file.empty()) return {};
    if (!std::filesystem::is_regular_file(file, error)) return "there is no file " + file.string();
    return std::ifstream{file} ? std::string{} : file.string() + " can't be read";
}

}  // namespace quorate::detail
