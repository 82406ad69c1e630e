#include "cli/verbs/probe_options.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <CLI/CLI.hpp>

#include "core/base/json_text.hpp"
#include "core/base/text.hpp"
#include "core/model/headers.hpp"
#include "probe/request_check.hpp"

namespace quorate::cli {
namespace {

constexpr auto kTimeoutMax = std::chrono::minutes{5};

[[noreturn]] void refuse(const std::string& option, const std::string& why) {
    throw CLI::ValidationError{option, why};
}

milliseconds duration_of(const std::string& option, const std::string& text, milliseconds least) {
    const auto duration = parse_duration(text);
    if (!duration || *duration < least || *duration > kTimeoutMax)
        refuse(option, "not a duration such as 1500ms or 8s, up to 5m: " + text);
    return *duration;
}

std::string trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    if (begin == text.npos) return {};
    return std::string{text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin)};
}

std::pair<std::string, std::string> header_of(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == text.npos) refuse("--header", "not of the form 'Name: value'");
    return {trimmed(std::string_view{text}.substr(0, colon)),
            trimmed(std::string_view{text}.substr(colon + 1))};
}

/// `PATH OP VALUE`; a value that is no JSON is a string.
CanaryAssertion assertion_of(const std::string& text) {
    const auto first = text.find(' ');
    const auto second = first == text.npos ? text.npos : text.find(' ', first + 1);
    if (second == text.npos) refuse("--canary-expect", "not of the form 'PATH OP VALUE': " + text);
    CanaryAssertion assertion{text.substr(0, first),
                              text.substr(first + 1, second - first - 1),
                              trimmed(std::string_view{text}.substr(second))};
    if (!parse_json(assertion.value_json))
        assertion.value_json = boost::json::serialize(boost::json::string{assertion.value_json});
    return assertion;
}

Canary canary_of(const ProbeOptions& options) {
    Canary canary;
    canary.tool = options.canary;
    canary.arguments_json = options.canary_args;
    for (const auto& text : options.canary_expect)
        canary.assertions.push_back(assertion_of(text));
    return canary;
}

/// `HOST:PORT:ADDR`; only the address may hold colons.
ResolveOverride override_of(const std::string& text) {
    const auto first = text.find(':');
    const auto second = first == text.npos ? text.npos : text.find(':', first + 1);
    ResolveOverride result;
    const auto* end = text.data() + second;
    const bool has_port = second != text.npos &&
                          std::from_chars(text.data() + first + 1, end, result.port).ptr == end &&
                          result.port != 0;
    if (!has_port) refuse("--resolve", "not of the form HOST:PORT:ADDR: " + text);
    result.host = to_lower(text.substr(0, first));  // as URLs are parsed
    result.address = text.substr(second + 1);
    if (result.address.size() > 1 && result.address.front() == '[' && result.address.back() == ']')
        result.address = result.address.substr(1, result.address.size() - 2);
    return result;
}

}  // namespace

