// Many sockets that are ready at once: who is served when, and what is booked as the endpoint's
// time. On a clock that the test alone moves, so that the figures are exact.
#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <sys/socket.h>

#include "platform/runtime/task.hpp"
#include "probe/wire.hpp"
#include "tests/integration/probe/coroutines.hpp"

namespace quorate {
namespace {

using tcp = boost::asio::ip::tcp;
using boost::system::error_code;
using testing::kResume;
using testing::kRethrow;

class HandClock final : public Clock {
public:
    UtcTime utc_now() const override { return UtcTime{}; }
    SteadyTime steady_now() const override { return now_; }
    void pass(milliseconds time) { now_ += time; }

private:
    SteadyTime now_ = SystemClock{}.steady_now();
};

class ProbeBurst : public ::testing::Test {
protected:
    /// A connection, and what its coroutine heard on it.
    struct Line {
        explicit Line(ProbeBurst& burst)
            : socket{*burst.poller_},
              peer{burst.io_},
              timer{burst.io_.get_executor(), burst.clock_} {
            burst.connect(socket);
            peer = burst.acceptor_.accept();
        }
        void say(std::string_view text) { boost::asio::write(peer, boost::asio::buffer(text)); }

        PolledSocket socket;
        tcp::socket peer;
        AttemptTimer timer;
        std::optional<error_code> outcome;
    };

    void connect(PolledSocket& socket) {
        ASSERT_EQ(socket.open(AF_INET), 0);
        const auto to = acceptor_.local_endpoint();
        EXPECT_NE(::connect(socket.descriptor(), to.data(), to.size()), 0);
        ASSERT_EQ(socket.watch(), 0);
    }
    /// Waits for something to read, and then takes `cost` of this process' time.
    Task<> hear(Line& line, milliseconds cost) {
        line.timer.watch(line.socket);
        const auto [error] = co_await line.socket.async_wait(Readiness::read, kResume);
        line.timer.release(line.socket);
        line.outcome = error;
        ++served_;
        if (served_ == 1) boost::asio::post(io_, [this] { served_before_others_ = served_; });
        clock_.pass(cost);
    }
    void spawn(Task<> task) { boost::asio::co_spawn(io_, std::move(task), kRethrow); }
    void run() {
        io_.restart();
        io_.run();
    }

    boost::asio::io_context io_{1};
    HandClock clock_;
    tcp::acceptor acceptor_{io_, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}};
    std::optional<Poller> poller_{std::in_place, io_.get_executor(), clock_};
    unsigned served_ = 0;
    unsigned served_before_others_ = 0;
};

TEST_F(ProbeBurst, AllThatAreReadyAtOnceAreServedAndNoneIsTimedOutOrStampedLate) {
    std::deque<Line> lines;
    const auto begun = clock_.steady_now();
    for (int i = 0; i < 300; ++i) {
        auto& line = lines.emplace_back(*this);
        line.say("x");
        line.timer.limit(begun);  // is over as soon as the loop looks
        spawn(hear(line, milliseconds{1}));
    }
    run();
    for (const auto& line : lines) {
        EXPECT_EQ(line.outcome, error_code{});
        EXPECT_EQ(line.socket.told_at(), begun);
    }
    EXPECT_EQ(served_, lines.size());
    EXPECT_LE(served_before_others_, 3U) << "others had their turn after so many";
}

TEST_F(ProbeBurst, WhatBecomesReadyMeanwhileIsStampedBeforeAllOthersAreServed) {
    std::deque<Line> lines;
    for (int i = 0; i < 50; ++i) {
        auto& line = lines.emplace_back(*this);
        line.say("x");
        spawn(hear(line, milliseconds{1}));
    }
    Line late{*this};
    spawn(hear(late, milliseconds{0}));
    const auto begun = clock_.steady_now();
    boost::asio::post(io_, [&] { boost::asio::post(io_, [&] { late.say("x"); }); });
    run();
    EXPECT_EQ(late.outcome, error_code{});
    EXPECT_LE(late.socket.told_at() - begun, milliseconds{4});
}

TEST_F(ProbeBurst, WhatCameBeforeADeadlineIsHonouredIsHeard) {
    Line line{*this};
    const auto past = clock_.steady_now() - std::chrono::seconds{1};
    line.timer.limit(past);
    spawn(hear(line, milliseconds{0}));
    // Both timers are found expired at once, and this one is the older.
    boost::asio::steady_timer before{io_, past - std::chrono::seconds{1}};
    boost::asio::post(io_, [&] { before.async_wait([&](const error_code&) { line.say("x"); }); });
    run();
    EXPECT_EQ(line.outcome, error_code{});
}

TEST_F(ProbeBurst, ADeadlineWithoutAnythingToHearIsHonoured) {
    Line line{*this};
    line.timer.limit(clock_.steady_now());
    spawn(hear(line, milliseconds{0}));
    run();
    EXPECT_EQ(line.outcome, boost::asio::error::operation_aborted);
}

TEST_F(ProbeBurst, APollerThatGoesBetweenTwoTurnsDestroysThoseThatAreDue) {
    struct Farewell {
        unsigned& said;
        ~Farewell() { ++said; }
    };
    unsigned destroyed = 0;
    const auto wait = [&]() -> Task<> {
        const Farewell farewell{destroyed};
        PolledSocket socket{*poller_};
        connect(socket);
        co_await socket.async_wait(Readiness::write, kResume);
        if (++served_ == 1) boost::asio::post(io_, [this] { poller_.reset(); });
        clock_.pass(milliseconds{2});
    };
    for (int i = 0; i < 3; ++i)
        boost::asio::co_spawn(io_, wait, kRethrow);
    run();
    EXPECT_EQ(served_, 1U);
    EXPECT_EQ(destroyed, 3U);
}

/// One exchange of an attempt, on a wire.
class ProbeBurstWire : public ProbeBurst {
protected:
    Task<> exchange() {
        const auto connected = co_await wire_.connect(acceptor_.local_endpoint(), std::nullopt);
        EXPECT_TRUE(connected);
        const auto sent = co_await wire_.send("GET / HTTP/1.1\r\n\r\n", Phase::http);
        EXPECT_TRUE(sent);
        if (pauses_) co_await pause_.async_wait(kResume);
        const auto received = co_await wire_.receive(reader_, Phase::http);
        EXPECT_TRUE(received);
    }
    /// What the wire said, before it is answered.
    tcp::socket accept() {
        auto peer = acceptor_.accept();
        std::string request;
        boost::asio::read_until(peer, boost::asio::dynamic_buffer(request), "\r\n\r\n");
        return peer;
    }
    milliseconds spent() const { return std::chrono::duration_cast<milliseconds>(timer_.spent()); }

