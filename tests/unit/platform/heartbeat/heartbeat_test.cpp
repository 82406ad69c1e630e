#include "platform/heartbeat/heartbeat.hpp"

#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include "platform/runtime/clock.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"
#include "tests/unit/platform/runtime/run_task.hpp"

namespace quorate {
namespace {

using tcp = asio::ip::tcp;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The other side: keeps what it was sent, and answers with `status`; 0: with nothing at all.
class Switch {
public:
    explicit Switch(const asio::any_io_executor& executor)
        : acceptor_{executor, {asio::ip::address_v4::loopback(), 0}} {}

    std::string url() const {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) +
               "/secret-path?key=1";
    }

    Task<> serve() {
        for (;;) {
            auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
            std::string request;
            auto buffer = asio::dynamic_buffer(request);
            co_await asio::async_read_until(socket, buffer, "\r\n\r\n", asio::use_awaitable);
            requests.push_back(request);
            if (status == 0) {
                co_await asio::async_read_until(
                    socket, buffer, "never", asio::as_tuple(asio::use_awaitable));
                continue;
            }
            const auto answer =
                "HTTP/1.1 " + std::to_string(status) + " Said\r\nContent-Length: 0\r\n\r\n";
            co_await asio::async_write(
                socket, asio::buffer(answer), asio::as_tuple(asio::use_awaitable));
        }
    }

    /// Once it was called so often in all.
    Task<> called(std::size_t times) const {
        while (requests.size() < times)
            co_await sleep_for(milliseconds{1});
    }

    int status = 200;
    std::vector<std::string> requests;

private:
    tcp::acceptor acceptor_;
};

struct Fixture {
    Metrics metrics;
    SystemClock clock;
    std::ostringstream lines;
    Logger log{
        "test", LogLevel::info, clock, std::make_shared<spdlog::sinks::ostream_sink_mt>(lines)};
    std::string trouble;
    int asked = 0;  // how often the daemon was asked for it

    Task<> asked_again(int times) const {
        const auto until = asked + times;
        while (asked < until)
            co_await sleep_for(milliseconds{1});
    }
    std::size_t count(const std::string& event) const {
        std::size_t found = 0;
        const auto text = lines.str();
        for (auto at = text.find(event); at != text.npos; at = text.find(event, at + 1))
            ++found;
        return found;
    }
};

/// Runs `story` beside a caller and the switch that it calls; both end with it.
void with_caller(Fixture& fixture, const std::function<Task<>(Switch&)>& story) {
    test::run_task([&]() -> Task<> {
        auto executor = co_await asio::this_coro::executor;
        Switch other{executor};
        HeartbeatSettings settings;
        settings.url = other.url();
        settings.interval = milliseconds{5};
        HeartbeatCaller caller{settings, fixture.metrics, fixture.clock, fixture.log, [&] {
                                   ++fixture.asked;
                                   return fixture.trouble;
                               }};
        TaskGroup group{executor, 2};
        group.spawn("switch", other.serve());
        group.spawn("caller", caller.run());
        co_await story(other);
        group.cancel();
        co_await group.join();
    });
}

TEST(Heartbeat, CallsAgainAndAgainWithTheWholeUrlAndToldOnce) {
    Fixture fixture;
    with_caller(fixture, [&](Switch& other) -> Task<> {
        co_await other.called(3);
        EXPECT_THAT(other.requests.back(), StartsWith("GET /secret-path?key=1 HTTP/1.1\r\n"));
        EXPECT_THAT(other.requests.back(), HasSubstr("Host: 127.0.0.1:"));
    });
    EXPECT_EQ(fixture.count("heartbeat.answered"), 1U);
    EXPECT_THAT(fixture.metrics.exposition(),
                Not(HasSubstr(R"(quorate_heartbeat_calls_total{outcome="failed"})")));
}

TEST(Heartbeat, IsWithheldWhileTheDaemonIsNotWellAndGoesOnAfterIt) {
    Fixture fixture;
    with_caller(fixture, [&](Switch& other) -> Task<> {
        co_await other.called(1);
        fixture.trouble = "redis_unreachable";
        while (fixture.count("heartbeat.withheld") == 0)
            co_await sleep_for(milliseconds{1});
        const auto before = other.requests.size();
        co_await fixture.asked_again(1);
        EXPECT_EQ(other.requests.size(), before);
        fixture.trouble.clear();
        co_await other.called(before + 1);
    });
    EXPECT_THAT(fixture.lines.str(), HasSubstr(R"("detail":"redis_unreachable")"));
    EXPECT_EQ(fixture.count("heartbeat.withheld"), 1U);
    EXPECT_EQ(fixture.count("heartbeat.resumed"), 1U);
}

TEST(Heartbeat, ADaemonThatIsNotWellYetCallsNobodyAndThatIsNoNews) {
    Fixture fixture;
    fixture.trouble = "starting";
    with_caller(fixture, [&](Switch& other) -> Task<> {
        co_await fixture.asked_again(2);
        EXPECT_EQ(other.requests.size(), 0U);
    });
    EXPECT_EQ(fixture.lines.str(), "");
}

TEST(Heartbeat, AFailureIsToldOnceCountedEachTimeAndKeepsTheUrlToItself) {
    Fixture fixture;
    with_caller(fixture, [&](Switch& other) -> Task<> {
        other.status = 302;
        co_await other.called(3);
        EXPECT_EQ(fixture.count("heartbeat.failed"), 1U);
        other.status = 204;
        while (fixture.count("heartbeat.answered") == 0)
            co_await sleep_for(milliseconds{1});
    });
    EXPECT_THAT(fixture.lines.str(), HasSubstr(R"("detail":"HTTP status 302")"));
    EXPECT_THAT(fixture.lines.str(), Not(HasSubstr("secret-path")));
    const auto metrics = fixture.metrics.exposition();
    EXPECT_THAT(metrics, HasSubstr(R"(quorate_heartbeat_calls_total{outcome="failed"})"));
    EXPECT_THAT(metrics, Not(HasSubstr("quorate_heartbeat_success_timestamp_seconds 0\n")));
}

TEST(Heartbeat, ADaemonThatEndsDoesNotWaitForAnAnswer) {
    Fixture fixture;
    const auto begun = fixture.clock.steady_now();
    with_caller(fixture, [&](Switch& other) -> Task<> {
        other.status = 0;
        co_await other.called(1);
    });
    EXPECT_LT(fixture.clock.steady_now() - begun, std::chrono::seconds{9});
    EXPECT_EQ(fixture.lines.str(), "");
}

TEST(Heartbeat, WithoutAUrlNothingRuns) {
    Fixture fixture;
    HeartbeatCaller caller{
        HeartbeatSettings{}, fixture.metrics, fixture.clock, fixture.log, [] { return ""; }};
    test::run_task([&] { return caller.run(); });
}

TEST(HeartbeatSettings, AUrlThatIsNoneIsRefusedWithoutRepeatingIt) {
    for (const auto* url : {"ftp://host/secret", "https://user@host/secret", "host/secret"}) {
        const auto problem = detail::heartbeat_url_problem(url);
        EXPECT_NE(problem, "") << url;
        EXPECT_THAT(problem, Not(HasSubstr("secret")));
    }
    EXPECT_EQ(detail::heartbeat_url_problem(""), "");
    EXPECT_EQ(detail::heartbeat_url_problem("https://hc.example.com/secret"), "");
}

}  // namespace
}  // namespace quorate
