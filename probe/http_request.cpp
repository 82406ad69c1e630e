#include "probe/http_request.hpp"

namespace quorate {
namespace {

constexpr std::string_view kColon = ": ";
constexpr std::string_view kLineEnd = "\r\n";

}  // namespace

HttpRequestWriter::HttpRequestWriter(std::string_view method,
                                     const HttpUrl& url,
                                     std::string_view user_agent)
    : posts_{method == "POST"} {
    bytes_.reserve(1024);
    bytes_.append(method).append(" ").append(url.target).append(" HTTP/1.1\r\n");
    field("Host", url.authority);
    field("User-Agent", user_agent);
    // Compressing proxies hold back event streams.
    field("Accept-Encoding", "identity");
}

HttpRequestWriter& HttpRequestWriter::field(std::string_view name, std::string_view value) {
    bytes_.append(name).append(kColon).append(value).append(kLineEnd);
    return *this;
}

RequestText HttpRequestWriter::finish(std::string_view body, const SecretHeaders* credentials) && {
    if (posts_) field("Content-Length", std::to_string(body.size()));
    if (credentials != nullptr) {
        // Room for all that comes, as bytes that have to move leave a copy behind.
        auto room = bytes_.size() + kLineEnd.size() + body.size();
        for (const auto& header : *credentials)
            room += header.name.size() + kColon.size() + header.value.size() + kLineEnd.size();
        bytes_.reserve(room);
        for (const auto& header : *credentials)
            field(header.name, header.value.view());
    }
    bytes_.append(kLineEnd).append(body);
    return {std::move(bytes_), credentials != nullptr};
}

}  // namespace quorate
