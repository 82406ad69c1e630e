#include "probe/request_check.hpp"

#include <boost/asio/ip/address.hpp>

#include "core/base/text.hpp"
#include "core/model/headers.hpp"
#include "probe/assertion.hpp"
#include "probe/jsonrpc.hpp"

namespace quorate {
namespace {

Failure invalid(std::string detail) {
    return {Phase::config, Reason::config_invalid, std::move(detail)};
}

bool is_ip_address(const std::string& text) {
    boost::system::error_code error;
    boost::asio::ip::make_address(text, error);
    return !error;
}

std::string header_error(const std::string& name, std::string_view value) {
    if (!is_http_token(name)) return "not a header name: " + safe_text(name, 80);
    if (is_reserved_header(name)) return "the probe writes the header " + name + " itself";
    if (!is_header_value(value)) return "the value of the header " + name + " is not valid";
    return {};
}

std::string header_error(const ProbeRequest& request) {
    for (const auto& [name, value] : request.headers)
        if (auto error = header_error(name, value); !error.empty()) return error;
    if (!request.credentials) return {};
    for (const auto& header : *request.credentials)
        if (auto error = header_error(header.name, header.value.view()); !error.empty())
            return error;
    return {};
}

std::string canary_error(const Canary& canary) {
    if (canary.tool.empty()) return "the canary names no tool";
    const auto arguments = parse_json(canary.arguments_json);
    if (!arguments || !arguments->is_object())
        return "the canary's arguments are not a JSON object";
    for (const auto& assertion : canary.assertions)
        if (auto error = assertion_error(assertion); !error.empty()) return error;
    return {};
}

}  // namespace

Result<HttpUrl> check_request(const ProbeRequest& request) {
    auto url = parse_http_url(request.url);
    if (!url) return url;
    if (request.timeout <= milliseconds{0}) return invalid("the timeout is not positive");
    if (auto error = header_error(request); !error.empty()) return invalid(std::move(error));
    if (request.canary)
        if (auto error = canary_error(*request.canary); !error.empty())
            return invalid(std::move(error));
    if (!request.bind_address.empty() && !is_ip_address(request.bind_address))
        return invalid("not an IP address to bind to: " + safe_text(request.bind_address, 80));
    for (const auto& row : request.overrides)
        if (!is_ip_address(row.address))
            return invalid("not an IP address to resolve to: " + safe_text(row.address, 80));
    if (!request.health_url.empty()) {
        const auto health = parse_http_url(request.health_url);
        if (!health) return invalid("health_url: " + health.error().detail);
    }
    return url;
}

}  // namespace quorate
