#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/http_url.hpp"
#include "probe/request.hpp"

namespace quorate {

/// The bytes of a request. With credentials in it, it is wiped when it goes; it is moved and never
/// copied.
class RequestText {
public:
    RequestText() = default;
    RequestText(std::string bytes, bool has_credentials)
        : bytes_{std::move(bytes)}, has_credentials_{has_credentials} {}
    RequestText(RequestText&& other) noexcept { swap(other); }
    RequestText& operator=(RequestText&& other) noexcept {
        RequestText{std::move(other)}.swap(*this);
        return *this;
    }
    RequestText(const RequestText&) = delete;
    RequestText& operator=(const RequestText&) = delete;
    ~RequestText() {
        if (has_credentials_) wipe(bytes_);
    }

    std::string_view view() const { return bytes_; }
    bool empty() const { return bytes_.empty(); }
    bool has_credentials() const { return has_credentials_; }

private:
    void swap(RequestText& other) noexcept {
        bytes_.swap(other.bytes_);
        std::swap(has_credentials_, other.has_credentials_);
    }

    std::string bytes_;
    bool has_credentials_ = false;
};

/// Writes HTTP/1.1 requests (RFC 9112): method, target and `Host` first, then the fields, then the
/// body with its length.
class HttpRequestWriter {
public:
    HttpRequestWriter(std::string_view method, const HttpUrl& url, std::string_view user_agent);
    /// A field; the caller vouches for name and value.
    HttpRequestWriter& field(std::string_view name, std::string_view value);
    /// The request; `body` goes with a Content-Length also when it is empty and the method is POST.
    /// @param credentials  the last fields; null: none
    RequestText finish(std::string_view body, const SecretHeaders* credentials = nullptr) &&;

private:
    std::string bytes_;
    bool posts_;
};

}  // namespace quorate
