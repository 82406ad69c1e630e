#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "probe/request.hpp"
#include "tests/integration/probe/certificates.hpp"
#include "tests/integration/probe/raw_server.hpp"
#include "tests/integration/probe/reason_row.hpp"

namespace quorate {

/// Changes a request before it is made.
using Tweak = std::function<void(ProbeRequest&)>;

/// What the rows of the reason table share: the engine, the authority, and the real servers, which
/// start when the first row wants them.
class ReasonBench {
public:
    ReasonBench();
    ReasonBench(const ReasonBench&) = delete;
    ReasonBench& operator=(const ReasonBench&) = delete;
    ~ReasonBench();

    /// One attempt without a retry, with the time that a busy machine may need.
    Outcome probe(const std::string& url, const Tweak& tweak = {});
    /// One at a server that does `serve` with each connection.
    Outcome probe_raw(RawServer::Serve serve, const Tweak& tweak = {});
    /// One at a sound legacy server that says `say` to one JSON-RPC method, or to GET or DELETE.
    Outcome probe_legacy(const std::string& method, McpScript::Say say, const Tweak& tweak = {});
    /// One at a sound modern server that says `say` to one JSON-RPC method.
    Outcome probe_modern(const std::string& method, McpScript::Say say, const Tweak& tweak = {});
    /// One at `script`.
    Outcome probe_script(McpScript& script, const Tweak& tweak = {});
    /// One at a sound server with such a certificate of `authority`.
    Outcome probe_tls(const CertificatePlan& plan, const Tweak& tweak = {});
    /// One at an endpoint (`legacy`, `modern`, `tls`) of the lab in such a state, which then is
    /// over.
    Outcome probe_lab(const char* endpoint, const std::string& state, const Tweak& tweak = {});
    /// What an endpoint of the lab lists while nothing is wrong with it.
    std::vector<boost::json::object> tools_of_lab(const char* endpoint);
    /// One at server-everything over Streamable HTTP.
    Outcome probe_everything(const Tweak& tweak = {});
    /// One at server-everything over HTTP+SSE.
    Outcome probe_everything_sse(const Tweak& tweak = {});

    /// One at the OAuth example of SDK v1, whose metadata name `localhost`, asked by that name or
    /// by its address.
    Outcome probe_oauth(bool by_address, const Tweak& tweak = {});

    /// One at `url`, cancelled after that time.
    Outcome probe_cancelled_after(const std::string& url, milliseconds delay);

    const TestAuthority& authority() const;

private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

/// Has the tools compared with these.
Tweak against(Era era, std::vector<boost::json::object> tools);
/// Makes `script` a sound server of 2026-07-28 alone.
void speak_modern(McpScript& script);
/// An answer with that status and an empty body; `fields` are whole lines.
McpScript::Say status(int status, std::string fields = {});
/// An answer with status 200 and that body.
McpScript::Say says(std::string type, std::string body);
/// The bytes as they are.
McpScript::Say verbatim(std::string bytes);
/// A JSON-RPC result or error with the request's id.
McpScript::Say result(std::string json);
McpScript::Say error(int status, int code, std::string message = "no");

/// What a sound DiscoverResult and ListToolsResult of 2026-07-28 say.
extern const std::string_view kDiscoverResult;
extern const std::string_view kModernToolsResult;

}  // namespace quorate
