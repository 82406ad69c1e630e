#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace quorate {

/// What a response's head says, as far as a probe reads it.
struct HttpHead {
    std::uint16_t status = 0;
    std::string media_type;  ///< lower case, without parameters
    std::string content_encoding;
    std::string session_id;  ///< Mcp-Session-Id
    bool has_session_id = false;
    std::string location;
    std::string www_authenticate;  ///< all values, joined with commas
    std::string retry_after;
    bool challenged = false;  ///< a bot wall says that it answered, and wants a browser
};

enum class HttpStep {
    need_more,
    done,       ///< the message is complete
    malformed,  ///< not HTTP; or the heads, or a piece of framing, are over 64 KiB
    too_large,  ///< the body is over 32 MiB, twice that with its framing, or its reader had enough
    truncated,  ///< the stream ended inside the body
    closed,     ///< the stream ended before the head was complete
};

/// Parses one HTTP/1.1 response as its bytes come; interim (1xx) responses are skipped, but count
/// as part of the head. An empty reason phrase is fine, also without the space before it. Sans I/O;
/// movable.
class HttpResponseParser {
public:
    static constexpr std::uint32_t kHeadBytesMax = 64U << 10U;
    static constexpr std::uint64_t kBodyBytesMax = std::uint64_t{32} << 20U;
    /// With the framing of chunks, which a server can make far longer than what they carry.
    static constexpr std::uint64_t kMessageBytesMax = 2 * kBodyBytesMax;

    /// Gets the body piece by piece, after the head; false: enough, the message is too large.
    using BodySink = std::function<bool(std::string_view)>;

    explicit HttpResponseParser(BodySink sink);
    HttpResponseParser(HttpResponseParser&&) noexcept;
    HttpResponseParser& operator=(HttpResponseParser&&) noexcept;
    ~HttpResponseParser();

    /// Reads from the front of `bytes`, which must begin with whatever the last call left over;
    /// more of it or, where the reader has changed its mind on what it waits for, the same once
    /// more. Once the step is not `need_more` it stays, and nothing more is taken.
    /// @param consumed  how many of them are done with
    HttpStep feed(std::string_view bytes, std::size_t& consumed);
    /// The peer closed: `done` where the message is complete by that.
    HttpStep end_of_stream();

    bool head_done() const;
    const HttpHead& head() const;
    /// After `done`: whether the connection can carry another exchange.
    bool keep_alive() const;

private:
    class Parser;
    HttpStep parse(std::string_view bytes, std::size_t& consumed);
    HttpStep scan_head(std::string_view rest);

    std::unique_ptr<Parser> parser_;
    BodySink sink_;
    HttpStep step_ = HttpStep::need_more;
    std::uint64_t message_bytes_ = 0;
    std::uint64_t head_bytes_ = 0;  ///< of all heads
    std::size_t head_scanned_ = 0;  ///< of what is left over, while the head is not whole
};

}  // namespace quorate
