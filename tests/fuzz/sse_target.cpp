#include <algorithm>
#include <charconv>
#include <optional>

#include "probe/sse.hpp"
#include "tests/fuzz/pieces.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

struct Outcome {
    std::vector<SseEvent> events;
    std::string last_event_id;
    std::optional<std::uint32_t> retry_ms;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome parse(std::string_view input, Split split) {
    SseParser parser;
    Outcome outcome;
    Arrival arrival{input, split};
    while (arrival.more()) {
        const auto piece = arrival.here();
        require(parser.feed(piece, outcome.events), "a stream below every limit is refused");
        arrival.take(piece.size());
    }
    outcome.last_event_id = parser.last_event_id();
    outcome.retry_ms = parser.retry_ms();
    return outcome;
}

/// The lines that a line end closes; what stands behind the last one is no line yet.
std::vector<std::string> lines_of(std::string_view input) {
    if (input.substr(0, 3) == "\xEF\xBB\xBF") input.remove_prefix(3);
    std::vector<std::string> lines;
    std::string line;
    for (std::size_t at = 0; at < input.size(); ++at) {
        if (input[at] != '\r' && input[at] != '\n') {
            line.push_back(input[at]);
            continue;
        }
        if (input[at] == '\r' && at + 1 < input.size() && input[at + 1] == '\n') ++at;
        lines.push_back(std::move(line));
        line.clear();
    }
    return lines;
}

/// WHATWG HTML section 9.2.6 word for word, on the whole text.
Outcome reference(std::string_view input) {
    Outcome outcome;
    std::string data;
    std::string type;
    std::string id;
    for (const auto& line : lines_of(input)) {
        if (line.empty()) {
            outcome.last_event_id = id;
            if (!data.empty()) outcome.events.push_back({type, data.substr(0, data.size() - 1)});
            data.clear();
            type.clear();
            continue;
        }
        const auto colon = line.find(':');
        if (colon == 0) continue;
        const auto field = line.substr(0, colon);
        auto value = colon == line.npos ? "" : line.substr(colon + 1);
        if (!value.empty() && value[0] == ' ') value.erase(0, 1);
        if (field == "data") data += value + "\n";
        if (field == "event") type = value;
        if (field == "id" && value.find('\0') == value.npos) id = value;
        const bool digits = !value.empty() && value.find_first_not_of("0123456789") == value.npos;
        if (field == "retry" && digits) {
            // Beyond 32 bits nobody waits: such a field is left out.
            std::uint32_t number = 0;
            const auto* end = value.data() + value.size();
            if (std::from_chars(value.data(), end, number).ec == std::errc{})
                outcome.retry_ms = number;
        }
    }
    return outcome;
}

}  // namespace

void fuzz_sse(std::string_view input) {
    const auto whole = parse(input, Split::at_once);
    for (const auto split : {Split::byte_by_byte, Split::by_its_bytes})
        require(parse(input, split) == whole, "the events depend on how the bytes are split");
    require(whole == reference(input), "the events are not those of WHATWG HTML 9.2.6");
    std::size_t bytes = 0;
    for (const auto& event : whole.events) {
        require(event.type.find_first_of("\r\n") == std::string::npos, "a type holds a line end");
        require(event.data.find('\r') == std::string::npos, "data hold a CR");
        bytes += event.data.size();
    }
    require(bytes <= input.size(), "more data come out than went in");
    require(whole.last_event_id.find_first_of(std::string_view{"\r\n\0", 3}) == std::string::npos,
            "an id could break out of a header");
}

}  // namespace quorate::fuzz
