#pragma once

#include "probe/call.hpp"

namespace quorate {

/// Sends `request` on the connection in hand, which is fit for it, and reads its response; the
/// reader is then `attempt.last`. `message` says what is waited for and lives until the task ends.
Task<Result<void>> exchange_once(Attempt& attempt, RequestText request, const McpCall& message);

/// Sends `request`, where it is not empty, and reads until the reader is satisfied, answering the
/// server's requests meanwhile. `wire` and `reader` live until the task ends.
Task<Result<void>> talk(
    Attempt& attempt, Wire& wire, ResponseReader& reader, Phase phase, RequestText request);

/// Sends what `message` says to where the transport has it, on the kept connection or on a new one,
/// and reads the response, which `attempt.last` then holds. A kept connection that turns out to be
/// closed by the peer is replaced. Over HTTP+SSE it may end with the answer on the stream instead,
/// before the message was accepted. `message` lives until the task ends.
Task<Result<void>> exchange(Attempt& attempt, const McpCall& message);

/// Whether it says that a message whose answer comes elsewhere, or not at all, was taken.
bool is_accepted(const HttpHead& head);

}  // namespace quorate
