#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "probe/attempt.hpp"
#include "probe/http_request.hpp"

namespace quorate {

/// One JSON-RPC message to send; or the DELETE of the session.
struct McpCall {
    Phase phase = Phase::http;
    std::string_view method;  ///< also Mcp-Method of the modern era; empty: no such header
    std::string body;
    std::int64_t id = 0;  ///< 0: a notification, no answer is awaited
    std::vector<std::pair<std::string, std::string>> fields;  ///< further headers
    bool idempotent = true;     ///< may be sent again on a fresh connection
    bool recallable = false;    ///< an answer may come as the facts that its text is known for
    bool ends_session = false;  ///< the DELETE, and no message
};

/// The final answer to a call, whatever its status. Refers to what the reader and the attempt hold
/// until the attempt's next exchange, so that a coroutine that awaits it holds little.
class Answer {
public:
    Answer(const ResponseReader& reader, const std::optional<RpcError>& error)
        : reader_{&reader}, error_{&error} {}

    const HttpHead& head() const { return reader_->head(); }
    const std::optional<RpcError>& error() const { return *error_; }
    /// In place of `result`, for a call that is `recallable`.
    const KnownAnswer& known() const { return reader_->inbox().known(); }
    /// Where the facts of `result` may be kept.
    const std::optional<AnswerKey>& memory_key() const { return reader_->inbox().response_key(); }

    std::optional<boost::json::object> result;  ///< with status 200 and no error
    bool mentions_session = false;              ///< an error that talks of sessions

private:
    const ResponseReader* reader_;
    const std::optional<RpcError>* error_;
};

/// Sends a message over the transport that the attempt has chosen and waits for its answer, with
/// redirects (probe page, section 8), resumption of a broken event stream and requests of the
/// server (section 6). The report's http_status, rpc_code and warnings follow.
/// @param message  lives until the task ends
/// @return the answer; or the Failure of connection, HTTP or protocol that left us without one, or
///     `protocol_session_lost` where the answer says so
Task<Result<Answer>> call(Attempt& attempt, const McpCall& message);

/// The result of a call: the answer's, or the failure that its status or JSON-RPC error stands for.
Result<boost::json::object> result_of(Attempt& attempt, Answer answer, Phase phase);

/// Writes the request for `message` to `url`.
RequestText write_post(const Attempt& attempt, const HttpUrl& url, const McpCall& message);
/// Writes a GET for an event stream, resuming behind `last_event_id` where that is not empty.
RequestText write_stream_get(const Attempt& attempt, const std::string& last_event_id);
/// Writes the DELETE of the session.
RequestText write_session_delete(const Attempt& attempt);

bool is_redirect(unsigned status);

/// Points the attempt's URL, or over HTTP+SSE that of its messages, to where a redirect leads:
/// within the origin, and so to the address that passed the guard. Of a POST only 307 and 308 are
/// followed. Anything else is `redirect_refused`.
Result<void> follow_redirect(Attempt& attempt, const HttpHead& head, Phase phase);

/// Takes the answer out of a reader that is satisfied, and tells the report.
Answer take_answer(Attempt& attempt, ResponseReader& reader);

/// Answers what the server asks on a stream: `ping`, and everything else with -32601; nothing to a
/// request whose id is longer than 1 KiB. The answers go out beside what is under way (see
/// SideAnswers); returns at once.
void answer_server_requests(Attempt& attempt, ResponseReader& reader);

}  // namespace quorate
