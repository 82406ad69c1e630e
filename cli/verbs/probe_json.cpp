#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>

#include "cli/json.hpp"
#include "cli/verbs/probe_format.hpp"

namespace quorate::cli {
namespace {

namespace json = boost::json;

json::value text_or_null(const std::string& text) {
    if (text.empty()) return nullptr;
    return json::value(json::string(text));
}

template <class T>
json::value or_null(const std::optional<T>& value) {
    if (!value) return nullptr;
    return json::value_from(*value);
}

template <class Enum>
json::value name_or_null(const std::optional<Enum>& value) {
    if (!value) return nullptr;
    return json::value(json::string(name_of(*value)));
}

json::value ms(const PhaseTimings::Us& us) {
    if (!us) return nullptr;
    return *us / 1000.0;
}

json::value time_or_null(const std::optional<UtcTime>& time) {
    if (!time) return nullptr;
    return json::value(json::string(to_rfc3339(*time)));
}

json::value hash_or_null(const std::string& hash) {
    return text_or_null(hash.empty() ? hash : "sha256:" + hash);
}

json::value transport_of(const ProbeReport& report) {
    if (!report.era) return nullptr;
    return *report.era == Era::sse ? "http_sse" : "streamable_http";
}

json::value server_of(const ProbeReport& report) {
    if (report.server_name.empty()) return nullptr;
    return json::object{{"name", report.server_name},
                        {"version", text_or_null(report.server_version)}};
}

json::object timings_of(const PhaseTimings& timings) {
    json::object object{{"dns", ms(timings.dns)},
                        {"connect", ms(timings.tcp)},
                        {"tls", ms(timings.tls)},
                        {"first_byte", ms(timings.first_byte)},
                        {"discover", ms(timings.discover)},
                        {"initialize", ms(timings.initialize)},
                        {"tools_list", ms(timings.tools_list)},
                        {"canary", ms(timings.tools_call)},
                        {"close", ms(timings.cleanup)},
                        {"total", ms(timings.total)}};
    // Phases of the legacy era and of HTTP+SSE alone, which other probes need not carry.
    if (timings.initialized) object.emplace("initialized", ms(timings.initialized));
    if (timings.sse_open) object.emplace("sse_open", ms(timings.sse_open));
    return object;
}

json::value tools_of(const ProbeReport& report) {
    if (!report.tools) return nullptr;
    json::array names;
    for (const auto& name : report.tools->names)
        names.emplace_back(name);
    return json::object{{"count", report.tools->count},
                        {"pages", report.tools->pages},
                        {"names", std::move(names)},
                        {"semantic_hash", hash_or_null(report.tools->semantic_hash)},
                        {"full_hash", hash_or_null(report.tools->full_hash)}};
}

json::value tls_of(const ProbeReport& report) {
    if (!report.tls) return nullptr;
    // 0 means verified: it is not said of a handshake that ended before a certificate came.
    const bool verified = report.tls->not_after || report.tls->verify_code != 0;
    json::value verify_code;
    if (verified) verify_code = report.tls->verify_code;
    return json::object{{"version", text_or_null(report.tls->version)},
                        {"not_after", time_or_null(report.tls->not_after)},
                        {"earliest_not_after", time_or_null(report.tls->earliest_not_after)},
                        {"issuer", text_or_null(report.tls->issuer)},
                        {"verify_code", verify_code}};
}

json::object auth_of(const AuthReport& auth) {
    json::object object{{"required", auth.required},
                        {"resource_metadata", or_null(auth.resource_metadata)}};
    // What only some challenges say.
    if (auth.scope) object.emplace("scope", *auth.scope);
    if (auth.error) object.emplace("error", *auth.error);
    if (auth.error_description) object.emplace("error_description", *auth.error_description);
    return object;
}

json::value health_of(const ProbeReport& report) {
    if (!report.health) return nullptr;
    return json::object{{"status", or_null(report.health->status)}, {"ms", report.health->ms}};
}

json::array warnings_of(const ProbeReport& report) {
    json::array names;
    for (const auto& row : kWarningNames)
        if (report.warnings.has(row.value)) names.emplace_back(row.name);
    return names;
}

json::array attempts_of(const ProbeReport& report) {
    json::array attempts;
    for (const auto& attempt : report.attempts)
        attempts.push_back(json::object{{"verdict", name_of(attempt.verdict)},
                                        {"reason", name_or_null(attempt.reason)},
                                        {"phase", name_or_null(attempt.phase)},
                                        {"total_ms", ms(attempt.total_us)}});
    return attempts;
}

json::array changes_of(const ProbeReport& report) {
    json::array changes;
    for (const auto& change : report.changes)
        changes.push_back(json::object{{"kind", name_of(change.kind)},
                                       {"what", change.what},
                                       {"tool", change.tool},
                                       {"path", change.path},
                                       {"detail", change.detail}});
    return changes;
}

}  // namespace

std::string to_json_line(const ProbeReport& report, const ProbeRequest& request) {
    json::object object{{"url", report.url},
                        {"verdict", name_of(report.verdict)},
                        {"reason", name_or_null(report.reason)},
                        {"phase", name_or_null(report.phase)},
                        {"detail", report.detail},
                        {"era", name_or_null(report.era)},
                        {"protocol_version", text_or_null(report.protocol_version)},
                        {"transport", transport_of(report)},
                        {"server", server_of(report)},
                        {"http_status", or_null(report.http_status)},
                        {"rpc_code", or_null(report.rpc_code)},
                        {"os_error", or_null(report.os_error)},
                        {"ip", text_or_null(report.peer_address)},
                        {"final_url", text_or_null(report.final_url)},
                        {"retried", report.retried},
                        {"credential_sent", report.credential_sent},
                        {"retry_after_s", or_null(report.retry_after_s)},
                        {"timings_ms", timings_of(report.timings)},
                        {"tools", tools_of(report)},
                        {"tls", tls_of(report)},
                        {"auth", auth_of(report.auth)},
                        {"health", health_of(report)},
                        {"warnings", warnings_of(report)},
                        {"attempts", attempts_of(report)}};
    if (request.baseline) object["changes"] = changes_of(report);
    return json_text(object);
}

}  // namespace quorate::cli
