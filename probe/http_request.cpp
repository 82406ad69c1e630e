#include "probe/http_request.hpp"

namespace quorate {

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
    bytes_.append(name).append(": ").append(value).append("\r\n");
    return *this;
}

std::string HttpRequestWriter::finish(std::string_view body) && {
    if (posts_) field("Content-Length", std::to_string(body.size()));
    bytes_.append("\r\n").append(body);
    return std::move(bytes_);
}

}  // namespace quorate
