#include "probe/poller.hpp"

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <sys/socket.h>

#include "platform/runtime/task.hpp"
#include "tests/integration/probe/coroutines.hpp"

namespace quorate {
namespace {

using tcp = boost::asio::ip::tcp;
using boost::system::error_code;
using testing::kResume;
using testing::kRethrow;

/// A polled socket that is connected to `peer`.
class ProbePoller : public ::testing::Test {
protected:
    ProbePoller() {
        EXPECT_EQ(socket_->open(AF_INET), 0);
        const auto to = acceptor_.local_endpoint();
        EXPECT_NE(::connect(socket_->descriptor(), to.data(), to.size()), 0);
        EXPECT_EQ(errno, EINPROGRESS);
        peer_ = acceptor_.accept();
        EXPECT_EQ(socket_->watch(), 0);
    }

    Task<> wait(Readiness readiness, std::optional<error_code>& outcome) {
        outcome.reset();
        if (socket_->ready(readiness)) {
            outcome = error_code{};
            co_return;
        }
        const auto [error] = co_await socket_->async_wait(readiness, kResume);
        outcome = error;
    }
    template <class Token = decltype(kRethrow)>
    void start(Readiness readiness, std::optional<error_code>& outcome, Token token = kRethrow) {
        boost::asio::co_spawn(io_, wait(readiness, outcome), std::move(token));
        io_.poll();
        io_.restart();
    }

