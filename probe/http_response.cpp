#include "probe/http_response.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "core/base/text.hpp"

namespace quorate {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

/// `0`, CRLF, and no trailer: no shorter rest of a chunked message is whole.
constexpr std::size_t kLastChunkBytes = 5;

/// Behind `HTTP/1.1 200`.
constexpr std::size_t kStatusEnd = 12;

/// Hands a whole head to Beast, which wants a space behind the status also where no reason phrase
/// follows, as RFC 9112 (section 4) does; clients do without (llhttp, curl).
std::size_t put_head(http::basic_parser<false>& parser, std::string_view rest, error_code& error) {
    const bool lacks_space = rest.size() > kStatusEnd + 2 && rest.substr(kStatusEnd, 2) == "\r\n";
    if (!lacks_space) return parser.put({rest.data(), rest.size()}, error);
    std::string head{rest.substr(0, rest.find("\r\n\r\n") + 4)};
    head.insert(kStatusEnd, 1, ' ');
    const auto taken = parser.put({head.data(), head.size()}, error);
    return taken > kStatusEnd ? taken - 1 : taken;
}

/// Fields by which a bot wall says that this answer is its own, and wants a browser: those of
/// Cloudflare, AWS WAF and Vercel. That a wall stands there at all is no such sign.
struct ChallengeMark {
    std::string_view name;
    std::string_view value;
};
constexpr std::array kChallengeMarks{ChallengeMark{"cf-mitigated", "challenge"},
                                     ChallengeMark{"x-amzn-waf-action", "challenge"},
                                     ChallengeMark{"x-amzn-waf-action", "captcha"},
                                     ChallengeMark{"x-vercel-mitigated", "challenge"}};

bool is_challenge(std::string_view name, std::string_view value) {
    return std::any_of(kChallengeMarks.begin(), kChallengeMarks.end(), [&](const auto& mark) {
        return equal_ignoring_case(name, mark.name) && equal_ignoring_case(value, mark.value);
    });
}

std::string media_type_of(std::string_view value) {
    value = value.substr(0, value.find(';'));
    const auto begin = value.find_first_not_of(" \t");
    if (begin == value.npos) return {};
    return to_lower(value.substr(begin, value.find_last_not_of(" \t") + 1 - begin));
}

}  // namespace

/// Beast's state machine without its containers: fields go straight into HttpHead.
class HttpResponseParser::Parser final : public http::basic_parser<false> {
public:
    explicit Parser(BodySink* sink) : sink_{sink} {
        header_limit(kHeadBytesMax);
        body_limit(boost::none);  // Beast would then not tell the head of a body that is too long
    }

    const HttpHead& head() const { return head_; }
    void redirect(BodySink* sink) { sink_ = sink; }
    /// Whether what comes next is a chunk's size, or what follows the last one.
    bool between_chunks() const {
        return is_header_done() && chunked() && !is_done() && chunk_bytes_left_ == 0;
    }

private:
    using Length = boost::optional<std::uint64_t>;

    void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}
    void on_response_impl(int code, string_view, int, error_code& error) override {
        error = {};
        if (code < 100) error = http::error::bad_status;  // neither interim nor final
        head_.status = static_cast<std::uint16_t>(code);
    }
    void on_field_impl(http::field name,
                       string_view name_text,
                       string_view value,
                       error_code& error) override {
        error = {};
        // A trailer changes nothing: whoever waited for the head alone has read it already.
        if (is_header_done()) return;
        const std::string_view text{value.data(), value.size()};
        if (name == http::field::content_type) {
            head_.media_type = media_type_of(text);
        } else if (name == http::field::content_encoding) {
            head_.content_encoding = to_lower(text);
        } else if (name == http::field::location) {
            head_.location = text;
        } else if (name == http::field::www_authenticate) {
            if (!head_.www_authenticate.empty()) head_.www_authenticate += ", ";
            head_.www_authenticate += text;
        } else if (name == http::field::retry_after) {
            head_.retry_after = text;
        } else if (name == http::field::unknown) {
            const std::string_view unknown{name_text.data(), name_text.size()};
            if (equal_ignoring_case(unknown, "mcp-session-id")) {
                head_.session_id = text;
                head_.has_session_id = true;
            } else if (is_challenge(unknown, text)) {
                head_.challenged = true;
            }
        }
    }
    void on_header_impl(error_code& error) override { error = {}; }
    void on_body_init_impl(const Length&, error_code& error) override { error = {}; }
    std::size_t on_body_impl(string_view body, error_code& error) override {
        return pass(body, error);
    }
    void on_chunk_header_impl(std::uint64_t size, string_view, error_code& error) override {
        error = {};
        chunk_bytes_left_ = size;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& error) override {
        chunk_bytes_left_ -= body.size();
        return pass(body, error);
    }
    void on_finish_impl(error_code& error) override { error = {}; }

    std::size_t pass(string_view body, error_code& error) {
        error = {};
        body_bytes_ += body.size();
        if (body_bytes_ > kBodyBytesMax || !(*sink_)(std::string_view{body.data(), body.size()}))
            error = http::error::body_limit;
        return body.size();
    }

    BodySink* sink_;
    HttpHead head_;
    std::uint64_t body_bytes_ = 0;
    std::uint64_t chunk_bytes_left_ = 0;
};

