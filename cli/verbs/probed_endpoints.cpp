#include "cli/verbs/probed_endpoints.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include <CLI/CLI.hpp>

#include "cli/bounded_file.hpp"
#include "cli/table.hpp"
#include "core/base/text.hpp"
#include "platform/wire/endpoint_file.hpp"
#include "probe/request_check.hpp"

namespace quorate::cli {
namespace {

constexpr std::size_t kEndpointsMax = 10'000;

[[noreturn]] void refuse(const std::string& option, const std::string& why) {
    throw CLI::ValidationError{option, why};
}

std::string content_of(const std::string& path) {
    try {
        return read_bounded_text(path);
    } catch (const std::runtime_error& error) {
        refuse("--file", error.what());
    }
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r");
    if (begin == text.npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

/// The lines that say something.
std::vector<std::string> lines_of(const std::string& content) {
    std::vector<std::string> lines;
    std::istringstream stream{content};
    for (std::string line; std::getline(stream, line);) {
        const auto text = trimmed(line);
        if (!text.empty() && text.front() != '#') lines.emplace_back(text);
    }
    return lines;
}

/// By its name, or by a line that no list of URLs has.
bool is_endpoint_file(const std::string& path, const std::vector<std::string>& lines) {
    if (path.ends_with(".yaml") || path.ends_with(".yml")) return true;
    return std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
        return line.starts_with("endpoints:") || line.starts_with("---") || line.starts_with("{");
    });
}

/// Every error of an endpoint file in one text, a line each, as `quorate apply` words them.
std::string joined(const ConfigErrors& errors) {
    std::string text;
    for (const auto& error : errors) {
        text += "\n" + printable(error.file);
        if (error.line != 0) text += ":" + std::to_string(error.line);
        text += ": ";
        if (!error.key.empty()) text += printable(error.key) + ": ";
        text += printable(error.message);
    }
    return text;
}

Failure not_available(const std::string& what, const std::string& secret, const std::string& how) {
    return {Phase::config,
            Reason::auth_token_unavailable,
            "The " + what + " is the secret " + secret +
                ", which only the coordinator can resolve; " + how};
}

/// Resolves what the file leaves to secrets with what the command line gives.
void take_credentials(const EndpointSpec& spec,
                      const ProbeOptions& options,
                      const std::string& token,
                      ProbedEndpoint& endpoint) {
    auto& request = endpoint.request;
    const auto refuse_once = [&endpoint](Failure failure) {
        if (!endpoint.refused) endpoint.refused = std::move(failure);
    };
    if (spec.bearer) {
        if (!token.empty())
            set_header(request, "Authorization", "Bearer " + token);
        else
            refuse_once(not_available(
                "bearer token", spec.bearer->secret, "give it with --bearer-file or --bearer-env"));
    }
    for (const auto& [name, value] : spec.headers) {
        const bool given =
            std::any_of(request.headers.begin(), request.headers.end(), [&](const auto& header) {
                return equal_ignoring_case(header.first, name);
            });
        if (!value.secret.empty() && !given)
            refuse_once(not_available("header " + name, value.secret, "give it with --header"));
    }
    if (!spec.tls_ca_secret.empty() && options.ca_file.empty())
        refuse_once(
            not_available("authority (tls.ca)", spec.tls_ca_secret, "give it with --ca-file"));
    if (!spec.tls_client_secret.empty())
        refuse_once(not_available("client certificate (tls.client)",
                                  spec.tls_client_secret,
                                  "quorate probe can't present one yet"));
}

ProbedEndpoint endpoint_of(const EndpointSpec& spec,
                           const ProbeOptions& options,
                           const std::string& token) {
    ProbedEndpoint endpoint;
    endpoint.name = full_name(spec);
    auto& request = endpoint.request;
    request.url = spec.url;
    request.timeout = spec.timeout;
    request.era = spec.era;
    request.ip = spec.ip;
    request.expect = spec.expect;
    request.canary = spec.canary;
    request.health_url = spec.health_url;
    if (spec.latency_slo)
        request.slow_over_ms = static_cast<std::uint32_t>(spec.latency_slo->count());
    for (const auto& [name, value] : spec.headers)
        if (value.secret.empty()) request.headers.emplace_back(name, value.value);
    apply_options(options, request);
    take_credentials(spec, options, token, endpoint);
    refuse_wall_with_credential(request, endpoint.name);
    const auto checked = check_request(request);
    if (!checked) refuse(endpoint.name, checked.error().detail);
    return endpoint;
}

std::vector<ProbedEndpoint> endpoints_of_file(const ProbeOptions& options, std::string content) {
    wire::EndpointRules rules;
    rules.of_deployment = false;
    std::vector<wire::EndpointFileText> texts(1);
    texts[0].name = options.url_file;
    texts[0].content = std::move(content);
    const auto file = wire::parse_endpoint_files(texts, rules);
    if (!file.errors.empty()) refuse("--file", "is no sound endpoint file" + joined(file.errors));
    const auto token = bearer_of(options);
    std::vector<ProbedEndpoint> endpoints;
    for (const auto& spec : file.specs)
        endpoints.push_back(endpoint_of(spec, options, token));
    return endpoints;
}

}  // namespace

std::vector<ProbedEndpoint> endpoints_of(const ProbeOptions& options) {
    auto urls = options.urls;
    std::vector<ProbedEndpoint> of_file;
    if (!options.url_file.empty()) {
        auto content = content_of(options.url_file);
        const auto lines = lines_of(content);
        if (is_endpoint_file(options.url_file, lines))
            of_file = endpoints_of_file(options, std::move(content));
        else
            urls.insert(urls.end(), lines.begin(), lines.end());
    }
    std::vector<ProbedEndpoint> endpoints;
    for (const auto& url : urls)
        endpoints.push_back({url, request_of(options, url), std::nullopt});
    std::move(of_file.begin(), of_file.end(), std::back_inserter(endpoints));
    if (endpoints.empty()) refuse("URL", "at least one is required");
    if (endpoints.size() > kEndpointsMax) refuse("URL", "more than 10000 of them");
    return endpoints;
}

}  // namespace quorate::cli