    boost::asio::io_context io_{1};
    SystemClock clock_;
    tcp::acceptor acceptor_{io_, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}};
    std::optional<Poller> poller_{std::in_place, io_.get_executor(), clock_};
    std::optional<PolledSocket> socket_{std::in_place, *poller_};
    tcp::socket peer_{io_};
};

TEST_F(ProbePoller, TellsEachDirectionWhenItIsReadyAndKeepsNobodyBusyOtherwise) {
    std::optional<error_code> write;
    start(Readiness::write, write);
    io_.run();  // ends: nobody waits any more
    EXPECT_EQ(write, error_code{});
    EXPECT_FALSE(socket_->ready(Readiness::read));

    std::optional<error_code> read;
    start(Readiness::read, read);
    EXPECT_FALSE(read);
    const auto before = clock_.steady_now();
    boost::asio::write(peer_, boost::asio::buffer("hello", 5));
    io_.restart();
    io_.run();
    EXPECT_EQ(read, error_code{});
    EXPECT_GE(socket_->told_at(), before);
    // Ready until somebody has drained it.
    EXPECT_TRUE(socket_->ready(Readiness::read));
    char bytes[8];
    EXPECT_EQ(::recv(socket_->descriptor(), bytes, sizeof bytes, 0), 5);
    socket_->drained(Readiness::read);
    EXPECT_FALSE(socket_->ready(Readiness::read));
}

TEST_F(ProbePoller, WhatComesAfterADrainWakesAgain) {
    for (int i = 0; i < 20; ++i) {
        std::optional<error_code> read;
        start(Readiness::read, read);
        ASSERT_FALSE(read) << i;
        boost::asio::write(peer_, boost::asio::buffer("x", 1));
        io_.restart();
        io_.run();
        ASSERT_EQ(read, error_code{}) << i;
        char byte = 0;
        ASSERT_EQ(::recv(socket_->descriptor(), &byte, 1, 0), 1);
        socket_->drained(Readiness::read);
    }
}

TEST_F(ProbePoller, APeerThatCloseIsReadableForEver) {
    std::optional<error_code> read;
    start(Readiness::read, read);
    peer_.close();
    io_.restart();
    io_.run();
    EXPECT_EQ(read, error_code{});
    socket_->drained(Readiness::read);
    EXPECT_TRUE(socket_->ready(Readiness::read));
}

TEST_F(ProbePoller, CancelEndsTheWaitInALaterTurn) {
    std::optional<error_code> read;
    start(Readiness::read, read);
    socket_->cancel();
    EXPECT_FALSE(read);
    io_.run();
    EXPECT_EQ(read, boost::asio::error::operation_aborted);
}

TEST_F(ProbePoller, ACancelledCoroutineIsAborted) {
    boost::asio::cancellation_signal signal;
    std::optional<error_code> read;
    start(Readiness::read, read, boost::asio::bind_cancellation_slot(signal.slot(), kRethrow));
    signal.emit(boost::asio::cancellation_type::terminal);
    io_.run();
    EXPECT_EQ(read, boost::asio::error::operation_aborted);
    signal.emit(boost::asio::cancellation_type::terminal);  // the slot was given back
}

/// Owns its socket, as an attempt does, and says when it is destroyed.
Task<> wait_owning(Poller& poller, tcp::endpoint to, bool& destroyed) {
    struct Farewell {
        bool& said;
        ~Farewell() { said = true; }
    };
    const Farewell farewell{destroyed};
    PolledSocket socket{poller};
    socket.open(AF_INET);
    EXPECT_NE(::connect(socket.descriptor(), to.data(), to.size()), 0);
    socket.watch();
    co_await socket.async_wait(Readiness::read, kResume);
    ADD_FAILURE() << "it was resumed";
}

TEST_F(ProbePoller, ThatGoesDestroysTheCoroutinesThatStillWait) {
    bool destroyed[2] = {false, false};
    for (bool& one : destroyed) {
        boost::asio::co_spawn(
            io_, wait_owning(*poller_, acceptor_.local_endpoint(), one), kRethrow);
    }
    io_.poll();
    EXPECT_FALSE(destroyed[0] || destroyed[1]);
    socket_.reset();
    poller_.reset();
    io_.restart();
    io_.run();  // Asio unwinds coroutines by their executor
    EXPECT_TRUE(destroyed[0] && destroyed[1]);
}

TEST_F(ProbePoller, OneThatIsResumedMayCloseTheSocketOfAnother) {
    auto other = std::make_unique<PolledSocket>(*poller_);
    ASSERT_EQ(other->open(AF_INET), 0);
    const auto to = acceptor_.local_endpoint();
    EXPECT_NE(::connect(other->descriptor(), to.data(), to.size()), 0);
    auto other_peer = acceptor_.accept();
    ASSERT_EQ(other->watch(), 0);
    std::optional<error_code> read;
    start(Readiness::read, read);
    // Both have news in one turn; nobody waits for the other's.
    boost::asio::write(other_peer, boost::asio::buffer("x", 1));
    boost::asio::write(peer_, boost::asio::buffer("x", 1));
    boost::asio::co_spawn(
        io_,
        [&]() -> Task<> {
            co_await socket_->async_wait(Readiness::write, kResume);
            other.reset();
        },
        kRethrow);
    io_.restart();
    io_.run();
    EXPECT_EQ(read, error_code{});
    EXPECT_FALSE(other);
}

/// As wait_owning(), for what is ready at once, unless the poller has gone meanwhile.
Task<> let_go_when_writable(std::optional<Poller>& poller,
                            tcp::endpoint to,
                            unsigned& resumed,
                            unsigned& destroyed) {
    struct Farewell {
        unsigned& said;
        ~Farewell() { ++said; }
    };
    const Farewell farewell{destroyed};
    PolledSocket socket{*poller};
    socket.open(AF_INET);
    EXPECT_NE(::connect(socket.descriptor(), to.data(), to.size()), 0);
    socket.watch();
    co_await socket.async_wait(Readiness::write, kResume);
    ++resumed;
    poller.reset();
}

TEST_F(ProbePoller, ThatGoesInTheMiddleOfATurnDestroysThoseWhoseTurnItWas) {
    unsigned resumed = 0;
    unsigned destroyed = 0;
    for (int i = 0; i < 2; ++i) {
        boost::asio::co_spawn(
            io_,
            let_go_when_writable(poller_, acceptor_.local_endpoint(), resumed, destroyed),
            kRethrow);
    }
    socket_.reset();
    io_.run();
    EXPECT_EQ(resumed, 1U);
    EXPECT_EQ(destroyed, 2U);
}

TEST_F(ProbePoller, ThatGoesDestroysTheCoroutinesWhoseCancelledWaitIsNotToldYet) {
    boost::asio::cancellation_signal signal;
    bool destroyed = false;
    boost::asio::co_spawn(io_,
                          wait_owning(*poller_, acceptor_.local_endpoint(), destroyed),
                          boost::asio::bind_cancellation_slot(signal.slot(), kRethrow));
    io_.poll();
    signal.emit(boost::asio::cancellation_type::terminal);
    io_.restart();
    io_.run_one();  // the cancellation; what it resumes comes after
    socket_.reset();
    poller_.reset();
    io_.run();
    EXPECT_TRUE(destroyed);
}

TEST_F(ProbePoller, ACancellationThatComesAfterItHasGoneFindsNobody) {
    boost::asio::cancellation_signal signal;
    bool destroyed = false;
    boost::asio::co_spawn(io_,
                          wait_owning(*poller_, acceptor_.local_endpoint(), destroyed),
                          boost::asio::bind_cancellation_slot(signal.slot(), kRethrow));
    io_.poll();
    socket_.reset();
    poller_.reset();
    io_.restart();
    io_.run();
    EXPECT_TRUE(destroyed);
    signal.emit(boost::asio::cancellation_type::terminal);
    io_.restart();
    io_.run();
}

/// Two sockets with news in the same turn, whose coroutines go on at its end.
class ProbePollerTurn : public ProbePoller {
protected:
    ProbePollerTurn() {
        EXPECT_EQ(other_->open(AF_INET), 0);
        const auto to = acceptor_.local_endpoint();
        EXPECT_NE(::connect(other_->descriptor(), to.data(), to.size()), 0);
        other_peer_ = acceptor_.accept();
        EXPECT_EQ(other_->watch(), 0);
    }