void declare(CLI::App& verb, ProbeOptions& options) {
    verb.add_option("URL", options.urls, "MCP servers: absolute http or https URLs");
    verb.add_option("-f,--file", options.url_file, "URLs, one a line, or an endpoint file (YAML)")
        ->type_name("FILE");
    verb.add_option("--timeout", options.timeout, "of one attempt")->capture_default_str();
    verb.add_option("--retry-gap", options.retry_gap, "between two attempts")
        ->capture_default_str();
    verb.add_flag("--no-retry", options.no_retry, "one attempt alone");
    verb.add_option("--era", options.era, "which protocol era to speak")
        ->check(CLI::IsMember({"auto", "modern", "legacy", "sse"}))
        ->capture_default_str();
    verb.add_option("--expect-tool", options.expected_tools, "a tool that must be listed")
        ->type_name("NAME")
        ->allow_extra_args(false);
    auto* wall = verb.add_flag(
        "--expect-auth-wall",
        options.expect_auth_wall,
        "a 401 with a Bearer challenge, or with sound metadata, is the healthy state");
    verb.add_option("--latency-slo", options.latency_slo, "slower than this is SLOW")
        ->type_name("DURATION");
    verb.add_option("--manifest", options.manifest, "compare the tools with this manifest")
        ->type_name("FILE")
        ->excludes(wall);
    verb.add_option("--write-manifest", options.write_manifest, "write the tools to this manifest")
        ->type_name("FILE")
        ->excludes(wall);
    verb.add_option("--header", options.headers, "a header to send, 'Name: value'")
        ->allow_extra_args(false);
    auto* file = verb.add_option("--bearer-file", options.bearer_file, "holds the bearer token")
                     ->type_name("FILE");
    verb.add_option("--bearer-env", options.bearer_env, "variable that holds the bearer token")
        ->excludes(file);
    auto* canary =
        verb.add_option("--canary", options.canary, "a tool to call; it must be harmless");
    verb.add_option("--canary-args", options.canary_args, "its arguments, a JSON object")
        ->needs(canary);
    verb.add_option("--canary-expect", options.canary_expect, "what must hold: 'PATH OP VALUE'")
        ->needs(canary)
        ->allow_extra_args(false);
    verb.add_option("--ca-file", options.ca_file, "authorities in PEM, beside the system's")
        ->type_name("FILE");
    verb.add_option("--bind", options.bind, "source address")->type_name("ADDRESS");
    verb.add_option("--resolve", options.resolve, "an address to use in place of DNS")
        ->type_name("HOST:PORT:ADDR")
        ->allow_extra_args(false);
    verb.add_flag("--allow-private", options.allow_private, "allow private and loopback addresses");
    verb.add_option("--format", options.format, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    verb.add_flag("--trace", options.trace, "print every message on stderr, secrets masked");
}

void note_given(const CLI::App& verb, ProbeOptions& options) {
    for (const char* name : {"--timeout", "--era"})
        if (verb.count(name) > 0) options.given.insert(name);
}

std::string bearer_of(const ProbeOptions& options) {
    std::string token;
    if (!options.bearer_file.empty()) {
        std::ifstream file{options.bearer_file};
        if (!std::getline(file, token))
            refuse("--bearer-file", "no token can be read from " + options.bearer_file);
    } else if (!options.bearer_env.empty()) {
        const char* value = std::getenv(options.bearer_env.c_str());
        if (value == nullptr) refuse("--bearer-env", options.bearer_env + " is not set");
        token = value;
    } else {
        return {};
    }
    token = trimmed(token);
    if (token.empty()) refuse("--bearer-file/--bearer-env", "the token is empty");
    return token;
}

void set_header(ProbeRequest& request, const std::string& name, std::string value) {
    std::erase_if(request.headers,
                  [&](const auto& header) { return equal_ignoring_case(header.first, name); });
    request.headers.emplace_back(name, std::move(value));
}

void refuse_wall_with_credential(const ProbeRequest& request, const std::string& whose) {
    if (!request.expect.auth_wall) return;
    for (const auto& [name, value] : request.headers)
        if (is_credential_header(name))
            refuse(whose,
                   "an authorization wall can't be looked for with a credential: " + name +
                       " is given");
}

void apply_options(const ProbeOptions& options, ProbeRequest& request) {
    const auto given = [&](std::string_view name) { return options.given.contains(name); };
    if (given("--timeout"))
        request.timeout = duration_of("--timeout", options.timeout, milliseconds{1});
    if (given("--era")) request.era = era_mode_named(options.era).value_or(EraMode::automatic);
    request.retry_gap = duration_of("--retry-gap", options.retry_gap, milliseconds{0});
    request.retry = !options.no_retry;
    auto& tools = request.expect.tools;
    tools.insert(tools.end(), options.expected_tools.begin(), options.expected_tools.end());
    request.expect.auth_wall = request.expect.auth_wall || options.expect_auth_wall;
    for (const auto& text : options.headers) {
        auto [name, value] = header_of(text);
        set_header(request, name, std::move(value));
    }
    if (!options.canary.empty()) request.canary = canary_of(options);
    if (!options.latency_slo.empty())
        request.slow_over_ms = static_cast<std::uint32_t>(
            duration_of("--latency-slo", options.latency_slo, milliseconds{1}).count());
    request.ca_file = options.ca_file;
    request.bind_address = options.bind;
    for (const auto& text : options.resolve)
        request.overrides.push_back(override_of(text));
    request.guard = GuardPolicy{true, options.allow_private};
}

ProbeRequest request_of(const ProbeOptions& options, const std::string& url) {
    ProbeRequest request;
    request.url = url;
    request.timeout = duration_of("--timeout", options.timeout, milliseconds{1});
    request.era = era_mode_named(options.era).value_or(EraMode::automatic);
    apply_options(options, request);
    if (const auto token = bearer_of(options); !token.empty())
        set_header(request, "Authorization", "Bearer " + token);
    refuse_wall_with_credential(request, "--expect-auth-wall");
    const auto checked = check_request(request);
    // A URL with user information may hold a password, so it is not repeated.
    if (!checked) refuse(url.find('@') == url.npos ? url : "URL", checked.error().detail);
    return request;
}

}  // namespace quorate::cli
