#include "probe/wire_trace.hpp"

#include <algorithm>
#include <array>

#include "core/base/text.hpp"
#include "probe/attempt.hpp"

namespace quorate {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

/// Fields that say how to read the message, and never who sends it.
constexpr std::array<std::string_view, 10> kShown{"accept",
                                                  "accept-encoding",
                                                  "connection",
                                                  "content-length",
                                                  "content-type",
                                                  "host",
                                                  "mcp-method",
                                                  "mcp-protocol-version",
                                                  "retry-after",
                                                  "transfer-encoding"};

bool is_shown(std::string_view name) {
    return std::any_of(kShown.begin(), kShown.end(), [&](std::string_view shown) {
        return equal_ignoring_case(shown, name);
    });
}

std::string shown_field(std::string_view line) {
    const auto colon = std::min(line.find(':'), line.size());
    const auto name = line.substr(0, colon);
    return is_shown(name) ? std::string{line} : std::string{name} + ": ***";
}

/// The next line of `text`, without its end, which is taken off.
std::string_view next_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

}  // namespace

std::string without_query(std::string_view line) {
    const auto query = line.find('?');
    if (query == line.npos) return std::string{line};
    const auto end = std::min(line.find(' ', query), line.size());
    return std::string{line.substr(0, query)} + "?***" + std::string{line.substr(end)};
}

WireTrace::WireTrace(const Attempt& attempt) : attempt_{attempt}, parser_{new_parser()} {}

HttpResponseParser WireTrace::new_parser() {
    return HttpResponseParser{[this](std::string_view piece) {
        body_.append(piece);
        return true;
    }};
}

void WireTrace::sent(std::string_view request) {
    flush();
    const auto end = std::min(request.find(kHeadEnd), request.size());
    say_head('>', request.substr(0, end));
    request.remove_prefix(std::min(end + kHeadEnd.size(), request.size()));
    say_body('>', request);
    parser_ = new_parser();
    pending_.clear();
    head_.clear();
    body_.clear();
    head_said_ = false;
}

void WireTrace::received(std::string_view bytes) {
    if (!parser_.head_done()) head_.append(bytes);
    pending_.append(bytes);
    std::size_t consumed = 0;
    parser_.feed(pending_, consumed);
    pending_.erase(0, consumed);
}

void WireTrace::flush() {
    if (!head_said_ && !head_.empty()) {
        const auto head = std::exchange(head_, {});
        say_head('<', std::string_view{head}.substr(0, head.find(kHeadEnd)));
        head_said_ = parser_.head_done();
    }
    const auto body = std::exchange(body_, {});
    say_body('<', body);
}

void WireTrace::say_head(char direction, std::string_view head) {
    say(direction, without_query(next_line(head)));
    while (!head.empty())
        say(direction, shown_field(next_line(head)));
}

void WireTrace::say_body(char direction, std::string_view body) {
    if (body.empty()) return;
    // As a whole: a secret may hold a line's end.
    const auto masked = attempt_.mask.masked(std::string{body});
    std::string_view rest = masked;
    while (!rest.empty()) {
        const auto line = next_line(rest);
        if (!line.empty()) say(direction, line);  // between events there are empty ones
    }
}

void WireTrace::say(char direction, std::string_view text) {
    constexpr std::size_t kNothingIsCut = 8;
    attempt_.trace(std::string{direction} + ' ' + safe_text(text, text.size() + kNothingIsCut));
}

}  // namespace quorate
