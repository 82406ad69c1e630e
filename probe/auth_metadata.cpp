#include "probe/auth_metadata.hpp"

#include "core/base/text.hpp"
#include "probe/jsonrpc.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr std::size_t kIssuersMax = 4;
constexpr std::size_t kIssuerBytesMax = 512;

std::string origin_of(const HttpUrl& url) {
    return (url.tls ? "https://" : "http://") + url.authority;
}

/// Without the query, and without a slash at the end: empty for the root.
std::string path_of(const HttpUrl& url) {
    auto path = url.target.substr(0, url.target.find('?'));
    while (!path.empty() && path.back() == '/')
        path.pop_back();
    return path;
}

/// Whether `resource` is `endpoint` itself or stands above it.
bool covers(const HttpUrl& resource, const HttpUrl& endpoint) {
    if (!same_origin(resource, endpoint)) return false;
    if (resource.target == endpoint.target) return true;
    const auto above = path_of(resource);
    const auto below = path_of(endpoint);
    return below.starts_with(above) && (below.size() == above.size() || below[above.size()] == '/');
}

const json::array* array_member(const json::object& object, std::string_view name) {
    const auto* member = object.if_contains(name);
    return member == nullptr ? nullptr : member->if_array();
}

}  // namespace

std::optional<HttpUrl> learned_url(const HttpUrl& endpoint, std::string_view text) {
    auto url = parse_http_url(text);
    if (!url || (endpoint.tls && !url->tls)) return std::nullopt;
    url->loopback_literal = url->loopback_literal && endpoint.loopback_literal;
    return *std::move(url);
}

std::vector<std::string> resource_metadata_places(const HttpUrl& endpoint) {
    const auto root = origin_of(endpoint) + "/.well-known/oauth-protected-resource";
    const auto path = path_of(endpoint);
    if (path.empty()) return {root};
    return {root + path, root};
}

std::optional<std::string> resource_metadata_problem(const json::object& metadata,
                                                     const HttpUrl& endpoint) {
    const auto resource = string_member(metadata, "resource");
    if (!resource) return "it has no string `resource`";
    const auto url = parse_http_url(*resource);
    if (!url || !covers(*url, endpoint))
        return "its resource " + safe_text(*resource, 120) + " is not the endpoint";
    if (issuers_of(metadata).empty()) return "it names no `authorization_servers`";
    return std::nullopt;
}

std::vector<std::string> issuers_of(const json::object& metadata) {
    std::vector<std::string> issuers;
    const auto* listed = array_member(metadata, "authorization_servers");
    if (listed == nullptr) return issuers;
    for (const auto& issuer : *listed) {
        const auto* text = issuer.if_string();
        if (text == nullptr || text->empty() || text->size() > kIssuerBytesMax) continue;
        if (issuers.size() < kIssuersMax) issuers.emplace_back(std::string_view{*text});
    }
    return issuers;
}

std::vector<std::string> issuer_metadata_places(const HttpUrl& issuer) {
    const auto origin = origin_of(issuer);
    const auto path = path_of(issuer);
    const std::string oauth = "/.well-known/oauth-authorization-server";
    const std::string openid = "/.well-known/openid-configuration";
    std::vector<std::string> places{origin + oauth + path, origin + openid + path};
    if (!path.empty()) places.push_back(origin + path + openid);
    return places;
}

std::optional<std::string> issuer_metadata_problem(const json::object& metadata,
                                                   std::string_view issuer) {
    if (string_member(metadata, "issuer") != issuer) return "its `issuer` is another";
    const auto* methods = array_member(metadata, "code_challenge_methods_supported");
    if (methods == nullptr || methods->empty())
        return "it names no `code_challenge_methods_supported`";
    return std::nullopt;
}

}  // namespace quorate
