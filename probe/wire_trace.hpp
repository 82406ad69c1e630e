#pragma once

#include <string>
#include <string_view>

#include "probe/http_response.hpp"

namespace quorate {

struct Attempt;

/// A URL, or a request line, without its query, which may hold a key.
std::string without_query(std::string_view line);

/// Says on an attempt's trace what goes over one connection, message by message: `>` what we send,
/// `<` what comes. Of fields the names are shown, and the values of those that only say how to read
/// the message; of a URL's query nothing. Bodies are shown whole, event or not: the bounds of the
/// probe are theirs. What the owner's headers hold is masked wherever it turns up.
class WireTrace {
public:
    /// The attempt outlives it.
    explicit WireTrace(const Attempt& attempt);

    /// One whole request; what comes from here on answers it.
    void sent(std::string_view request);
    /// Some bytes of the response, in their order.
    void received(std::string_view bytes);
    /// Says what was received and not yet said.
    void flush();

private:
    HttpResponseParser new_parser();
    void say_head(char direction, std::string_view head);
    void say_body(char direction, std::string_view body);
    void say(char direction, std::string_view text);

    const Attempt& attempt_;
    HttpResponseParser parser_;
    std::string pending_;  ///< received and not consumed by the parser
    std::string head_;     ///< as it came, until it is said
    std::string body_;     ///< not yet said
    bool head_said_ = false;
};

/// Says at the end of a scope what was received in it; nothing where nobody listens.
class TraceFlush {
public:
    explicit TraceFlush(WireTrace* trace) : trace_{trace} {}
    TraceFlush(const TraceFlush&) = delete;
    TraceFlush& operator=(const TraceFlush&) = delete;
    ~TraceFlush() {
        if (trace_ != nullptr) trace_->flush();
    }

private:
    WireTrace* trace_;
};

}  // namespace quorate
