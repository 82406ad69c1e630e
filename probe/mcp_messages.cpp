#include "probe/mcp_messages.hpp"

#include <algorithm>

#include <boost/json/serialize.hpp>

#include "core/base/text.hpp"
#include "probe/mcp_versions.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr std::size_t kNameBytesMax = 128;

json::object client_info(const ProbeEngineOptions& options) {
    return {{"name", options.client_name}, {"version", options.client_version}};
}

}  // namespace

std::string client_meta(const ProbeEngineOptions& options) {
    return json::serialize(
        json::object{{"io.modelcontextprotocol/protocolVersion", kModernVersion},
                     {"io.modelcontextprotocol/clientInfo", client_info(options)},
                     {"io.modelcontextprotocol/clientCapabilities", json::object{}}});
}

McpCall make_request(Attempt& attempt, Phase phase, std::string_view method, json::object params) {
    const bool modern = attempt.is_modern();
    McpCall message;
    message.phase = phase;
    message.id = attempt.next_id++;
    if (modern) message.method = method;
    // Put together by hand: this is on the way of every probe, and only `params` may hold text that
    // needs escaping.
    auto& body = message.body;
    body.reserve(320);
    body.append(R"({"jsonrpc":"2.0","id":)").append(std::to_string(message.id));
    body.append(R"(,"method":")").append(method).append(R"(","params":)");
    body.append(params.empty() ? "{}" : json::serialize(params));
    if (modern) {
        body.pop_back();
        if (!params.empty()) body.push_back(',');
        body.append(R"("_meta":)").append(attempt.parts.client_meta).push_back('}');
    }
    body.push_back('}');
    return message;
}

McpCall make_initialize(Attempt& attempt, std::string_view version) {
    json::object params{{"protocolVersion", version},
                        {"capabilities", json::object{}},
                        {"clientInfo", client_info(attempt.parts.options)}};
    return make_request(attempt, Phase::initialize, "initialize", std::move(params));
}

McpCall make_initialized() {
    McpCall message;
    message.phase = Phase::initialized;
    message.body = R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
    return message;
}

ServerInfo server_info_of(const json::object& result) {
    const json::object* info = nullptr;
    if (const auto* meta = object_member(result, "_meta"))
        info = object_member(*meta, "io.modelcontextprotocol/serverInfo");
    if (info == nullptr) info = object_member(result, "serverInfo");
    if (info == nullptr) return {};
    const auto name = string_member(*info, "name");
    const auto version = string_member(*info, "version");
    return {safe_text(name.value_or(""), kNameBytesMax),
            safe_text(version.value_or(""), kNameBytesMax),
            name && version};
}

Result<void> check_result_type(const json::object& result, Phase phase, Warnings& warnings) {
    const auto* type = result.if_contains("resultType");
    if (type == nullptr) {
        warnings.add(Warning::missing_result_type);
        return {};
    }
    const auto* text = type->if_string();
    if (text != nullptr && *text == "complete") return {};
    return Failure{phase,
                   Reason::protocol_invalid_result,
                   "An unknown resultType: " +
                       (text == nullptr ? "no string" : safe_text(std::string_view{*text}, 40))};
}

void check_cache_hints(const json::object& result, Warnings& warnings) {
    const auto* ttl = result.if_contains("ttlMs");
    const auto* scope = result.if_contains("cacheScope");
    boost::system::error_code error;
    const bool sound = ttl != nullptr && ttl->to_number<double>(error) >= 0 && !error &&
                       scope != nullptr && scope->is_string();
    if (!sound) warnings.add(Warning::missing_cache_hints);
}

bool is_lost_stream(const Attempt& attempt, const Failure& failure) {
    return attempt.is_modern() && attempt.last && attempt.last->is_event_stream() &&
           (failure.reason == Reason::protocol_no_response ||
            failure.reason == Reason::response_truncated ||
            failure.reason == Reason::connection_reset);
}

bool is_session_id(std::string_view id) {
    return !id.empty() &&
           std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

}  // namespace quorate
