#include "core/base/text.hpp"
#include "core/manifest/canonical_json.hpp"
#include "probe/classify.hpp"
#include "probe/http_response.hpp"
#include "probe/response_reader.hpp"
#include "probe/www_authenticate.hpp"
#include "tests/fuzz/pieces.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

constexpr std::int64_t kAwaitedId = 1;

std::string text_of(const HttpHead& head) {
    return std::to_string(head.status) + "|" + head.media_type + "|" +
           (head.has_session_id ? "with " : "without ") + head.session_id + "|" + head.location +
           "|" + head.www_authenticate + "|" + head.retry_after + "|" +
           (head.challenged ? "challenged" : "");
}

/// Reads what comes until `feed` or `end` gives something else than `need_more`; call again to go
/// on. What the reader leaves it gets again, with more behind it where there is more.
template <class Step, class Feed, class End>
Step receive(Arrival& arrival, Step need_more, Feed feed, End end) {
    bool may_wait = arrival.here().empty();
    while (true) {
        if (may_wait && !arrival.more()) return end();
        may_wait = true;
        const auto here = arrival.here();
        std::size_t consumed = 0;
        const auto step = feed(here, consumed);
        require(consumed <= here.size(), "more is consumed than there was");
        arrival.take(consumed);
        if (step != need_more) return step;
    }
}

void check_head(const HttpHead& head) {
    require(head.status == 101 || head.status >= 200, "an interim response is taken for the final");
    require(head.status <= 999, "a status has more than three digits");
    for (const auto* text : {&head.media_type,
                             &head.session_id,
                             &head.location,
                             &head.www_authenticate,
                             &head.retry_after})
        require(text->find_first_of(std::string_view{"\r\n\0", 3}) == std::string::npos,
                "a field's value holds a line end or a NUL");
    require(to_lower(head.media_type) == head.media_type, "a media type is not in lower case");
    require(head.media_type.find(';') == std::string::npos, "a media type has parameters");
    require(head.has_session_id || head.session_id.empty(), "a session id came from nowhere");
}

/// What the parser makes of the input, in words; the same for every split.
std::string parsed(std::string_view input, Split split) {
    std::string body;
    HttpResponseParser parser{[&](std::string_view piece) {
        body.append(piece);
        return true;
    }};
    Arrival arrival{input, split};
    bool by_end = false;
    const auto step = receive(
        arrival,
        HttpStep::need_more,
        [&](std::string_view bytes, std::size_t& consumed) { return parser.feed(bytes, consumed); },
        [&] {
            by_end = true;
            return parser.end_of_stream();
        });
    require(body.size() <= input.size(), "more body comes out than went in");
    switch (step) {
        case HttpStep::need_more:
            throw InvariantBroken{"the end of the stream is not the end"};
        case HttpStep::malformed:
            return "malformed";
        case HttpStep::too_large:
            return "too large";
        case HttpStep::truncated:
            return "truncated: " + body;
        case HttpStep::closed:
            return "closed";
        case HttpStep::done:
            break;
    }
    require(parser.head_done(), "a message is done before its head is");
    check_head(parser.head());
    require(!by_end || !parser.keep_alive(), "a connection that ended can be kept");
    return text_of(parser.head()) + "|" + (parser.keep_alive() ? "kept|" : "closed|") +
           std::to_string(arrival.taken()) + "|" + body;
}

void check_status(ResponseReader& reader) {
    const auto& head = reader.head();
    const auto rpc = reader.rpc_error();
    require(!rpc || head.status < 200 || head.status >= 300, "a success carries an error's body");
    for (const auto phase :
         {Phase::discover, Phase::initialize, Phase::tools_list, Phase::tools_call}) {
        for (const bool credential : {false, true}) {
            const StatusContext context{phase, credential, false};
            const auto failure = failure_of_status(head, rpc, context);
            require(failure.phase == phase, "a status changes the phase");
            require(failure.detail.find_first_of("\r\n\x1b") == std::string::npos,
                    "a peer's control characters reach a report");
            if (head.status == 401)
                require(
                    failure.reason == (credential ? Reason::auth_failed : Reason::auth_required),
                    "401 is no wall");
            if (head.status == 429 && !head.challenged)
                require(failure.reason == Reason::rate_limited, "429 is no rate limit");
            if (head.status >= 500 && !head.challenged)
                require(failure.reason == Reason::http_server_error ||
                            failure.reason == Reason::http_bad_gateway ||
                            failure.reason == Reason::http_unavailable ||
                            failure.reason == Reason::http_gateway_timeout,
                        "5xx is not a failure of the server");
        }
    }
    const bool lost = says_session_lost(head, mentions_session(head, rpc, reader.error_page()));
    require(!lost || head.status == 404 || head.status == 400,
            "a session is lost by another status than 404 and 400");
    parse_challenges(head.www_authenticate);
    retry_after_s(head.retry_after, UtcTime{});
}

