#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/failure.hpp"
#include "probe/http_response.hpp"
#include "probe/jsonrpc.hpp"
#include "probe/sse.hpp"

namespace quorate {

/// What an exchange waits for.
enum class Wanted : std::uint8_t {
    head,           ///< status and fields
    acceptance,     ///< the whole response; of a 2xx, whose body says nothing, only the head
    whole_message,  ///< the whole response, an event stream too
    rpc_response,   ///< the JSON-RPC response with our id, as JSON or out of an event stream
    first_event,    ///< of an event stream
};

enum class ReadStep : std::uint8_t {
    need_more,
    attention,  ///< requests of the server are to be answered; then go on
    satisfied,
    failed,  ///< see failure()
};

/// Reads one HTTP response for one MCP exchange: head, then JSON or event stream, then messages.
/// Sans I/O. Stays where it was made, since its parser calls back into it.
class ResponseReader {
public:
    ResponseReader(Wanted wanted,
                   Phase phase,
                   std::int64_t awaited_id = 0,
                   AnswerRecall recall = {});
    ResponseReader(const ResponseReader&) = delete;
    ResponseReader& operator=(const ResponseReader&) = delete;

    ReadStep feed(std::string_view bytes, std::size_t& consumed);
    ReadStep end_of_stream();

    /// Goes on with the same response, for something else: the next answer on an open event stream.
    void want(Wanted wanted, Phase phase, std::int64_t awaited_id = 0);

    bool head_done() const { return parser_.head_done(); }
    const HttpHead& head() const { return parser_.head(); }
    /// Whether the status is known and not 2xx: then it decides, also where its body is cut short,
    /// too long or late.
    bool status_decides() const { return head_done() && !succeeded(); }
    /// Whether any byte of the response came.
    bool began() const { return began_; }
    /// Whether the message is complete and the connection can carry another exchange.
    bool reusable() const { return message_done_ && parser_.keep_alive(); }
    bool message_done() const { return message_done_; }
    bool is_event_stream() const;

    const std::optional<Failure>& failure() const { return failure_; }
    RpcInbox& inbox() { return inbox_; }
    const RpcInbox& inbox() const { return inbox_; }
    /// Of an event stream; one that has read nothing otherwise.
    const SseParser& sse() const;
    /// Of an event stream, where it is what is wanted.
    const std::unique_ptr<SseEvent>& first_event() const { return first_event_; }
    /// The JSON-RPC error in the body of a response that is not 2xx.
    std::optional<RpcError> rpc_error() const;
    /// The beginning of the body of a response that is not 2xx.
    std::string_view error_page() const { return succeeded() ? std::string_view{} : body_; }
    /// The body of a 2xx response that is neither read as messages nor an event stream.
    std::string_view body() const { return body_; }
    /// At most so many bytes of a 2xx body are taken: more is `response_too_large`.
    void limit_body(std::size_t bytes_max) { body_bytes_max_ = bytes_max; }
    /// The failure for a response that ended, or ran out of time, without what was wanted.
    Failure nothing_came(Reason otherwise, std::string_view detail) const;

private:
    bool on_body(std::string_view piece);
    ReadStep look();
    ReadStep on_message_end();
    bool has_what_is_wanted() const;
    ReadStep fail(Reason reason, std::string detail);
    ReadStep fail_behind(Reason reason, std::string detail);
    /// For JSON that the inbox did not take.
    ReadStep fail_unread(const std::string& what);
    bool succeeded() const { return head().status >= 200 && head().status < 300; }

    Wanted wanted_;
    Phase phase_;
    HttpResponseParser parser_;
    RpcInbox inbox_;
    std::unique_ptr<SseParser> sse_;  ///< made with the first byte of a stream
    std::vector<SseEvent> events_;
    std::unique_ptr<SseEvent> first_event_;
    std::string body_;
    std::size_t body_bytes_max_ = HttpResponseParser::kBodyBytesMax;
    std::optional<Failure> failure_;
    bool began_ = false;
    bool message_done_ = false;
    bool spent_ = false;  ///< the parser failed behind the head, and the status decided
};

}  // namespace quorate
