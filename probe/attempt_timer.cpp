#include "probe/attempt_timer.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <boost/asio/steady_timer.hpp>

namespace quorate {

// Outlives the AttemptTimer while the timer's handler is under way.
struct AttemptTimer::State {
    State(const boost::asio::any_io_executor& executor, const Clock& steady)
        : timer{executor}, clock{steady} {}
    boost::asio::steady_timer timer;
    const Clock& clock;
    Deadline limit = Deadline::max();
    Deadline armed_for = Deadline::max();    ///< max: not armed
    std::array<PolledSocket*, 2> watched{};  ///< null: free

    bool watches() const { return watched != std::array<PolledSocket*, 2>{}; }
    void replace(PolledSocket* old, PolledSocket* by) {
        const auto place = std::find(watched.begin(), watched.end(), old);
        if (place == watched.end()) std::abort();  // nobody waits for three things at once
        *place = by;
    }
};

AttemptTimer::AttemptTimer(boost::asio::any_io_executor executor, const Clock& clock)
    : state_{std::make_shared<State>(executor, clock)} {}

AttemptTimer::~AttemptTimer() {
    state_->watched = {};
    state_->limit = Deadline::max();
    state_->timer.cancel();
}

void AttemptTimer::limit(Deadline limit) {
    state_->limit = limit;
    if (state_->watches() && limit < state_->armed_for) arm(state_);
}

Deadline AttemptTimer::limit() const {
    return state_->limit;
}

bool AttemptTimer::expired() const {
    return state_->clock.steady_now() >= state_->limit;
}

void AttemptTimer::heard(SteadyTime at) {
    if (at <= since_) return;
    spent_ += at - since_;
    since_ = at;
}

void AttemptTimer::watch(PolledSocket& socket) {
    state_->replace(nullptr, &socket);
    if (state_->limit < state_->armed_for) arm(state_);
}

void AttemptTimer::release(PolledSocket& socket) {
    state_->replace(&socket, nullptr);
}

void AttemptTimer::arm(const std::shared_ptr<State>& state) {
    state->armed_for = state->limit;
    state->timer.expires_at(state->limit);  // cancels the wait before, whose handler then returns
    state->timer.async_wait([state](const boost::system::error_code& error) {
        if (error || state->limit == Deadline::max()) return;
        state->armed_for = Deadline::max();
        if (state->clock.steady_now() < state->limit) return arm(state);
        for (auto* const socket : state->watched) {
            if (socket == nullptr) continue;
            socket->poller().look();
            socket->cancel();
        }
    });
}

}  // namespace quorate