/// Reads until the reader has what it wants or never will; requests of the server are only counted.
ReadStep receive(ResponseReader& reader, Arrival& arrival) {
    std::size_t asked = 0;
    while (true) {
        const auto step = receive(
            arrival,
            ReadStep::need_more,
            [&](std::string_view bytes, std::size_t& consumed) {
                return reader.feed(bytes, consumed);
            },
            [&] { return reader.end_of_stream(); });
        if (step != ReadStep::attention) {
            require(step != ReadStep::need_more, "the end of the stream is not the end");
            return step;
        }
        const auto requests = reader.inbox().take_server_requests().size();
        require(requests > 0, "attention is asked for nothing");
        asked += requests;
        require(asked <= RpcInbox::kServerRequestsMax, "more than 16 requests are kept");
    }
}

/// Whether the connection can carry another exchange once the rest of the response is read.
std::string drained(ResponseReader& reader, Arrival& arrival) {
    if (!reader.message_done()) {
        reader.want(Wanted::whole_message, Phase::http);
        receive(reader, arrival);
    }
    return reader.reusable() ? "|reusable" : "|used up";
}

/// What the reader makes of the input, in words; the same for every split.
std::string read(std::string_view input, Split split, Wanted wanted) {
    ResponseReader reader{wanted, Phase::tools_list, kAwaitedId};
    Arrival arrival{input, split, static_cast<unsigned>(wanted)};
    const auto step = receive(reader, arrival);
    if (step == ReadStep::failed) {
        require(reader.failure().has_value(), "a failure has no reason");
        require(reader.failure()->phase == Phase::tools_list, "a failure has another phase");
        return "failed: " + std::string{name_of(reader.failure()->reason)};
    }
    require(reader.head_done(), "satisfied before the head is in");
    check_head(reader.head());
    require(!reader.reusable() || reader.message_done(), "an unfinished connection is reusable");
    auto text = text_of(reader.head());
    if (wanted == Wanted::first_event && reader.first_event())
        text += "|" + reader.first_event()->type + "|" + reader.first_event()->data;
    if (wanted == Wanted::rpc_response) {
        const auto& response = reader.inbox().response();
        require(response || reader.head().status != 200, "satisfied without an answer");
        if (response) text += "|" + canonical_json(*response);
    }
    if (wanted == Wanted::rpc_response || wanted == Wanted::whole_message) {
        if (split == Split::at_once) check_status(reader);
        if (const auto error = reader.rpc_error())
            text += "|" + std::to_string(error->code) + error->message;
    }
    return text + drained(reader, arrival);
}

}  // namespace

void fuzz_http(std::string_view input) {
    const auto whole = parsed(input, Split::at_once);
    for (const auto split : {Split::byte_by_byte, Split::by_its_bytes}) {
        const auto in_pieces = parsed(input, split);
        require(in_pieces == whole,
                "the response depends on how its bytes are split: " + whole + " / " + in_pieces);
    }
    // Everywhere byte by byte too would be most of the time; the pieces are bytes often enough.
    for (const auto wanted : {Wanted::head,
                              Wanted::acceptance,
                              Wanted::whole_message,
                              Wanted::rpc_response,
                              Wanted::first_event}) {
        const auto at_once = read(input, Split::at_once, wanted);
        const auto in_pieces = read(input, Split::by_its_bytes, wanted);
        require(in_pieces == at_once,
                "the outcome depends on how the bytes are split: " + at_once + " / " + in_pieces);
    }
}

}  // namespace quorate::fuzz
