#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/system/error_code.hpp>

#include <sys/epoll.h>

#include "platform/runtime/clock.hpp"

namespace quorate {

enum class Readiness : std::uint8_t { read, write };

class Poller;

/// One socket that a Poller watches: owns the descriptor and remembers which of its directions are
/// ready. At most one coroutine waits for each direction. Stays where it was made.
class PolledSocket : public boost::intrusive::list_base_hook<
                         boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    explicit PolledSocket(Poller& poller) : poller_{poller} {}
    PolledSocket(const PolledSocket&) = delete;
    PolledSocket& operator=(const PolledSocket&) = delete;
    /// Closes. Nobody may be waiting.
    ~PolledSocket();

    /// Opens a non-blocking TCP socket of that family (AF_…).
    /// @return errno, 0 where it worked
    int open(int family);
    /// From now on Nagle's algorithm holds nothing back.
    void send_at_once();
    /// From now on its readiness is known. Call it once, after connect(2).
    /// @return errno, 0 where it worked
    int watch();
    int descriptor() const { return descriptor_; }

    /// Whether the next call on the socket may do something.
    bool ready(Readiness readiness) const { return direction(readiness).ready; }
    /// Waits until the direction is ready, or has failed: the next call on the socket tells. Not to
    /// be called while it is ready(). Completes with void(error_code), as Asio's operations do:
    /// `operation_aborted` after cancel(), or when the waiting coroutine is cancelled.
    template <class Token>
    auto async_wait(Readiness readiness, Token&& token);
    /// The socket would not give or take more: that direction is not ready, until the kernel says
    /// so anew.
    void drained(Readiness readiness);
    /// Ends the waits under way, but for those that the kernel has told of: their coroutines go on
    /// in a later turn of the executor.
    void cancel();
    /// When the kernel last told anything about this socket.
    SteadyTime told_at() const { return told_at_; }
    /// Whether the kernel told of an error, such as a connect(2) that failed.
    bool broken() const { return broken_; }
    Poller& poller() { return poller_; }

private:
    friend class Poller;

    /// A waiting coroutine, to be resumed once, or destroyed.
    struct Waiter {
        Waiter() = default;
        Waiter(const Waiter&) = delete;
        Waiter& operator=(const Waiter&) = delete;
        virtual ~Waiter() = default;
        /// Deletes this.
        virtual void resume(boost::system::error_code error) = 0;
    };
    template <class Handler>
    struct WaiterOf;

    struct Direction {
        bool ready = false;
        std::unique_ptr<Waiter> waiter;
    };
    Direction& direction(Readiness readiness) {
        return directions_[static_cast<std::size_t>(readiness)];
    }
    const Direction& direction(Readiness readiness) const {
        return directions_[static_cast<std::size_t>(readiness)];
    }
    /// Holds null when the poller is gone, and perhaps this socket too.
    std::shared_ptr<Poller*> poller_alive() const;
    void add_waiter(Readiness readiness, std::unique_ptr<Waiter> waiter);
    void abort(Direction& direction);
    void take_events(std::uint32_t events, SteadyTime at);

    Poller& poller_;
    int descriptor_ = -1;
    bool hung_up_ = false;  ///< no more will come: reading is ready for ever
    bool broken_ = false;
    std::array<Direction, 2> directions_;
    SteadyTime told_at_{};
};

/// Tells readiness of many sockets through one edge-triggered epoll(7) instance, which Asio watches
/// in its turn: a socket costs one epoll_ctl(2) in its life, where Asio's own reactor takes one
/// more at each wait, and a wait costs no operation of Asio's (figures: docs/adr/0010). Keeps the
/// executor busy only while somebody waits. Runs wholly on its executor, which is single-threaded
/// or a strand; outlives its sockets, but for those of coroutines that still wait, or whose wait
/// has ended and that have not gone on yet: it destroys these.
///
/// A turn notes everything that the kernel has to tell, and then resumes those concerned for some
/// milliseconds, the first told first. The others have to wait for the next turn, between whiles
/// the executor is free; what they were told is as old as the kernel's word.
class Poller {
public:
    /// Throws std::system_error where the kernel gives no epoll instance.
    Poller(boost::asio::any_io_executor executor, const Clock& clock);
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;
    ~Poller();

