#include "cli/verbs/probe_format.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace quorate::cli {
namespace {

constexpr std::size_t kBarWidth = 40;
constexpr std::size_t kNamesMax = 12;

struct Row {
    std::string_view name;
    PhaseTimings::Us us;
};

/// The phases one after another, each bar beginning where the one before ended.
std::string waterfall(const PhaseTimings& timings) {
    const std::array rows{Row{"dns", timings.dns},
                          Row{"connect", timings.tcp},
                          Row{"tls", timings.tls},
                          Row{"discover", timings.discover},
                          Row{"initialize", timings.initialize},
                          Row{"tools_list", timings.tools_list},
                          Row{"canary", timings.tools_call}};
    const double total = std::max<double>(1, timings.total.value_or(1));
    std::string text;
    double begun = 0;
    for (const auto& row : rows) {
        if (!row.us) continue;
        const auto from = std::min(kBarWidth - 1, std::size_t(begun / total * kBarWidth));
        const auto width = std::clamp<std::size_t>(
            std::size_t(*row.us / total * kBarWidth + 0.5), 1, kBarWidth - from);
        std::string bar(from, ' ');
        for (std::size_t i = 0; i < width; ++i)
            bar += "█";
        text += fmt::format("  {:<12}{:>9.1f} ms  {}\n", row.name, *row.us / 1000.0, bar);
        begun += *row.us;
    }
    if (timings.total)
        text += fmt::format("  {:<12}{:>9.1f} ms\n", "total", *timings.total / 1000.0);
    if (timings.cleanup)
        text += fmt::format(
            "  {:<12}{:>9.1f} ms  outside the total\n", "close", *timings.cleanup / 1000.0);
    return text;
}

std::string spoken(const ProbeReport& report) {
    if (!report.era) return {};
    auto text = fmt::format("  {} era", name_of(*report.era));
    if (!report.protocol_version.empty()) text += ", MCP " + report.protocol_version;
    if (!report.server_name.empty())
        text += fmt::format(", {} {}", report.server_name, report.server_version);
    if (!report.peer_address.empty()) text += ", at " + report.peer_address;
    return text + "\n";
}

std::string tool_names(const ProbeReport& report) {
    if (!report.tools) return {};
    const auto& names = report.tools->names;
    std::string text = fmt::format("  {} tools", report.tools->count);
    for (std::size_t i = 0; i < std::min(names.size(), kNamesMax); ++i)
        text += (i == 0 ? ": " : ", ") + names[i];
    return text + (names.size() > kNamesMax ? ", …\n" : "\n");
}

std::string warning_names(const ProbeReport& report) {
    std::string text;
    for (const auto& row : kWarningNames)
        if (report.warnings.has(row.value))
            text.append(text.empty() ? "  warnings: " : ", ").append(row.name);
    return text.empty() ? text : text + "\n";
}

std::string_view advice(Reason reason) {
    switch (reason) {
        case Reason::config_invalid:
            return "Correct the command line or the endpoint file.";
        case Reason::address_forbidden:
            return "If the server is yours, allow it with --allow-private.";
        case Reason::agent_unhealthy:
        case Reason::aborted:
            return "The trouble is on this machine; look at its DNS, network and limits, and try "
                   "again.";
        case Reason::dns_nxdomain:
        case Reason::dns_no_address:
            return "Check the name in the URL and its A and AAAA records.";
        case Reason::dns_server_failure:
        case Reason::dns_timeout:
            return "Check the zone's name servers.";
        case Reason::connection_refused:
            return "Check that the server runs and listens on this port.";
        case Reason::network_unreachable:
        case Reason::timeout_connect:
            return "Check firewalls and routes to this address.";
        case Reason::connection_reset:
        case Reason::connection_closed:
            return "Check the server's log for a crash, and whether http and https are mixed up.";
        case Reason::timeout_tls:
        case Reason::tls_handshake_failed:
            return "Check that this port speaks TLS 1.2 or 1.3 for this name.";
        case Reason::tls_cert_expired:
        case Reason::tls_cert_not_yet_valid:
        case Reason::tls_cert_revoked:
        case Reason::tls_cert_invalid:
            return "Renew the certificate, and check that the server has loaded it.";
        case Reason::tls_cert_self_signed:
        case Reason::tls_cert_untrusted:
            return "Send the intermediate certificates, or trust your authority with --ca-file.";
        case Reason::tls_cert_hostname_mismatch:
            return "Check which names the certificate is for.";
        case Reason::timeout_headers:
        case Reason::timeout_body:
        case Reason::timeout_total:
            return "Check the server's load and what it waits for; a proxy's upstream may be dead.";
        case Reason::http_malformed:
        case Reason::response_truncated:
        case Reason::response_too_large:
            return "Check proxies between here and the server.";
        case Reason::redirect_refused:
            return "Use the final URL, or correct the redirect's scheme and host.";
        case Reason::http_not_found:
        case Reason::http_method_not_allowed:
        case Reason::http_unexpected_status:
        case Reason::http_unexpected_content_type:
            return "Check the path of the URL: this one is no MCP endpoint.";
        case Reason::http_client_error:
            return "Check what the server says about the request, in its log too.";
        case Reason::http_server_error:
        case Reason::http_bad_gateway:
        case Reason::http_unavailable:
        case Reason::http_gateway_timeout:
            return "Check the server's log and, behind a proxy, its upstream.";
        case Reason::auth_required:
            return "Give a token with --bearer-file, or expect the wall with --expect-auth-wall.";
        case Reason::auth_failed:
        case Reason::auth_insufficient_scope:
        case Reason::auth_token_unavailable:
            return "Check the token: its expiry, audience and scopes.";
        case Reason::auth_wall_missing:
            return "Check the server's authorization settings at once.";
        case Reason::forbidden:
        case Reason::blocked:
        case Reason::payment_required:
            return "Check the server's access rules for this address and client.";
        case Reason::rate_limited:
            return "Probe less often, or raise the server's limit for probes.";
        case Reason::protocol_invalid_json:
        case Reason::protocol_invalid_message:
        case Reason::protocol_id_mismatch:
        case Reason::protocol_no_response:
        case Reason::protocol_invalid_result:
        case Reason::protocol_sse_endpoint_invalid:
        case Reason::protocol_version_unsupported:
        case Reason::protocol_header_mismatch:
        case Reason::protocol_error:
            return "Look at the exchange with --trace, and check the server's MCP library.";
        case Reason::protocol_session_lost:
            return "Check that the load balancer keeps a session on one server.";
        case Reason::tools_capability_missing:
        case Reason::pagination_invalid:
        case Reason::tool_missing:
        case Reason::schema_drift:
            return "Check what was deployed, and which tools this client may see.";
        case Reason::canary_rpc_error:
        case Reason::canary_tool_error:
        case Reason::canary_assertion_failed:
        case Reason::canary_input_required:
            return "Check the canary's tool, its arguments and what it depends on.";
        case Reason::slow:
            return "Look at the longest phase above.";
        case Reason::missed_window:
        case Reason::backpressure:
        case Reason::agent_dead:
        case Reason::clock_skew:
        case Reason::region_fault:
        case Reason::not_reported:
            return "Check the agents of this region.";
    }
    return {};
}

}  // namespace

std::string advice_for(const ProbeReport& report) {
    return report.reason ? std::string{advice(*report.reason)} : std::string{};
}

std::string to_text(const ProbeReport& report) {
    std::string text = fmt::format("{}  {}\n", name_of(report.verdict), report.url);
    text += fmt::format("  {}.", report.detail);
    if (const auto next = advice_for(report); !next.empty()) text += " " + next;
    text += "\n";
    if (report.reason) {
        text += fmt::format("  reason {}", name_of(*report.reason));
        if (report.phase) text += fmt::format(", phase {}", name_of(*report.phase));
        if (report.retried) text += ", after a second attempt";
        text += "\n";
    } else if (report.retried) {
        text += "  the first attempt failed, the second went well\n";
    }
    return text + spoken(report) + tool_names(report) + warning_names(report) +
           waterfall(report.timings);
}

}  // namespace quorate::cli
