#include "probe/side_answers.hpp"

#include <deque>
#include <exception>
#include <utility>

#include <boost/system/system_error.hpp>

#include "platform/runtime/task_group.hpp"
#include "platform/runtime/within.hpp"
#include "probe/attempt.hpp"

namespace quorate {
namespace {

constexpr std::size_t kUnderWayMax = 4;

}  // namespace

/// All that a delivery needs: none refers to the attempt, which may go first where the engine is
/// destroyed under both.
struct SideAnswers::State {
    explicit State(const Attempt& attempt)
        : parts{attempt.parts},
          executor{attempt.executor},
          deadline{attempt.deadline},
          peer{*attempt.pinned, attempt.url.port},
          source{source_of(attempt.request)},
          host{attempt.url.host},
          is_address{attempt.url.is_address},
          group{attempt.executor, kUnderWayMax} {
        if (attempt.url.tls) tls = attempt.tls_context();
    }

    static Task<> deliver_waiting(std::shared_ptr<State> state);
    Task<Result<void>> exchange(Wire& wire, RequestText request) const;

    EngineParts& parts;
    boost::asio::any_io_executor executor;
    Deadline deadline;
    boost::asio::ip::tcp::endpoint peer;
    std::optional<boost::asio::ip::address> source;
    TlsContext tls;  ///< nothing: plain HTTP
    std::string host;
    bool is_address;
    std::deque<RequestText> waiting;
    TaskGroup group;
};

/// Sends one answer, and waits for the head of the response to it.
Task<Result<void>> SideAnswers::State::exchange(Wire& wire, RequestText request) const {
    auto done = co_await wire.connect(peer, source);
    if (done && tls) done = co_await wire.handshake(tls, host, is_address);
    if (done) done = co_await wire.send(request.view(), Phase::http);
    request = {};
    if (!done) co_return done;
    ResponseReader reader{Wanted::head, Phase::http};
    co_return co_await wire.receive(reader, Phase::http);
}

Task<> SideAnswers::State::deliver_waiting(std::shared_ptr<State> state) {
    while (!state->waiting.empty() && !state->group.cancelled()) {
        auto request = std::move(state->waiting.front());
        state->waiting.pop_front();
        AttemptTimer timer{state->executor, state->parts.clock};
        timer.limit(state->deadline);
        Wire wire{state->parts.poller_on(state->executor),
                  state->parts.clock,
                  timer,
                  state->parts.scratch};
        auto exchanged = state->exchange(wire, std::move(request));
        try {
            co_await std::move(exchanged);
        } catch (const std::exception&) {
            // Out of memory, as a rule: the next one may fare better.
        }
    }
}

SideAnswers::SideAnswers(const Attempt& attempt) : state_{std::make_shared<State>(attempt)} {}

SideAnswers::~SideAnswers() {
    state_->group.cancel();
}

void SideAnswers::deliver(RequestText request) {
    state_->waiting.push_back(std::move(request));
    if (state_->group.running() == kUnderWayMax) return;  // one of them takes it on
    auto task = State::deliver_waiting(state_);
    state_->group.spawn("side answer", std::move(task));
}

Task<> SideAnswers::end(Deadline deadline) {
    auto all = state_->group.join();  // cancelled, it cancels them and waits
    try {
        co_await done_within(deadline, std::move(all));
    } catch (const boost::system::system_error&) {
        // We are cancelled ourselves, and all of them have ended.
    }
}

}  // namespace quorate