    /// Notes what the kernel has to tell by now, without resuming anybody: for who is about to say
    /// that nothing came in time. Closes first the sockets that have gone in this turn.
    void look();
    /// Whether a turn is under way whose calls are made together at its end.
    bool gathers() const { return gathers_; }
    /// To be waited for while it gathers(), before a call that makes a peer do something: all such
    /// calls of a turn come in one burst, so that whoever they wake is woken once, and not anew for
    /// each (figures: docs/adr/0010). Completes with void(error_code), never with an error.
    template <class Token>
    auto async_turn_end(Token&& token);

private:
    friend class PolledSocket;
    using Sockets =
        boost::intrusive::list<PolledSocket, boost::intrusive::constant_time_size<false>>;
    using Waiters = std::deque<std::unique_ptr<PolledSocket::Waiter>>;

    static constexpr std::size_t kEventsMax = 128;  ///< of one epoll_wait(2)
    /// Those that are resumed after it have the next turn. By so much, and what the last one takes,
    /// may the kernel's word come late to us.
    static constexpr milliseconds kTurn{2};

    void one_more_waits();
    void one_less_waits();
    bool somebody_is_due() const { return !due_.empty() || !at_turn_end_.empty(); }
    void arm();
    void turn();
    void end_turn();
    void end_gathering();
    void close_gone();
    void resume(Waiters& whom, std::optional<SteadyTime> until);
    void resume_later(std::unique_ptr<PolledSocket::Waiter> waiter,
                      boost::system::error_code error);

    boost::asio::any_io_executor executor_;
    const Clock& clock_;
    boost::asio::posix::stream_descriptor epoll_;
    std::shared_ptr<Poller*> self_;  ///< holds null when the poller is gone
    Sockets sockets_;
    std::size_t watched_ = 0;  ///< sockets
    std::size_t waiting_ = 0;  ///< for what the kernel has not told yet
    bool armed_ = false;       ///< a turn will come
    bool in_turn_ = false;
    bool gathers_ = false;
    std::array<epoll_event, kEventsMax> events_{};
    SteadyTime looked_at_{};
    Waiters due_;                ///< told, and not resumed yet
    Waiters at_turn_end_;        ///< resumed, and waiting for its burst
    std::vector<int> to_close_;  ///< descriptors whose sockets have gone in this turn
};

template <class Handler>
struct PolledSocket::WaiterOf final : Waiter {
    explicit WaiterOf(Handler with) : handler{std::move(with)} {}

    void resume(boost::system::error_code error) override {
        boost::asio::get_associated_cancellation_slot(handler).clear();
        auto resumed = std::move(handler);
        delete this;  // before what is resumed makes its next waiter
        std::move(resumed)(error);
    }

    Handler handler;
};

template <class Token>
auto PolledSocket::async_wait(Readiness readiness, Token&& token) {
    const auto initiate = [this, readiness](auto handler) {
        using Handler = decltype(handler);
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected())
            slot.assign([this, readiness, poller = poller_alive()](boost::asio::cancellation_type) {
                if (*poller != nullptr) abort(direction(readiness));
            });
        add_waiter(readiness, std::make_unique<WaiterOf<Handler>>(std::move(handler)));
    };
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(initiate, token);
}

template <class Token>
auto Poller::async_turn_end(Token&& token) {
    const auto initiate = [this](auto handler) {
        using Waiter = PolledSocket::WaiterOf<decltype(handler)>;
        at_turn_end_.push_back(std::make_unique<Waiter>(std::move(handler)));
    };
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(initiate, token);
}

}  // namespace quorate
