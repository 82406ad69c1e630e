#include <algorithm>
#include <optional>

#include "core/base/json_text.hpp"
#include "core/base/utf8.hpp"
#include "probe/auth_metadata.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

/// Places are asked with the endpoint's guard: each is on the origin that it is of.
void check_places(const std::vector<std::string>& places, const HttpUrl& of) {
    require(!places.empty() && places.size() <= 3, "too many places to look at, or none");
    for (const auto& place : places) {
        const auto url = parse_http_url(place);
        require(url.has_value(), "a place is no URL: " + place);
        require(same_origin(*url, of), "a place is on another origin: " + place);
        require(url->target.find("/.well-known/o") != std::string::npos,
                "a place is not well-known: " + place);
    }
}

void check_problem(const std::optional<std::string>& problem) {
    if (!problem) return;
    require(!problem->empty() && problem->size() <= 200 && is_utf8(*problem),
            "a problem is no sentence");
    for (const unsigned char c : *problem)
        require(c >= 0x20 && c != 0x7F, "a problem holds a control character of the server");
}

}  // namespace

/// A URL, and behind a line end the metadata that were found for it.
void fuzz_auth_metadata(std::string_view input) {
    const auto line = input.substr(0, input.find('\n'));
    const auto endpoint = parse_http_url(line);
    if (!endpoint) return;
    check_places(resource_metadata_places(*endpoint), *endpoint);
    input.remove_prefix(std::min(line.size() + 1, input.size()));
    const auto value = parse_json(input);
    const auto* metadata = value ? value->if_object() : nullptr;
    if (metadata == nullptr) return;

    const auto problem = resource_metadata_problem(*metadata, *endpoint);
    check_problem(problem);
    const auto issuers = issuers_of(*metadata);
    require(issuers.size() <= 4, "more than 4 issuers are kept");
    if (!problem) {
        require(!issuers.empty(), "sound metadata name nobody to log in at");
        const auto* resource = metadata->if_contains("resource");
        const auto url = parse_http_url(std::string_view{resource->get_string()});
        require(url && same_origin(*url, *endpoint), "a resource of another origin is sound");
    }
    for (const auto& issuer : issuers) {
        require(!issuer.empty() && issuer.size() <= 512, "an issuer is empty or too long");
        check_problem(issuer_metadata_problem(*metadata, issuer));
        const auto learned = learned_url(*endpoint, issuer);
        if (!learned) continue;
        require(learned->tls || !endpoint->tls, "a server leads from https to http");
        require(!learned->loopback_literal || endpoint->loopback_literal,
                "a server opens the door to loopback");
        check_places(issuer_metadata_places(*learned), *learned);
    }
}

}  // namespace quorate::fuzz
