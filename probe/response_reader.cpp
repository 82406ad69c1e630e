#include "probe/response_reader.hpp"

#include <utility>

#include "core/base/text.hpp"

namespace quorate {
namespace {

/// As much of an error page as is looked at.
constexpr std::size_t kErrorBodyBytesMax = 64U << 10U;

bool is_message(const SseEvent& event) {
    return (event.type.empty() || event.type == "message") && !event.data.empty();
}

}  // namespace

ResponseReader::ResponseReader(Wanted wanted,
                               Phase phase,
                               std::int64_t awaited_id,
                               AnswerRecall recall)
    : wanted_{wanted},
      phase_{phase},
      parser_{[this](std::string_view piece) { return on_body(piece); }},
      inbox_{awaited_id, recall} {}

void ResponseReader::want(Wanted wanted, Phase phase, std::int64_t awaited_id) {
    wanted_ = wanted;
    phase_ = phase;
    inbox_ = RpcInbox{awaited_id};
    first_event_.reset();
    failure_.reset();
}

const SseParser& ResponseReader::sse() const {
    static const SseParser kUnused;
    return sse_ ? *sse_ : kUnused;
}

bool ResponseReader::is_event_stream() const {
    return succeeded() && head().media_type == "text/event-stream";
}

bool ResponseReader::on_body(std::string_view piece) {
    if (is_event_stream()) {
        if (!sse_) sse_ = std::make_unique<SseParser>();
        const bool within_limits = sse_->feed(piece, events_);
        for (auto& event : events_) {
            if (failure_) break;  // had they come in another read, nobody would have seen the rest
            if (is_message(event) && !inbox_.take(event.data))
                fail_unread("An event of the stream");
            if (wanted_ == Wanted::first_event && !first_event_)
                first_event_ = std::make_unique<SseEvent>(std::move(event));
        }
        events_.clear();
        return within_limits;
    }
    // Of an error page only the beginning is looked at; the parser bounds both.
    if (!succeeded()) piece = piece.substr(0, kErrorBodyBytesMax - body_.size());
    if (succeeded() && body_.size() + piece.size() > body_bytes_max_) return false;
    body_.append(piece);
    return true;
}

ReadStep ResponseReader::feed(std::string_view bytes, std::size_t& consumed) {
    began_ = began_ || !bytes.empty();
    if (spent_) {
        consumed = bytes.size();
        return ReadStep::satisfied;
    }
    if (message_done_) {
        consumed = 0;
        return on_message_end();
    }
    switch (parser_.feed(bytes, consumed)) {
        case HttpStep::need_more:
            return look();
        case HttpStep::done:
            message_done_ = true;
            return on_message_end();
        case HttpStep::too_large:
            return fail_behind(Reason::response_too_large, "The response passes the size limits");
        case HttpStep::malformed:
        case HttpStep::truncated:
        case HttpStep::closed:
            break;
    }
    return fail_behind(Reason::http_malformed, "The answer is not HTTP/1.1 within the limits");
}

/// For what is wrong behind bytes that were taken in the same read: they may have decided already.
ReadStep ResponseReader::fail_behind(Reason reason, std::string detail) {
    const auto seen = look();
    if (seen == ReadStep::satisfied || seen == ReadStep::failed) return seen;
    return fail(reason, std::move(detail));
}

ReadStep ResponseReader::end_of_stream() {
    switch (parser_.end_of_stream()) {
        case HttpStep::done:
            message_done_ = true;
            return on_message_end();
        case HttpStep::closed:
            return fail(Reason::connection_closed,
                        "The server closed the connection before a complete response head");
        case HttpStep::need_more:
        case HttpStep::malformed:
        case HttpStep::too_large:
        case HttpStep::truncated:
            break;
    }
    if (inbox_.has_response()) return ReadStep::satisfied;
    return fail(Reason::response_truncated, "The response ended in the middle of its body");
}

/// Whether what is wanted has come, whatever comes behind it.
bool ResponseReader::has_what_is_wanted() const {
    switch (wanted_) {
        case Wanted::head:
            return true;
        case Wanted::acceptance:
            return succeeded();
        case Wanted::whole_message:
            return false;
        case Wanted::first_event:
            return first_event_ != nullptr;
        case Wanted::rpc_response:
            return is_event_stream() && inbox_.has_response();
    }
    return false;
}

/// What the bytes up to here decide, although the message goes on.
ReadStep ResponseReader::look() {
    if (!head_done()) return ReadStep::need_more;
    if (has_what_is_wanted()) return ReadStep::satisfied;
    if (wanted_ == Wanted::whole_message) return ReadStep::need_more;  // whatever it says
    if (failure_) return ReadStep::failed;
    if (wanted_ == Wanted::acceptance) return ReadStep::need_more;
    const auto& type = head().media_type;
    const bool readable = type == "text/event-stream" ||
                          (type == "application/json" && wanted_ == Wanted::rpc_response);
    if (head().status == 200 && !readable)
        return fail(Reason::http_unexpected_content_type,
                    "HTTP 200 with a content type that is neither JSON nor an event stream");
    return inbox_.has_server_requests() ? ReadStep::attention : ReadStep::need_more;
}

ReadStep ResponseReader::on_message_end() {
    const auto seen = look();
    if (seen == ReadStep::satisfied || seen == ReadStep::failed) return seen;
    // Any status but 200 is the caller's to judge; its body is kept for that.
    if (head().status != 200 || wanted_ == Wanted::acceptance || wanted_ == Wanted::whole_message)
        return ReadStep::satisfied;
    if (wanted_ == Wanted::rpc_response && !is_event_stream()) {
        if (!body_.empty() && !inbox_.take(body_)) return fail_unread("The body");
        body_.clear();
        if (inbox_.has_response()) return ReadStep::satisfied;
    }
    failure_ = nothing_came(Reason::protocol_no_response,
                            "The response ended without an answer to our request");
    return ReadStep::failed;
}

Failure ResponseReader::nothing_came(Reason otherwise, std::string_view detail) const {
    if (inbox_.saw_other_id())
        return {phase_, Reason::protocol_id_mismatch, "Answers came only for other request ids"};
    if (inbox_.saw_invalid())
        return {phase_, Reason::protocol_invalid_message, "What came is JSON but not JSON-RPC 2.0"};
    return {phase_, otherwise, std::string{detail}};
}

ReadStep ResponseReader::fail(Reason reason, std::string detail) {
    // Whatever is wrong with the body of an error page, the page's status says more.
    if (status_decides()) {
        spent_ = true;
        return ReadStep::satisfied;
    }
    failure_ = Failure{phase_, reason, std::move(detail)};
    return ReadStep::failed;
}

ReadStep ResponseReader::fail_unread(const std::string& what) {
    if (inbox_.saw_too_deep())
        return fail(Reason::response_too_large, what + " is nested more than 128 levels deep");
    if (inbox_.saw_too_many())
        return fail(Reason::response_too_large, what + " has more than 1000000 JSON values");
    const auto& encoding = head().content_encoding;
    const bool encoded = !encoding.empty() && encoding != "identity";
    return fail(Reason::protocol_invalid_json,
                what + " is not JSON" +
                    (encoded ? ": it is encoded as " + safe_text(encoding, 40) +
                                   ", although we ask for identity"
                             : ""));
}

std::optional<RpcError> ResponseReader::rpc_error() const {
    if (succeeded() || body_.empty()) return std::nullopt;
    const auto value = parse_json(body_);
    return value ? error_of(*value) : std::nullopt;
}

}  // namespace quorate
