// The two ways in which an endpoint's spec is written down: canonical JSON and YAML.
#include <stdexcept>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include "core/base/json_text.hpp"
#include "platform/wire/endpoint_check.hpp"
#include "platform/wire/endpoint_file.hpp"

namespace quorate::wire {
namespace {

namespace json = boost::json;

json::value secret_reference(const std::string& name) {
    return json::object{{"secret", name}};
}

json::value to_value(const Credential& credential) {
    if (!credential.secret.empty()) return secret_reference(credential.secret);
    return json::string{credential.value};
}

json::array to_value(const std::vector<std::string>& texts) {
    json::array list;
    for (const auto& text : texts)
        list.emplace_back(text);
    return list;
}

/// The owner's JSON stays text: a jsonb column would sort its keys and rewrite its numbers, and the
/// same file would look like a change for ever.
json::object to_value(const Canary& canary) {
    json::array assertions;
    for (const auto& assertion : canary.assertions)
        assertions.push_back(json::object{
            {"path", assertion.path}, {"op", assertion.op}, {"value_json", assertion.value_json}});
    return {{"tool", canary.tool},
            {"arguments_json", canary.arguments_json},
            {"assertions", std::move(assertions)},
            {"required", canary.required}};
}

/// The rarer keys; absent where they are not set.
void add_options(const EndpointSpec& spec, json::object& out) {
    if (spec.interval) out["interval_ms"] = spec.interval->count();
    if (spec.latency_slo) out["latency_slo_ms"] = spec.latency_slo->count();
    if (spec.canary) out["canary"] = to_value(*spec.canary);
    if (spec.bearer) out["bearer"] = to_value(*spec.bearer);
    if (!spec.tls_ca_secret.empty()) out["tls_ca"] = secret_reference(spec.tls_ca_secret);
    if (!spec.tls_client_secret.empty())
        out["tls_client"] = secret_reference(spec.tls_client_secret);
    if (!spec.health_url.empty()) out["health_url"] = spec.health_url;
    json::object headers;
    for (const auto& [name, value] : spec.headers)
        headers[name] = to_value(value);
    if (!headers.empty()) out["headers"] = std::move(headers);
    json::object labels;
    for (const auto& [name, value] : spec.labels)
        labels[name] = value;
    if (!labels.empty()) out["labels"] = std::move(labels);
}

// ---------------------------------------------------------------- and back

std::string text_of(const json::value& value) {
    return std::string{value.as_string()};
}

Credential credential_of(const json::value& value) {
    if (value.is_object()) return {"", text_of(value.at("secret"))};
    return {text_of(value), ""};
}

template <class Enum>
Enum known(std::optional<Enum> value) {
    if (!value) throw std::runtime_error{"stored endpoint has an unknown name"};
    return *value;
}

Canary canary_of(const json::object& in) {
    Canary canary;
    canary.tool = text_of(in.at("tool"));
    canary.arguments_json = text_of(in.at("arguments_json"));
    canary.required = in.at("required").as_bool();
    for (const auto& item : in.at("assertions").as_array())
        canary.assertions.push_back(
            {text_of(item.at("path")), text_of(item.at("op")), text_of(item.at("value_json"))});
    return canary;
}

void read_options(const json::object& in, EndpointSpec& spec) {
    if (const auto* v = in.if_contains("interval_ms")) spec.interval = milliseconds{v->as_int64()};
    if (const auto* v = in.if_contains("latency_slo_ms"))
        spec.latency_slo = milliseconds{v->as_int64()};
    if (const auto* v = in.if_contains("canary")) spec.canary = canary_of(v->as_object());
    if (const auto* v = in.if_contains("bearer")) spec.bearer = credential_of(*v);
    if (const auto* v = in.if_contains("tls_ca")) spec.tls_ca_secret = text_of(v->at("secret"));
    if (const auto* v = in.if_contains("tls_client"))
        spec.tls_client_secret = text_of(v->at("secret"));
    if (const auto* v = in.if_contains("health_url")) spec.health_url = text_of(*v);
    if (const auto* v = in.if_contains("headers"))
        for (const auto& [name, value] : v->as_object())
            spec.headers[std::string{name}] = credential_of(value);
    if (const auto* v = in.if_contains("labels"))
        for (const auto& [name, value] : v->as_object())
            spec.labels[std::string{name}] = text_of(value);
}

// ---------------------------------------------------------------- YAML

/// Text in double quotes: JSON's are YAML's (YAML 1.2, 7.3.1).
std::string quoted(std::string_view text) {
    return json::serialize(json::string{text});
}

std::string quoted_list(const std::vector<std::string>& texts) {
    return json::serialize(to_value(texts));
}

std::string reference(const Credential& credential) {
    if (credential.secret.empty()) return quoted(credential.value);
    return "{\"secret\": " + quoted(credential.secret) + "}";
}

/// Of a text that was made from a value; exact, where Boost.JSON's own parser is not.
json::value value_of(std::string_view json_text) {
    auto value = parse_json(json_text);
    return value ? *std::move(value) : json::value{};
}

/// As JSON, but for keys that are too long to be YAML's without a mark (YAML 1.2, 7.4.2).
void append_flow(const json::value& value, std::string& out) {
    constexpr std::size_t kImplicitKeyMax = 1024;
    const char* separator = "";
    if (const auto* array = value.if_array()) {
        out += '[';
        for (const auto& item : *array) {
            out += std::exchange(separator, ",");
            append_flow(item, out);
        }
        out += ']';
    } else if (const auto* object = value.if_object()) {
        out += '{';
        for (const auto& [name, item] : *object) {
            const auto key = quoted(name);
            out.append(std::exchange(separator, ","));
            out.append(key.size() > kImplicitKeyMax ? "? " : "").append(key).append(":");
            append_flow(item, out);
        }
        out += '}';
    } else {
        out += json::serialize(value);
    }
}

std::string yaml_of(const Canary& canary) {
    json::object expect;
    for (const auto& assertion : canary.assertions) {
        auto& ops = expect[assertion.path];
        if (!ops.is_object()) ops.emplace_object();
        const auto op = known(enum_value(kAssertionOps, assertion.op));
        ops.as_object()[enum_name(kAssertionKeys, op)] = value_of(assertion.value_json);
    }
    const json::value all{{"tool", canary.tool},
                          {"arguments", value_of(canary.arguments_json)},
                          {"expect", std::move(expect)},
                          {"required", canary.required}};
    std::string text;
    append_flow(all, text);
    return text;
}

const char* word(bool value) {
    return value ? "true" : "false";
}

void append_yaml(const EndpointSpec& spec, std::string& out) {
    const auto line = [&out](std::string_view key, std::string_view value) {
        out.append("    ").append(key).append(": ").append(value).append("\n");
    };
    out.append("  - name: ").append(quoted(spec.name)).append("\n");
    line("tenant", quoted(spec.tenant));
    line("url", quoted(spec.url));
    if (!spec.regions.empty()) line("regions", quoted_list(spec.regions));
    if (spec.interval) line("interval", to_duration_text(*spec.interval));
    line("timeout", to_duration_text(spec.timeout));
    line("era", name_of(spec.era));
    line("ip", name_of(spec.ip));
    line("p1_quorum", name_of(spec.p1_quorum));
    if (spec.latency_slo) line("latency_slo", to_duration_text(*spec.latency_slo));
    if (spec.expect != Expectations{})
        line("expect",
             std::string{"{\"tools\": "} + quoted_list(spec.expect.tools) +
                 ", \"required\": " + word(spec.expect.required) +
                 ", \"auth_wall\": " + word(spec.expect.auth_wall) + "}");
    if (spec.canary) line("canary", yaml_of(*spec.canary));
    if (spec.bearer) line("auth", "{\"bearer\": " + reference(*spec.bearer) + "}");
    if (!spec.headers.empty()) line("headers", "");
    for (const auto& [name, value] : spec.headers)
        line("  " + quoted(name), reference(value));
    if (!spec.tls_ca_secret.empty() || !spec.tls_client_secret.empty()) line("tls", "");
    if (!spec.tls_ca_secret.empty()) line("  ca", reference({"", spec.tls_ca_secret}));
    if (!spec.tls_client_secret.empty()) line("  client", reference({"", spec.tls_client_secret}));
    if (!spec.health_url.empty()) line("health_url", quoted(spec.health_url));
    if (!spec.labels.empty()) line("labels", "");
    for (const auto& [name, value] : spec.labels)
        line("  " + quoted(name), quoted(value));
    line("paused", word(spec.paused));
}

}  // namespace

std::string to_json(const EndpointSpec& spec) {
    json::object out{
        {"tenant", spec.tenant},
        {"name", spec.name},
        {"url", spec.url},
        {"regions", to_value(spec.regions)},
        {"timeout_ms", spec.timeout.count()},
        {"era", name_of(spec.era)},
        {"ip", name_of(spec.ip)},
        {"p1_quorum", name_of(spec.p1_quorum)},
        {"expect",
         {{"tools", to_value(spec.expect.tools)},
          {"required", spec.expect.required},
          {"auth_wall", spec.expect.auth_wall}}},
        {"paused", spec.paused},
    };
    add_options(spec, out);
    return json::serialize(out);
}

EndpointSpec endpoint_spec_from_json(std::string_view text) {
    const auto parsed = json::parse(text);
    const auto& in = parsed.as_object();
    EndpointSpec spec;
    spec.tenant = text_of(in.at("tenant"));
    spec.name = text_of(in.at("name"));
    spec.url = text_of(in.at("url"));
    for (const auto& region : in.at("regions").as_array())
        spec.regions.push_back(text_of(region));
    spec.timeout = milliseconds{in.at("timeout_ms").as_int64()};
    spec.era = known(era_mode_named(in.at("era").as_string()));
    spec.ip = known(ip_family_named(in.at("ip").as_string()));
    spec.p1_quorum = known(p1_quorum_named(in.at("p1_quorum").as_string()));
    const auto& expect = in.at("expect");
    for (const auto& tool : expect.at("tools").as_array())
        spec.expect.tools.push_back(text_of(tool));
    spec.expect.required = expect.at("required").as_bool();
    spec.expect.auth_wall = expect.at("auth_wall").as_bool();
    spec.paused = in.at("paused").as_bool();
    read_options(in, spec);
    return spec;
}

std::string to_yaml_item(const EndpointSpec& spec) {
    std::string item;
    append_yaml(spec, item);
    return item;
}

std::string to_yaml(const std::vector<EndpointSpec>& specs) {
    std::string out = specs.empty() ? "endpoints: []\n" : "endpoints:\n";
    for (const auto& spec : specs)
        append_yaml(spec, out);
    return out;
}

}  // namespace quorate::wire
