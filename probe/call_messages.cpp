#include <boost/json/serialize.hpp>

#include "core/base/text.hpp"
#include "probe/call.hpp"
#include "probe/http_request.hpp"
#include "probe/mcp_versions.hpp"
#include "probe/side_answers.hpp"
#include "probe/wire_trace.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr int kMethodNotFound = -32601;
/// Of a server's request: the answer repeats it, and sixteen may wait for their turn.
constexpr std::size_t kIdBytesMax = 1024;

HttpRequestWriter begin(const Attempt& attempt, std::string_view method, const HttpUrl& url) {
    std::string_view user_agent = attempt.parts.options.user_agent;
    for (const auto& [name, value] : attempt.request.headers)
        if (equal_ignoring_case(name, "user-agent")) user_agent = value;
    HttpRequestWriter writer{method, url, user_agent};
    for (const auto& [name, value] : attempt.request.headers)
        if (!equal_ignoring_case(name, "user-agent")) writer.field(name, value);
    // The negotiated version: not before there is one, which is how initialize goes out without.
    if (!attempt.version.empty() && !attempt.message_url)
        writer.field("MCP-Protocol-Version", attempt.version);
    if (!attempt.session_id.empty()) writer.field("Mcp-Session-Id", attempt.session_id);
    return writer;
}

RequestText end(const Attempt& attempt, HttpRequestWriter writer, std::string_view body = {}) {
    return std::move(writer).finish(body, attempt.request.credentials.get());
}

/// The answer to a request that the server made on our stream.
std::string reply_to(const json::object& server_request) {
    json::object reply{{"jsonrpc", "2.0"}, {"id", server_request.at("id")}};
    if (server_request.at("method") == "ping")
        reply["result"] = json::object{};
    else
        reply["error"] = json::object{{"code", -32601}, {"message", "Method not found"}};
    return json::serialize(reply);
}

bool can_be_answered(const json::object& server_request) {
    const auto* id = server_request.at("id").if_string();
    return id == nullptr || id->size() <= kIdBytesMax;
}

/// Whether a server's request is one for what clients may offer and we don't.
bool wants_client_feature(std::string_view method) {
    return method.starts_with("sampling/") || method.starts_with("roots/") ||
           method.starts_with("elicitation/");
}

}  // namespace

RequestText write_post(const Attempt& attempt, const HttpUrl& url, const McpCall& message) {
    auto writer = begin(attempt, "POST", url);
    writer.field("Content-Type", "application/json");
    writer.field("Accept", "application/json, text/event-stream");
    if (!message.method.empty()) writer.field("Mcp-Method", message.method);
    for (const auto& [name, value] : message.fields)
        writer.field(name, value);
    return end(attempt, std::move(writer), message.body);
}

RequestText write_stream_get(const Attempt& attempt, const std::string& last_event_id) {
    auto writer = begin(attempt, "GET", attempt.url);
    writer.field("Accept", "text/event-stream");
    if (!last_event_id.empty()) writer.field("Last-Event-ID", last_event_id);
    return end(attempt, std::move(writer));
}

RequestText write_session_delete(const Attempt& attempt) {
    return end(attempt, begin(attempt, "DELETE", attempt.url));
}

Answer take_answer(Attempt& attempt, ResponseReader& reader) {
    auto& error = attempt.last_rpc_error;
    Answer answer{reader, error};
    error = reader.rpc_error();
    if (auto response = reader.inbox().take_response()) {
        error = error_of(*response);
        auto* result = response->if_contains("result");
        if (result != nullptr && result->is_object())
            answer.result = std::move(result->get_object());
    }
    auto& report = attempt.report;
    report.http_status = answer.head().status;
    report.rpc_code.reset();
    if (error) report.rpc_code = error->code;
    answer.mentions_session = mentions_session(answer.head(), error, reader.error_page());
    if (reader.inbox().saw_batch() && !allows_batches(report.protocol_version))
        report.warnings.add(Warning::unexpected_batch);
    return answer;
}

Result<json::object> result_of(Attempt& attempt, Answer answer, Phase phase) {
    const auto& error = answer.error();
    // A modern server says so by status and code; without the code it is the URL that is wrong.
    const bool unknown_method = attempt.is_modern() && phase != Phase::discover &&
                                answer.head().status == 404 && error &&
                                error->code == kMethodNotFound;
    if (unknown_method) return failure_of_rpc(*error, phase);
    if (answer.head().status != 200) {
        const StatusContext context{phase, attempt.report.credential_sent, false};
        return failure_of_status(answer.head(), error, context);
    }
    if (error) return failure_of_rpc(*error, phase);
    if (!answer.result)
        return Failure{phase, Reason::protocol_invalid_result, "The result is not an object"};
    return *std::move(answer.result);
}

void answer_server_requests(Attempt& attempt, ResponseReader& reader) {
    for (const auto& server_request : reader.inbox().take_server_requests()) {
        const std::string_view method{server_request.at("method").get_string()};
        // All that a client without capabilities may be asked.
        if (attempt.is_modern() || method != "ping")
            attempt.report.warnings.add(Warning::unexpected_server_request);
        attempt.asked_of_client = attempt.asked_of_client || wants_client_feature(method);
        // A modern server must not ask; nobody would wait for the answer.
        if (attempt.is_modern() || attempt.side_answers_given == RpcInbox::kServerRequestsMax)
            break;
        if (!can_be_answered(server_request)) continue;
        ++attempt.side_answers_given;
        McpCall reply;
        reply.body = reply_to(server_request);
        auto request =
            write_post(attempt, attempt.message_url ? *attempt.message_url : attempt.url, reply);
        if (attempt.traced()) WireTrace{attempt}.sent(request.view());
        if (!attempt.side_answers) attempt.side_answers = std::make_unique<SideAnswers>(attempt);
        attempt.side_answers->deliver(std::move(request));
    }
}

}  // namespace quorate