    Task<> go_on_at_its_end(PolledSocket& socket, char name) {
        struct Farewell {
            unsigned& said;
            ~Farewell() { ++said; }
        };
        const Farewell farewell{ended_};
        co_await socket.async_wait(Readiness::write, kResume);
        story_ += name;
        if (in_turn_) in_turn_(name);
        EXPECT_TRUE(poller_->gathers());
        co_await poller_->async_turn_end(boost::asio::deferred);
        EXPECT_FALSE(poller_->gathers());
        story_ += static_cast<char>(name - 'a' + 'A');
        if (at_its_end_) at_its_end_();
    }
    /// What run() threw, which is what a coroutine threw.
    bool run_both() {
        boost::asio::co_spawn(io_, go_on_at_its_end(*socket_, 'a'), kRethrow);
        boost::asio::co_spawn(io_, go_on_at_its_end(*other_, 'b'), kRethrow);
        try {
            io_.run();
        } catch (const std::runtime_error&) {
            io_.run();
            return true;
        }
        return false;
    }

    std::optional<PolledSocket> other_{std::in_place, *poller_};
    tcp::socket other_peer_{io_};
    std::function<void(char)> in_turn_;
    std::function<void()> at_its_end_;
    std::string story_;
    unsigned ended_ = 0;
};

TEST_F(ProbePollerTurn, WhatWaitsForItsEndComesInOneBurst) {
    EXPECT_FALSE(poller_->gathers());
    run_both();
    EXPECT_EQ(story_, "abAB");
    EXPECT_FALSE(poller_->gathers());
}

TEST_F(ProbePollerTurn, ClosesSocketsThatHaveGoneAtItsEnd) {
    bool open_in_turn = false;
    in_turn_ = [&](char name) {
        if (name != 'b') return;
        socket_.reset();
        char byte = 0;
        open_in_turn = ::recv(peer_.native_handle(), &byte, 1, MSG_DONTWAIT) < 0;
    };
    ssize_t received = -1;
    at_its_end_ = [&] {
        char byte = 0;
        received = ::recv(peer_.native_handle(), &byte, 1, 0);
    };
    run_both();
    EXPECT_TRUE(open_in_turn);
    EXPECT_EQ(received, 0) << "closed before what comes at the turn's end, ports are free then";
}

TEST_F(ProbePollerTurn, LookingTellsNobodyWhatComesForASocketThatHasGone) {
    bool told = true;
    in_turn_ = [&](char name) {
        if (name != 'b') return;
        socket_.reset();
        socket_.emplace(*poller_);  // another one where it stood, which watches nothing
        boost::asio::write(peer_, boost::asio::buffer("x", 1));
        poller_->look();
        told = socket_->ready(Readiness::read) || socket_->told_at() != SteadyTime{};
    };
    run_both();
    EXPECT_FALSE(told);
}

TEST_F(ProbePollerTurn, OneThatThrowsKeepsNobodyFromItsEnd) {
    in_turn_ = [](char name) {
        if (name == 'b') throw std::runtime_error{"a fault of ours"};
    };
    EXPECT_TRUE(run_both());
    EXPECT_EQ(story_, "abA");
    EXPECT_EQ(ended_, 2U);
}

TEST_F(ProbePollerTurn, APollerThatGoesDestroysWhoWaitsForItsEnd) {
    boost::asio::co_spawn(io_, go_on_at_its_end(*socket_, 'a'), kRethrow);
    boost::asio::co_spawn(
        io_,
        [&]() -> Task<> {
            co_await other_->async_wait(Readiness::write, kResume);
            EXPECT_EQ(story_, "a");
            other_.reset();
            socket_.reset();
            poller_.reset();
        },
        kRethrow);
    io_.run();
    EXPECT_EQ(story_, "a");
    EXPECT_EQ(ended_, 1U);
}

}  // namespace
}  // namespace quorate
