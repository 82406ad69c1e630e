#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "core/model/http_url.hpp"

namespace quorate {

// What tells an MCP client where to log in: metadata of the protected resource (RFC 9728) and of
// its authorization servers (RFC 8414, OpenID Connect Discovery). Pure.

/// A URL that a server gave: http only where `endpoint` itself has no TLS; and that it says
/// 127.0.0.1 literally opens no door that the owner's own URL did not.
std::optional<HttpUrl> learned_url(const HttpUrl& endpoint, std::string_view text);

/// Where the metadata of `endpoint` may be when its challenge does not say, in the order in which
/// clients look.
std::vector<std::string> resource_metadata_places(const HttpUrl& endpoint);

/// What is wrong with the metadata of a resource at `endpoint`, for people; nothing where it is
/// sound: `resource` is the endpoint or a prefix of it, and `authorization_servers` names at least
/// one URL.
std::optional<std::string> resource_metadata_problem(const boost::json::object& metadata,
                                                     const HttpUrl& endpoint);

/// The `authorization_servers` of sound metadata, at most 4.
std::vector<std::string> issuers_of(const boost::json::object& metadata);

/// Where the metadata of an issuer may be, in the order in which clients look.
std::vector<std::string> issuer_metadata_places(const HttpUrl& issuer);

/// What is wrong with an issuer's metadata: `issuer` must be identical, and
/// `code_challenge_methods_supported` must list some.
std::optional<std::string> issuer_metadata_problem(const boost::json::object& metadata,
                                                   std::string_view issuer);

}  // namespace quorate
