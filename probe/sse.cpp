#include "probe/sse.hpp"

#include <charconv>

namespace quorate {

bool SseParser::feed(std::string_view bytes, std::vector<SseEvent>& events) {
    stream_bytes_ += bytes.size();
    if (stream_bytes_ > kStreamBytesMax) return false;
    while (!bytes.empty()) {
        // A CRLF may be split over two reads: the CR has ended the line already.
        if (after_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
        after_cr_ = false;
        const auto end = bytes.find_first_of("\r\n");
        const auto part = bytes.substr(0, end);
        if (line_.size() + part.size() > kLineBytesMax ||
            event_.data.size() + line_.size() + part.size() > kEventBytesMax)
            return false;
        if (end == std::string_view::npos) {
            line_.append(part);
            return true;
        }
        after_cr_ = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
        if (line_.empty()) {
            on_line(part, events);
        } else {
            line_.append(part);
            on_line(line_, events);
            line_.clear();
        }
    }
    return true;
}

void SseParser::on_line(std::string_view line, std::vector<SseEvent>& events) {
    static constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (first_line_ && line.substr(0, kByteOrderMark.size()) == kByteOrderMark)
        line.remove_prefix(kByteOrderMark.size());
    first_line_ = false;
    if (line.empty()) {
        last_event_id_ = id_;
        if (!event_.data.empty()) {
            event_.data.pop_back();  // the LF behind the last line of data
            events.push_back(std::move(event_));
        }
        event_ = {};
        return;
    }
    const auto colon = line.find(':');
    if (colon == 0) return;  // a comment
    if (colon == std::string_view::npos) return on_field(line, {});
    auto value = line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    on_field(line.substr(0, colon), value);
}

void SseParser::on_field(std::string_view name, std::string_view value) {
    if (name == "data") {
        event_.data.append(value).push_back('\n');
    } else if (name == "event") {
        event_.type = value;
    } else if (name == "id") {
        if (value.find('\0') == std::string_view::npos) id_ = value;
    } else if (name == "retry") {
        std::uint32_t milliseconds = 0;
        const auto* end = value.data() + value.size();
        const auto [rest, error] = std::from_chars(value.data(), end, milliseconds);
        if (error == std::errc{} && rest == end) retry_ms_ = milliseconds;
    }
}

}  // namespace quorate
