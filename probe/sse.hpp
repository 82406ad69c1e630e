#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quorate {

struct SseEvent {
    std::string type;  ///< empty or `message`: JSON-RPC
    std::string data;
    friend bool operator==(const SseEvent&, const SseEvent&) = default;
};

/// Parses an event stream (WHATWG HTML, section 9.2.6) as its bytes come, however they are split.
/// Bounded: a line of 8 MiB, an event of 16 MiB, a stream of 32 MiB. Pure.
class SseParser {
public:
    static constexpr std::size_t kLineBytesMax = std::size_t{8} << 20U;
    static constexpr std::size_t kEventBytesMax = std::size_t{16} << 20U;
    static constexpr std::size_t kStreamBytesMax = std::size_t{32} << 20U;

    /// Appends the events that `bytes` completes to `events`; one without a blank line behind it
    /// never is, so at the end of the stream it is discarded.
    /// @return false when a limit is passed; the parser is then of no more use.
    bool feed(std::string_view bytes, std::vector<SseEvent>& events);

    /// The last event id of an event that was completed; empty where none had one.
    const std::string& last_event_id() const { return last_event_id_; }
    /// What the last `retry` field asked for.
    std::optional<std::uint32_t> retry_ms() const { return retry_ms_; }

private:
    void on_line(std::string_view line, std::vector<SseEvent>& events);
    void on_field(std::string_view name, std::string_view value);

    std::string line_;
    SseEvent event_;
    std::string id_;
    std::string last_event_id_;
    std::optional<std::uint32_t> retry_ms_;
    std::size_t stream_bytes_ = 0;
    bool after_cr_ = false;
    bool first_line_ = true;
};

}  // namespace quorate
