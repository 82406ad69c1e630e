#pragma once

#include <cstddef>
#include <memory>

#include "core/time/time.hpp"
#include "platform/runtime/task.hpp"
#include "probe/http_request.hpp"

namespace quorate {

struct Attempt;

/// Delivers our answers to what a server asks of its client, beside the exchange that goes on: each
/// on a connection of its own, which stays open until the server has taken the answer, since some
/// take a connection that is closed behind a request for one that gave it up. Nobody waits for
/// them while the look goes on, their time is nobody's, and what becomes of one decides nothing. At
/// most four are under way; the others wait for their turn, and all end with the attempt.
class SideAnswers {
public:
    /// For an attempt that is connected.
    explicit SideAnswers(const Attempt& attempt);
    SideAnswers(const SideAnswers&) = delete;
    SideAnswers& operator=(const SideAnswers&) = delete;
    ~SideAnswers();

    /// Sends `request`, or queues it. Returns at once. The caller bounds how many there are.
    void deliver(RequestText request);
    /// Waits until all are delivered; at `deadline` cancels what is left. Throws nothing.
    Task<> end(Deadline deadline);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace quorate
