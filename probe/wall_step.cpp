#include <exception>

#include <boost/json/value.hpp>

#include "core/base/text.hpp"
#include "probe/auth_metadata.hpp"
#include "probe/jsonrpc.hpp"
#include "probe/side_get.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr std::size_t kMetadataBytesMax = 64U << 10U;

/// The JSON object at a URL that we were told; nothing where there is none.
Task<std::optional<json::object>> metadata_at(Attempt& attempt, std::string place) {
    auto url = learned_url(attempt.url, place);
    if (!url || attempt.timer.expired()) co_return std::nullopt;
    ResponseReader reader{Wanted::whole_message, Phase::http};
    reader.limit_body(kMetadataBytesMax);
    const auto done = co_await side_get(attempt, *std::move(url), reader);
    if (!done && attempt.traced()) attempt.trace(done.error().detail);
    if (!done || reader.head().status != 200) co_return std::nullopt;
    auto value = parse_json(reader.body());
    if (!value || !value->is_object()) co_return std::nullopt;
    co_return std::move(value->get_object());
}

/// The first of `places` that has metadata: which one, and what it says.
struct Found {
    std::string place;
    json::object metadata;
};

Task<std::optional<Found>> first_of(Attempt& attempt, std::vector<std::string> places) {
    for (auto& place : places) {
        auto metadata = co_await metadata_at(attempt, place);
        if (!metadata) continue;
        Found found{std::move(place), *std::move(metadata)};
        co_return std::move(found);
    }
    co_return std::nullopt;
}

/// What is wrong with the first authorization server that is not sound.
Task<std::optional<std::string>> issuers_problem(Attempt& attempt,
                                                 std::vector<std::string> issuers) {
    for (auto& issuer : issuers) {
        const auto url = learned_url(attempt.url, issuer);
        const auto name = "the authorization server " + safe_text(issuer, 120);
        if (!url) co_return name + " is no URL for clients";
        auto places = issuer_metadata_places(*url);
        const auto found = co_await first_of(attempt, std::move(places));
        if (!found) co_return name + " has no metadata";
        const auto problem = issuer_metadata_problem(found->metadata, issuer);
        if (problem) co_return "of the metadata of " + name + ", " + *problem;
    }
    co_return std::nullopt;
}

/// @return what is wrong with the wall's metadata
Task<std::optional<std::string>> look_behind(Attempt& attempt) {
    auto& auth = attempt.report.auth;
    const bool expected = attempt.request.expect.auth_wall;
    const bool named = auth.resource_metadata.has_value();
    std::vector<std::string> places;
    if (named)
        places.push_back(*auth.resource_metadata);
    else
        places = resource_metadata_places(attempt.url);
    const auto found = co_await first_of(attempt, std::move(places));
    // Walls of before 2025-06-18 have none, and need none.
    if (!found && !named && !expected) co_return std::nullopt;
    if (!found) co_return "there is no metadata of the resource";
    auth.resource_metadata = found->place;
    auto problem = resource_metadata_problem(found->metadata, attempt.url);
    if (problem) co_return problem;
    auth.metadata_found = true;
    // Third parties are asked only where the owner wants the wall to be watched.
    if (!expected) co_return std::nullopt;
    auto issuers = issuers_of(found->metadata);
    co_return co_await issuers_problem(attempt, std::move(issuers));
}

}  // namespace

Task<void> wall_step(Attempt& attempt) {
    const auto os_error = attempt.report.os_error;
    try {
        const auto problem = co_await look_behind(attempt);
        if (problem) attempt.report.warnings.add(Warning::auth_metadata_invalid);
        if (problem && attempt.traced()) attempt.trace("auth metadata: " + *problem);
    } catch (const std::exception& error) {
        // Ours, and outside of the verdict.
        if (attempt.traced()) attempt.trace(std::string{"auth metadata: "} + error.what());
    }
    attempt.report.os_error = os_error;
}

}  // namespace quorate
