#include "probe/poller.hpp"

#include <cerrno>
#include <system_error>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quorate {
namespace {

using boost::system::error_code;

int new_epoll() {
    const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) throw std::system_error{errno, std::generic_category(), "epoll_create1"};
    return descriptor;
}

}  // namespace

PolledSocket::~PolledSocket() {
    if (descriptor_ < 0) return;
    // Linked means that the poller is still there.
    if (is_linked()) --poller_.watched_;
    if (is_linked() && poller_.gathers())
        poller_.to_close_.push_back(descriptor_);
    else
        ::close(descriptor_);
}

int PolledSocket::open(int family) {
    descriptor_ = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    return descriptor_ < 0 ? errno : 0;
}

void PolledSocket::send_at_once() {
    const int one = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int PolledSocket::watch() {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = this;
    if (::epoll_ctl(poller_.epoll_.native_handle(), EPOLL_CTL_ADD, descriptor_, &event) != 0)
        return errno;
    poller_.sockets_.push_back(*this);
    ++poller_.watched_;
    return 0;
}

std::shared_ptr<Poller*> PolledSocket::poller_alive() const {
    return poller_.self_;
}

void PolledSocket::add_waiter(Readiness readiness, std::unique_ptr<Waiter> waiter) {
    direction(readiness).waiter = std::move(waiter);
    poller_.one_more_waits();
}

void PolledSocket::drained(Readiness readiness) {
    direction(readiness).ready = readiness == Readiness::read && hung_up_;
}

void PolledSocket::cancel() {
    for (auto& direction : directions_)
        abort(direction);
}

void PolledSocket::abort(Direction& direction) {
    if (!direction.waiter) return;
    poller_.one_less_waits();
    poller_.resume_later(std::move(direction.waiter), boost::asio::error::operation_aborted);
}

void PolledSocket::take_events(std::uint32_t events, SteadyTime at) {
    constexpr std::uint32_t kBroken = EPOLLERR | EPOLLHUP;
    told_at_ = at;
    if ((events & kBroken) != 0) broken_ = true;
    if ((events & (kBroken | EPOLLRDHUP)) != 0) hung_up_ = true;
    if ((events & (kBroken | EPOLLRDHUP | EPOLLIN)) != 0) direction(Readiness::read).ready = true;
    if ((events & (kBroken | EPOLLOUT)) != 0) direction(Readiness::write).ready = true;
    for (auto& direction : directions_) {
        if (!direction.ready || !direction.waiter) continue;
        --poller_.waiting_;
        poller_.due_.push_back(std::move(direction.waiter));
    }
}

Poller::Poller(boost::asio::any_io_executor executor, const Clock& clock)
    : executor_{std::move(executor)},
      clock_{clock},
      epoll_{executor_, new_epoll()},
      self_{std::make_shared<Poller*>(this)} {}

Poller::~Poller() {
    *self_ = nullptr;
    // A waiting coroutine owns its socket, and nobody but the waiter owns the coroutine. Asio then
    // unwinds it in a turn of its executor.
    while (!sockets_.empty()) {
        auto& socket = sockets_.front();
        sockets_.pop_front();
        const auto read = std::move(socket.direction(Readiness::read).waiter);
        const auto write = std::move(socket.direction(Readiness::write).waiter);
    }
    end_gathering();
    due_.clear();
    at_turn_end_.clear();
}

void Poller::one_more_waits() {
    ++waiting_;
    if (!armed_ && !in_turn_) arm();
}

void Poller::one_less_waits() {
    if (--waiting_ == 0 && armed_) epoll_.cancel();
}

void Poller::arm() {
    armed_ = true;
    const auto go_on = [self = self_](const error_code& error = {}) {
        if (*self == nullptr) return;
        (*self)->armed_ = false;
        if (!error || (*self)->somebody_is_due()) return (*self)->turn();
        if ((*self)->waiting_ > 0) (*self)->arm();
    };
    if (somebody_is_due())
        boost::asio::post(executor_, go_on);
    else
        epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read, go_on);
}

void Poller::look() {
    close_gone();  // what the kernel has to tell of them would be told to sockets that are no more
    std::size_t told = 0;
    int count = 0;
    do {
        const auto room = static_cast<int>(events_.size());
        count = ::epoll_wait(epoll_.native_handle(), events_.data(), room, 0);
        looked_at_ = clock_.steady_now();
        for (int i = 0; i < count; ++i) {
            const auto& event = events_[static_cast<std::size_t>(i)];
            static_cast<PolledSocket*>(event.data.ptr)->take_events(event.events, looked_at_);
        }
        told += kEventsMax;
        // Who was ready before the first call comes before those who are ready anew.
    } while (count == static_cast<int>(kEventsMax) && told < watched_);
    // No event announces any more those who are due now.
    if (armed_ && somebody_is_due()) epoll_.cancel();
}

void Poller::turn() {
    const auto self = self_;
    in_turn_ = true;
    try {
        // All were noted before any is resumed, since one may close the socket of another event.
        look();
        gathers_ = true;
        resume(due_, looked_at_ + kTurn);
        if (*self == nullptr) return;
        end_gathering();
        resume(at_turn_end_, std::nullopt);
    } catch (...) {
        // The others are none the worse for it: the next turn is theirs.
        if (*self != nullptr) end_turn();
        throw;
    }
    if (*self != nullptr) end_turn();
}

void Poller::end_turn() {
    end_gathering();
    in_turn_ = false;
    if (waiting_ > 0 || somebody_is_due()) arm();
}

void Poller::end_gathering() {
    gathers_ = false;
    close_gone();
}

void Poller::close_gone() {
    for (const int descriptor : to_close_)
        ::close(descriptor);
    to_close_.clear();
}

void Poller::resume(Waiters& whom, std::optional<SteadyTime> until) {
    const auto self = self_;
    while (!whom.empty()) {
        auto* const waiter = whom.front().release();
        whom.pop_front();
        waiter->resume({});
        if (*self == nullptr || (until && clock_.steady_now() >= *until)) return;
    }
}

/// In a later turn: who asks may be in the middle of something, such as emitting a signal. By then
/// the poller may be gone, and with it what the coroutine would go on with: then it is destroyed.
void Poller::resume_later(std::unique_ptr<PolledSocket::Waiter> waiter, error_code error) {
    boost::asio::post(executor_, [self = self_, waiter = std::move(waiter), error]() mutable {
        if (*self != nullptr) waiter.release()->resume(error);
    });
}

}  // namespace quorate
