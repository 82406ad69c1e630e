#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "probe/report.hpp"
#include "probe/request.hpp"
#include "tests/integration/probe/node_server.hpp"

namespace quorate {

/// A server, proxy or example of npm, run unchanged by tests/support/servers/serve.mjs.
class NpmServer {
public:
    /// @param name     as serve.mjs lists them
    /// @param options  of that server itself
    /// @param tls_folder  where it finds, or makes, its certificates; empty: plain HTTP
    explicit NpmServer(const std::string& name,
                       const std::vector<std::string>& options = {},
                       const std::string& tls_folder = {});

    /// @param member  "url", or "sse_url" where it has that transport too
    std::string url(const char* member = "url") const { return server_.fact(member); }

    /// The authority of its certificate.
    std::string ca_file() const { return server_.fact("ca_file"); }

    struct Sessions {
        std::int64_t opened = 0;   ///< ids it gave out so far
        std::int64_t left = 0;     ///< those for which it still answers
        std::int64_t streams = 0;  ///< event streams that are open
    };
    /// Asks the server about every session that it gave out.
    Sessions sessions() const;

    /// Sends a signal, "SIGSTOP" and the like, to the process which the server started, its
    /// upstream; returns when it is in force.
    void signal_upstream(const std::string& signal) const;

private:
    std::string control(const std::string& method, const std::string& path) const;

    NodeServer server_;
};

/// A request with the time that a cold Node needs on a busy machine.
/// @param header  one to send, "Name: value"; empty: none
ProbeRequest patient(const std::string& url, const std::string& header = {});

/// The names of warnings, for EXPECT_EQ with a readable difference.
std::vector<std::string> names_of(const Warnings& warnings);

/// How an official client is to connect.
struct OfficialClient {
    std::string version = "v1";      ///< "v1": @modelcontextprotocol/sdk; "v2": …/client
    std::string transport = "http";  ///< or "sse"
    std::string header;              ///< "Name: value"; empty: none
    std::string ca_file;             ///< PEM, beside Node's own; empty: none
};

/// The names of the tools that this client lists, sorted. Throws std::runtime_error where it fails.
std::vector<std::string> tools_by(const OfficialClient& client, const std::string& url);

/// An access token for a server behind OAuth that approves by itself ("sdk-oauth").
std::string token_of_a_login(const std::string& url);

}  // namespace quorate
