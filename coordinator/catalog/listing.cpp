#include "coordinator/catalog/listing.hpp"

#include <charconv>
#include <limits>

#include "platform/wire/endpoint_check.hpp"

namespace quorate::coordinator {

EndpointName parse_endpoint_name(const std::string& text) {
    const auto slash = text.find('/');
    EndpointName name = slash == std::string::npos
                            ? EndpointName{"default", text}
                            : EndpointName{text.substr(0, slash), text.substr(slash + 1)};
    if (!wire::is_name(name.tenant) || !wire::is_name(name.name))
        throw BadRequest{"an endpoint is named NAME or TENANT/NAME", "endpoint"};
    return name;
}

EndpointName filter_of(const std::string& tenant, const std::string& endpoint) {
    if (endpoint.empty()) return {tenant, ""};
    auto name = parse_endpoint_name(endpoint);
    if (!tenant.empty() && tenant != name.tenant)
        throw BadRequest{"endpoint " + endpoint + " is not of tenant " + tenant, "endpoint"};
    return name;
}

EndpointName page_after(const std::string& token) {
    if (token.empty()) return {};
    try {
        return parse_endpoint_name(token);
    } catch (const BadRequest&) {
        throw BadRequest{"page_token is none of ours", "page_token"};
    }
}

std::int64_t id_after(const std::string& token) {
    std::int64_t id = std::numeric_limits<std::int64_t>::max();
    if (token.empty()) return id;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), id);
    if (error != std::errc{} || end != token.data() + token.size())
        throw BadRequest{"page_token is none of ours", "page_token"};
    return id;
}

}  // namespace quorate::coordinator
