#include "platform/telemetry/health_server.hpp"

#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"
#include "tests/unit/platform/runtime/run_task.hpp"

namespace quorate {
namespace {

using tcp = asio::ip::tcp;
using testing::HasSubstr;
using testing::StartsWith;

Task<tcp::socket> connect(std::uint16_t port) {
    tcp::socket socket{co_await asio::this_coro::executor};
    const tcp::endpoint peer{asio::ip::address_v4::loopback(), port};
    co_await socket.async_connect(peer, asio::use_awaitable);
    co_return socket;
}

/// Everything the server says until it closes.
Task<std::string> read_all(tcp::socket& socket) {
    std::string text;
    auto buffer = asio::dynamic_buffer(text);
    co_await asio::async_read(socket, buffer, asio::as_tuple(asio::use_awaitable));
    co_return text;
}

Task<std::string> exchange(std::uint16_t port, std::string request) {
    auto socket = co_await connect(port);
    co_await asio::async_write(socket, asio::buffer(request), asio::as_tuple(asio::use_awaitable));
    co_return co_await read_all(socket);
}

Task<std::string> get(std::uint16_t port, std::string path) {
    std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    co_return co_await exchange(port, std::move(request));
}

struct Fixture {
    Readiness readiness;
    Metrics metrics;
    HealthServerOptions options;
};

/// Runs a real server on a port of the system's choice, and `client` against it.
void with_server(Fixture& fixture, const std::function<Task<>(HealthServer&)>& client) {
    test::run_task([&]() -> Task<> {
        auto executor = co_await asio::this_coro::executor;
        HealthServer server{executor, fixture.options, fixture.readiness, fixture.metrics};
        TaskGroup group{executor, 1};
        group.spawn("health_server", server.serve());
        std::exception_ptr thrown;
        try {
            co_await client(server);
        } catch (...) {
            thrown = std::current_exception();
        }
        group.cancel();
        co_await group.join();
        if (thrown) std::rethrow_exception(thrown);
    });
}

TEST(HealthServer, LivezIsTwoHundred) {
    Fixture fixture;
    fixture.readiness.set("redis_unreachable");
    with_server(fixture, [](HealthServer& server) -> Task<> {
        EXPECT_NE(server.port(), 0);
        const auto answer = co_await get(server.port(), "/livez");
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
        EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
    });
}

TEST(HealthServer, ReadyzNamesTheReasonsAndRecovers) {
    Fixture fixture;
    with_server(fixture, [&](HealthServer& server) -> Task<> {
        fixture.readiness.set("redis_unreachable");
        fixture.readiness.set("postgres_unreachable");
        const auto not_ready = co_await get(server.port(), "/readyz?verbose");
        EXPECT_THAT(not_ready, StartsWith("HTTP/1.1 503 "));
        EXPECT_THAT(not_ready, HasSubstr("Content-Type: application/json\r\n"));
        EXPECT_THAT(not_ready,
                    testing::EndsWith("\r\n\r\n{\"ready\":false,\"reasons\":"
                                      "[\"postgres_unreachable\",\"redis_unreachable\"]}"));
        fixture.readiness.clear("redis_unreachable");
        fixture.readiness.clear("postgres_unreachable");
        const auto ready = co_await get(server.port(), "/readyz");
        EXPECT_THAT(ready, StartsWith("HTTP/1.1 200 OK\r\n"));
        EXPECT_THAT(ready, testing::EndsWith("\r\n\r\n{\"ready\":true}"));
    });
}

TEST(HealthServer, MetricsAreTheExposition) {
    Fixture fixture;
    fixture.metrics.counter("quorate_jobs_total", "Jobs.").add(5);
    with_server(fixture, [](HealthServer& server) -> Task<> {
        const auto answer = co_await get(server.port(), "/metrics");
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
        EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4"));
        EXPECT_THAT(answer, HasSubstr("\nquorate_jobs_total 5\n"));
    });
}

TEST(HealthServer, HeadHasTheLengthAndNoBody) {
    Fixture fixture;
    with_server(fixture, [](HealthServer& server) -> Task<> {
        const auto answer =
            co_await exchange(server.port(), "HEAD /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        EXPECT_THAT(answer, HasSubstr("Content-Length: 14\r\n"));
        EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
    });
}

TEST(HealthServer, OtherPathsMethodsAndNonsenseAreRefused) {
    Fixture fixture;
    with_server(fixture, [](HealthServer& server) -> Task<> {
        const auto missing = co_await get(server.port(), "/");
        EXPECT_THAT(missing, StartsWith("HTTP/1.1 404 "));
        const auto posted = co_await exchange(
            server.port(), "POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        EXPECT_THAT(posted, StartsWith("HTTP/1.1 405 "));
        EXPECT_THAT(posted, HasSubstr("Allow: GET, HEAD\r\n"));
        const auto nonsense = co_await exchange(server.port(), "\x16\x03\x01 hello\r\n\r\n");
        EXPECT_THAT(nonsense, StartsWith("HTTP/1.1 400 "));
        const auto livez = co_await get(server.port(), "/livez");
        EXPECT_THAT(livez, StartsWith("HTTP/1.1 200 "));
    });
}

TEST(HealthServer, AHeaderThatIsTooLargeIsRefused) {
    Fixture fixture;
    with_server(fixture, [](HealthServer& server) -> Task<> {
        std::string request = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ";
        request.append(8192, 'x');
        const auto answer = co_await exchange(server.port(), std::move(request));
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 431 "));
    });
}

TEST(HealthServer, ASilentPeerIsClosedAtTheTimeout) {
    Fixture fixture;
    fixture.options.timeout = milliseconds{50};
    with_server(fixture, [](HealthServer& server) -> Task<> {
        auto socket = co_await connect(server.port());
        const auto said = co_await read_all(socket);
        EXPECT_EQ(said, "");
    });
}

TEST(HealthServer, SilentPeersUpToTheBoundOnlyDelayTheNextOne) {
    Fixture fixture;
    fixture.options.timeout = milliseconds{50};
    fixture.options.connections_max = 2;
    with_server(fixture, [](HealthServer& server) -> Task<> {
        const auto first = co_await connect(server.port());
        const auto second = co_await connect(server.port());
        const auto answer = co_await get(server.port(), "/livez");
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
    });
}

TEST(HealthServer, StoppingEndsOpenConnections) {
    Fixture fixture;
    fixture.options.timeout = std::chrono::minutes{10};
    asio::io_context client;
    asio::ip::tcp::socket socket{client};
    with_server(fixture, [&socket](HealthServer& server) -> Task<> {
        socket.connect({asio::ip::make_address("127.0.0.1"), server.port()});
        co_await sleep_for(milliseconds{1});  // lets the server accept it
    });
    std::array<char, 1> byte{};
    boost::system::error_code error;
    socket.read_some(asio::buffer(byte), error);
    EXPECT_TRUE(error == asio::error::eof || error == asio::error::connection_reset)
        << error.message();
}

TEST(HealthServer, APortInUseIsOneLineThatNamesIt) {
    Fixture fixture;
    asio::io_context io;
    const HealthServer first{
        io.get_executor(), fixture.options, fixture.readiness, fixture.metrics};
    fixture.options.port = first.port();
    const auto port = std::to_string(first.port());
    try {
        const HealthServer second{
            io.get_executor(), fixture.options, fixture.readiness, fixture.metrics};
        ADD_FAILURE() << "two servers share port " << port;
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(),
                  "port " + port + " is in use (health server, 127.0.0.1:" + port + ")");
    }
}

TEST(HealthServer, AnAddressThatIsNoneIsNamed) {
    Fixture fixture;
    asio::io_context io;
    fixture.options.address = "localhost";
    EXPECT_THROW(
        (HealthServer{io.get_executor(), fixture.options, fixture.readiness, fixture.metrics}),
        std::runtime_error);
}

}  // namespace
}  // namespace quorate
