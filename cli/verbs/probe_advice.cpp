#include "cli/verbs/probe_advice.hpp"

#include <array>

namespace quorate::cli {
namespace {

/// By the reason's name: this file says something of each reason and makes none.
struct Advice {
    std::string_view reason;
    std::string_view text;
};

// By what is wrong: our side, the network, TLS, HTTP, walls, the protocol, tools, and the agents
// that a report of one probe never names.
constexpr std::array kOurs{
    Advice{"config_invalid", "Correct the command line, the endpoint file or the manifest."},
    Advice{"address_forbidden",
           "If the server is yours and its address is meant to be private, add --allow-private."},
    Advice{"agent_unhealthy",
           "Look at this machine's network, resolver and limits (ulimit -n), and try again."},
    Advice{"aborted", "The probe was stopped before its end; run it again."},
};
constexpr std::array kNetwork{
    Advice{"dns_nxdomain",
           "Check the host name for a slip of the pen, and that its zone still has it (dig NAME)."},
    Advice{"dns_no_address", "The name exists: add an A or AAAA record to it."},
    Advice{"dns_server_failure",
           "Check the zone's name servers and its DNSSEC signatures (dig NAME +trace)."},
    Advice{"dns_timeout", "Check that the zone's name servers answer, from here too."},
    Advice{"connection_refused",
           "Check that the server runs and listens on this port and address, not on loopback "
           "alone."},
    Advice{"network_unreachable",
           "Check this machine's route to the address, and whether a firewall rejects it."},
    Advice{"timeout_connect",
           "Check whether a firewall drops packets to this port, and whether the machine is up."},
    Advice{"connection_reset",
           "Check the server's log for a crash at this time, and proxies that cut connections."},
    Advice{"connection_closed",
           "Check that the URL's http or https is what this port speaks, and the server's log for "
           "a crash."},
};
constexpr std::array kTls{
    Advice{"timeout_tls", "Check the load of whatever terminates TLS on this port."},
    Advice{"tls_handshake_failed",
           "Check that this port speaks TLS 1.2 or 1.3 and serves this host name (SNI)."},
    Advice{"tls_cert_expired",
           "Renew the certificate and reload the server; look at the intermediates too."},
    Advice{"tls_cert_not_yet_valid",
           "Check the clocks of the server and of this machine, and the certificate's start date."},
    Advice{"tls_cert_self_signed",
           "Get a certificate of an authority, or trust this one with --ca-file."},
    Advice{"tls_cert_untrusted",
           "Serve the whole chain with its intermediates, or trust your authority with --ca-file."},
    Advice{"tls_cert_hostname_mismatch",
           "Add this host name to the certificate, or use a name that it has."},
    Advice{"tls_cert_revoked", "Find out why the certificate was revoked, and replace it."},
    Advice{
        "tls_cert_invalid",
        "Replace the certificate: its purpose, constraints, key or signature are not acceptable."},
};
constexpr std::array kExchange{
    Advice{"timeout_headers",
           "Check what the server waits for: its load, its database, or the upstream behind its "
           "proxy."},
    Advice{"timeout_body",
           "The server began to answer and never finished: check its upstream, and proxies that "
           "buffer event streams."},
    Advice{"timeout_total",
           "Every step was slow: check the server's load, or give it more time with --timeout."},
    Advice{"http_malformed", "Check that this port speaks HTTP/1.1, and proxies in between."},
    Advice{"response_truncated",
           "Check proxies between here and the server for limits of time and size, and the "
           "server's log for a crash."},
    Advice{"response_too_large", "Check why the answer is that large, or has no end."},
    Advice{"redirect_refused",
           "Use the final URL; behind a TLS terminator let the server's redirects keep https and "
           "the host."},
    Advice{"http_not_found", "Check the path of the URL: nothing speaks MCP there."},
    Advice{"http_method_not_allowed",
           "Check the path of the URL: what is there does not take POST."},
    Advice{"http_client_error",
           "Look at the answer with --trace: the server or a proxy objects to a correct request."},
    Advice{"http_server_error", "Look at the server's log for the error of this request."},
    Advice{"http_bad_gateway", "Check that the upstream behind the proxy runs."},
    Advice{"http_unavailable",
           "Check whether the server is overloaded, starting or in maintenance."},
    Advice{"http_gateway_timeout",
           "Check why the upstream behind the proxy does not answer in time."},
    Advice{"http_unexpected_status",
           "Look at the answer with --trace: the status does not fit a request of MCP."},
    Advice{"http_unexpected_content_type",
           "Check that the URL leads to the MCP endpoint and not to a login or parking page."},
};
constexpr std::array kWalls{
    Advice{
        "auth_required",
        "Give a token with --bearer-file, or say with --expect-auth-wall that the wall is meant."},
    Advice{"auth_failed",
           "Get a new token: this one is expired, revoked or for another "
           "audience."},
    Advice{"auth_insufficient_scope",
           "Get a token with the scope that the server asks for, named below where it names one."},
    Advice{"auth_token_unavailable",
           "Give the credential with --bearer-file, --bearer-env, --header or --ca-file."},
    Advice{"auth_wall_missing",
           "Check the server's authorization settings at once: everybody gets in."},
    Advice{"forbidden", "Check the server's lists of allowed hosts, origins and addresses."},
    Advice{"blocked", "Let this address through the bot protection in front of the server."},
    Advice{"payment_required", "Check the subscription behind this endpoint."},
    Advice{"rate_limited", "Probe less often, or raise the server's limit for this client."},
};
constexpr std::array kProtocol{
    Advice{"protocol_invalid_json",
           "Look at the body with --trace: something prints into it, or cuts it."},
    Advice{"protocol_invalid_message",
           "Look at the body with --trace: it is JSON, but from no JSON-RPC 2.0 server."},
    Advice{"protocol_id_mismatch",
           "Check for a proxy that mixes up clients: the answers are to other requests."},
    Advice{"protocol_no_response",
           "Look in the server's log for a handler that ended without an answer."},
    Advice{"protocol_invalid_result",
           "Look at the result with --trace: a member that MCP requires is missing or wrong."},
    Advice{"protocol_sse_endpoint_invalid",
           "Check that this URL is the event stream of an HTTP+SSE server, or use --era auto."},
    Advice{"protocol_version_unsupported",
           "Update the server's MCP library, or this program where the server is the newer one."},
    Advice{"protocol_header_mismatch",
           "Check for a proxy that strips or rewrites the headers Mcp-*."},
    Advice{"protocol_session_lost",
           "Let the load balancer keep a session on one server, or share sessions between them."},
    Advice{
        "protocol_error",
        "Look at the error with --trace and in the server's log; a proxy's upstream may be gone."},
};
constexpr std::array kTools{
    Advice{"tools_capability_missing",
           "Check that the server registers its tools for this client."},
    Advice{"pagination_invalid", "Check how the server makes the cursors of tools/list."},
    Advice{"tool_missing",
           "Check what was deployed, and whether this credential may see the tool."},
    Advice{"schema_drift",
           "Look at the changes below; where they are meant, approve them with --write-manifest."},
    Advice{"canary_rpc_error", "Check the canary's tool name and arguments."},
    Advice{"canary_tool_error",
           "Look at what the tool says with --trace, and at what it depends on."},
    Advice{"canary_assertion_failed",
           "Compare the tool's answer, shown by --trace, with what --canary-expect says."},
    Advice{"canary_input_required",
           "Choose a canary that needs nobody's input: this tool asks back."},
    Advice{"slow", "Look at the longest phase below."},
};
constexpr std::array kAgents{
    Advice{"missed_window", "Check that the region's agents keep up with their jobs."},
    Advice{"backpressure", "Give the region more agents: these were too busy to look."},
    Advice{"agent_dead", "Check that the region's agents run and reach Redis."},
    Advice{"clock_skew", "Check the time synchronisation of the region's agents."},
    Advice{"region_fault", "Check the region's own network: many endpoints fail from there."},
    Advice{"not_reported", "Check the logs of the region's agents for this minute."},
};

}  // namespace

std::string_view advice_for(Reason reason) {
    const auto name = name_of(reason);
    std::string_view advice;
    const auto look = [&](const auto& table) {
        for (const auto& row : table)
            if (row.reason == name) advice = row.text;
    };
    look(kOurs);
    look(kNetwork);
    look(kTls);
    look(kExchange);
    look(kWalls);
    look(kProtocol);
    look(kTools);
    look(kAgents);
    return advice;
}

}  // namespace quorate::cli