    AttemptTimer timer_{io_.get_executor(), clock_};
    std::array<char, 16> scratch_{};
    Wire wire_{*poller_, clock_, timer_, scratch_};
    ResponseReader reader_{Wanted::whole_message, Phase::http};
    boost::asio::steady_timer pause_{io_, SteadyTime::max()};
    bool pauses_ = false;
};

TEST_F(ProbeBurstWire, TheWorkOfOthersBeforeARequestLeavesIsNotTheEndpointsTime) {
    spawn(exchange());
    // In the turn that tells of its connection, the request waits for this one.
    const auto others = [&]() -> Task<> {
        PolledSocket socket{*poller_};
        connect(socket);
        co_await socket.async_wait(Readiness::write, kResume);
        clock_.pass(milliseconds{50});
    };
    boost::asio::co_spawn(io_, others, kRethrow);
    io_.poll();
    auto peer = accept();
    clock_.pass(milliseconds{7});
    boost::asio::write(peer, boost::asio::buffer("HTTP/1.1 204 No Content\r\n\r\n", 27));
    run();
    EXPECT_EQ(spent(), milliseconds{7});
    EXPECT_EQ(wire_.head_after(), timer_.spent());
}

TEST_F(ProbeBurstWire, AnAnswerThatIsThereAlreadyIsHeardWhenTheKernelToldOfIt) {
    pauses_ = true;
    spawn(exchange());
    io_.poll();
    auto peer = accept();
    boost::asio::write(peer, boost::asio::buffer("HTTP/1.1 204 No Content\r\n\r\n", 27));
    clock_.pass(milliseconds{10});
    poller_->look();
    clock_.pass(milliseconds{20});
    pause_.cancel();
    run();
    EXPECT_EQ(spent(), milliseconds{10});
}

TEST_F(ProbeBurstWire, AnAnswerThatKeepsComingIsHeardToItsEnd) {
    pauses_ = true;
    spawn(exchange());
    io_.poll();
    auto peer = accept();
    const auto answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x');
    boost::asio::write(peer, boost::asio::buffer(answer, answer.size() - 1));
    poller_->look();
    pause_.cancel();
    // The reads of 16 bytes each make way for others every now and then.
    io_.restart();
    io_.run_one();
    clock_.pass(milliseconds{30});
    boost::asio::write(peer, boost::asio::buffer("x", 1));
    run();
    EXPECT_EQ(spent(), milliseconds{30});
}

}  // namespace
}  // namespace quorate
