#include "probe/mcp_messages.hpp"

#include <boost/json/serialize.hpp>

#include "core/base/text.hpp"
#include "probe/mcp_versions.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr std::size_t kNameBytesMax = 128;

json::object client_info(const Attempt& attempt) {
    const auto& options = attempt.parts.options;
    return {{"name", options.client_name}, {"version", options.client_version}};
}

}  // namespace

McpCall make_request(Attempt& attempt, Phase phase, std::string_view method, json::object params) {
    const bool modern = attempt.is_modern();
    if (modern)
        params["_meta"] =
            json::object{{"io.modelcontextprotocol/protocolVersion", attempt.version},
                         {"io.modelcontextprotocol/clientInfo", client_info(attempt)},
                         {"io.modelcontextprotocol/clientCapabilities", json::object{}}};
    McpCall message;
    message.phase = phase;
    message.id = attempt.next_id++;
    if (modern) message.method = method;
    message.body = json::serialize(json::object{
        {"jsonrpc", "2.0"}, {"id", message.id}, {"method", method}, {"params", std::move(params)}});
    return message;
}

McpCall make_initialize(Attempt& attempt, std::string_view version) {
    json::object params{{"protocolVersion", version},
                        {"capabilities", json::object{}},
                        {"clientInfo", client_info(attempt)}};
    return make_request(attempt, Phase::initialize, "initialize", std::move(params));
}

McpCall make_initialized() {
    McpCall message;
    message.phase = Phase::initialized;
    message.body = R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
    return message;
}

bool keep_server_info(ProbeReport& report, const json::object& result) {
    const json::object* info = nullptr;
    if (const auto* meta = object_member(result, "_meta"))
        info = object_member(*meta, "io.modelcontextprotocol/serverInfo");
    if (info == nullptr) info = object_member(result, "serverInfo");
    if (info == nullptr) return false;
    const auto name = string_member(*info, "name");
    const auto version = string_member(*info, "version");
    report.server_name = safe_text(name.value_or(""), kNameBytesMax);
    report.server_version = safe_text(version.value_or(""), kNameBytesMax);
    return name && version;
}

}  // namespace quorate
