#pragma once

#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "core/time/time.hpp"
#include "platform/runtime/clock.hpp"
#include "probe/poller.hpp"

namespace quorate {

/// One timer for a whole attempt. It has a limit at any time; when the limit passes while sockets
/// are watched (two of HTTP+SSE at most), and the kernel has nothing to tell of them, their
/// operations are cancelled.
/// Moving the limit further away costs nothing: the timer looks again when it fires. Not safe for
/// several threads.
///
/// It also adds up what the endpoint took of the attempt. What this process does before it gets to
/// an event, and from there until its next bytes go out, is not the endpoint's time.
class AttemptTimer {
public:
    AttemptTimer(boost::asio::any_io_executor executor, const Clock& clock);
    AttemptTimer(const AttemptTimer&) = delete;
    AttemptTimer& operator=(const AttemptTimer&) = delete;
    ~AttemptTimer();

    /// In force from now on, for the sockets watched now and those to come.
    void limit(Deadline limit);
    Deadline limit() const;
    bool expired() const;

    /// Watches `socket` until its release(); expired already: cancels nothing, ask expired() first.
    void watch(PolledSocket& socket);
    void release(PolledSocket& socket);

    /// The attempt's next bytes go to the kernel: the endpoint's time begins.
    void asked(SteadyTime at) { since_ = at; }
    /// The kernel told what the attempt waited for, or the waiting ended otherwise. What it told
    /// before the attempt asked is no answer.
    void heard(SteadyTime at);
    /// The endpoint's time, up to what was heard last.
    SteadyTime::duration spent() const { return spent_; }
    /// Takes back what was added since it was `spent`: the attempt waited for nothing that it
    /// needs.
    void forget_since(SteadyTime::duration spent) { spent_ = spent; }

private:
    struct State;
    static void arm(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_;
    SteadyTime since_{};
    SteadyTime::duration spent_{};
};

}  // namespace quorate