HttpResponseParser::HttpResponseParser(BodySink sink)
    : parser_{std::make_unique<Parser>(nullptr)}, sink_{std::move(sink)} {}
HttpResponseParser::HttpResponseParser(HttpResponseParser&&) noexcept = default;
HttpResponseParser& HttpResponseParser::operator=(HttpResponseParser&&) noexcept = default;
HttpResponseParser::~HttpResponseParser() = default;

HttpStep HttpResponseParser::feed(std::string_view bytes, std::size_t& consumed) {
    consumed = 0;
    if (step_ != HttpStep::need_more) return step_;
    step_ = parse(bytes, consumed);
    message_bytes_ += consumed;
    if (step_ != HttpStep::need_more) return step_;
    if (bytes.size() - consumed > kHeadBytesMax) {
        // Beast would wait for the end of a chunk's extensions for ever.
        step_ = HttpStep::malformed;
    } else if (message_bytes_ > kMessageBytesMax) {
        step_ = HttpStep::too_large;
    }
    return step_;
}

/// Whether a whole head stands in front of `rest`. Beast gets it only then: what it says about a
/// part of a head depends on where the part ends. What can't become a head is malformed at once, so
/// that nobody waits for the rest of it.
HttpStep HttpResponseParser::scan_head(std::string_view rest) {
    static constexpr std::string_view kBegin = "HTTP/1.";
    const auto begun = std::min(rest.size(), kBegin.size());
    if (rest.substr(0, begun) != kBegin.substr(0, begun)) return HttpStep::malformed;
    while (true) {
        const auto line_end = rest.find('\n', head_scanned_);
        if (line_end == rest.npos) break;
        if (rest[line_end - 1] != '\r') return HttpStep::malformed;
        if (rest[line_end - 2] == '\n') return HttpStep::done;
        head_scanned_ = line_end + 1;
    }
    head_scanned_ = rest.size();
    return head_bytes_ + rest.size() > kHeadBytesMax ? HttpStep::malformed : HttpStep::need_more;
}

HttpStep HttpResponseParser::parse(std::string_view bytes, std::size_t& consumed) {
    parser_->redirect(&sink_);
    while (true) {
        error_code error;
        const boost::asio::const_buffer rest{bytes.data() + consumed, bytes.size() - consumed};
        // Not eager: it stops behind the head, so that the head's bytes can be counted. Beast's own
        // limit is for what it holds at once, which is little where fields come one by one.
        const bool in_head = !parser_->is_header_done();
        if (in_head) {
            const auto scanned = scan_head(bytes.substr(consumed));
            if (scanned != HttpStep::done) return scanned;
        }
        // Beast 1.81 asserts that a last chunk it has seen once comes again with five bytes; where
        // it is the first one too, fewer may have come.
        const bool may_be_last = parser_->between_chunks() && bytes.substr(consumed, 1) == "0";
        if (may_be_last && rest.size() < kLastChunkBytes) return HttpStep::need_more;
        std::size_t taken = 0;
        if (in_head)
            taken = put_head(*parser_, bytes.substr(consumed), error);
        else if (rest.size() != 0)
            taken = parser_->put(rest, error);
        consumed += taken;
        if (in_head) head_bytes_ += taken;
        // What is left of a field whose end has not come counts too: Beast takes it only then.
        const auto held = parser_->is_header_done() ? 0 : bytes.size() - consumed;
        if (head_bytes_ + held > kHeadBytesMax) return HttpStep::malformed;
        if (error == http::error::need_more) return HttpStep::need_more;
        if (error == http::error::body_limit) return HttpStep::too_large;
        if (error) return HttpStep::malformed;
        if (parser_->is_done()) {
            // 101 is final: nobody asked for an upgrade.
            const auto status = parser_->head().status;
            if (status >= 200 || status == 101) return HttpStep::done;
            parser_ = std::make_unique<Parser>(&sink_);
            head_scanned_ = 0;
            continue;
        }
        const auto length = parser_->is_header_done() ? parser_->content_length() : boost::none;
        if (length && *length > kBodyBytesMax) return HttpStep::too_large;
        if (consumed == bytes.size()) return HttpStep::need_more;
        if (taken == 0) return HttpStep::malformed;
    }
}

HttpStep HttpResponseParser::end_of_stream() {
    if (step_ != HttpStep::need_more) return step_;
    if (!parser_->is_header_done()) return step_ = HttpStep::closed;
    parser_->redirect(&sink_);
    error_code error;
    parser_->put_eof(error);
    return step_ = error ? HttpStep::truncated : HttpStep::done;
}

bool HttpResponseParser::head_done() const {
    return parser_->is_header_done() &&
           (parser_->head().status >= 200 || parser_->head().status == 101);
}

const HttpHead& HttpResponseParser::head() const {
    return parser_->head();
}

bool HttpResponseParser::keep_alive() const {
    return parser_->is_done() && parser_->keep_alive();
}

}  // namespace quorate
