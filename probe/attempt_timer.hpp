#pragma once

#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "core/time/time.hpp"
#include "platform/runtime/clock.hpp"
#include "probe/poller.hpp"

namespace quorate {

/// One timer for a whole attempt. It has a limit at any time; when the limit passes while a socket
/// is watched, that socket's operations are cancelled. Moving the limit further away costs nothing:
/// the timer looks again when it fires. Not safe for several threads.
class AttemptTimer {
public:
    AttemptTimer(boost::asio::any_io_executor executor, const Clock& clock);
    AttemptTimer(const AttemptTimer&) = delete;
    AttemptTimer& operator=(const AttemptTimer&) = delete;
    ~AttemptTimer();

    /// In force from now on, for the socket watched now and those to come.
    void limit(Deadline limit);
    Deadline limit() const;
    bool expired() const;

    /// Watches `socket` until release(); expired already: cancels nothing, ask expired() first.
    void watch(PolledSocket& socket);
    void release();

    /// When the kernel last told what the attempt waited for, or the waiting ended otherwise. What
    /// this process does before it gets to an event is not the endpoint's time.
    SteadyTime heard() const { return heard_; }
    void heard(SteadyTime at) { heard_ = at; }

private:
    struct State;
    static void arm(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_;
    SteadyTime heard_{};
};

}  // namespace quorate
