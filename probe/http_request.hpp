#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/http_url.hpp"

namespace quorate {

/// Writes HTTP/1.1 requests (RFC 9112): method, target and `Host` first, then the fields, then the
/// body with its length.
class HttpRequestWriter {
public:
    HttpRequestWriter(std::string_view method, const HttpUrl& url, std::string_view user_agent);
    /// Makes room, so that nothing of what is written has to move and leave a copy behind.
    void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
    /// A field; the caller vouches for name and value.
    HttpRequestWriter& field(std::string_view name, std::string_view value);
    /// The bytes; `body` goes with a Content-Length also when it is empty and the method is POST.
    std::string finish(std::string_view body) &&;

private:
    std::string bytes_;
    bool posts_;
};

}  // namespace quorate
