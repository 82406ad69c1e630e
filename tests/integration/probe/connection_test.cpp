#include <cerrno>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/attempt.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

/// The report of a probe of a server that does `serve` with each connection.
ProbeReport report_of(RawServer::Serve serve, milliseconds timeout = milliseconds{600}) {
    RawServer server{std::move(serve)};
    auto request = request_for(server.url());
    request.timeout = timeout;
    ProbeHarness harness;
    return harness.probe(request);
}

TEST(ProbeConnection, ARefusedPortIsConnectionRefusedAfterTwoAttempts) {
    std::string url;
    {
        RawServer server{[](RawConnection&) {}};
        url = server.url();
    }
    ProbeHarness harness;
    const auto report = harness.probe(request_for(url));
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_EQ(name_or_none(report.reason), "connection_refused");
    EXPECT_EQ(name_or_none(report.phase), "tcp");
    EXPECT_EQ(report.os_error, ECONNREFUSED);
    EXPECT_EQ(report.peer_address, "127.0.0.1");
    EXPECT_TRUE(report.retried);
    ASSERT_EQ(report.attempts.size(), 2U);
    EXPECT_EQ(name_or_none(report.attempts[0].reason), "connection_refused");
}

TEST(ProbeConnection, ARstBeforeAHeadIsConnectionReset) {
    const auto report = report_of([](RawConnection& connection) {
        RawRequest request;
        connection.read(request);
        connection.reset();
    });
    EXPECT_EQ(name_or_none(report.reason), "connection_reset");
    EXPECT_EQ(name_or_none(report.phase), "discover");
    EXPECT_EQ(report.verdict, Verdict::fail);
}

TEST(ProbeConnection, AFinBeforeACompleteHeadIsConnectionClosed) {
    const auto report = report_of([](RawConnection& connection) {
        RawRequest request;
        connection.read(request);
        connection.send("HTTP/1.1 200 OK\r\nContent-");
    });
    EXPECT_EQ(name_or_none(report.reason), "connection_closed");
    EXPECT_EQ(name_or_none(report.phase), "discover");
}

TEST(ProbeConnection, AServerThatAcceptsAndSaysNothingIsTimeoutHeaders) {
    const auto report = report_of([](RawConnection& connection) { connection.wait_for_close(); });
    EXPECT_EQ(name_or_none(report.reason), "timeout_headers");
    EXPECT_EQ(name_or_none(report.phase), "discover");
    ASSERT_EQ(report.attempts.size(), 2U);
    for (const auto& attempt : report.attempts) {
        // All of the timeout but for what we took of it ourselves.
        EXPECT_GE(attempt.total_us.value_or(0), 590'000U);
        EXPECT_LT(attempt.total_us.value_or(0), 1'200'000U);
    }
}

TEST(ProbeConnection, APeerThatNeverAnswersTheHandshakeIsTimeoutConnect) {
    // A full accept queue drops the connection requests that come after.
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(::bind(listener, generic, size), 0);
    ASSERT_EQ(::listen(listener, 0), 0);
    ASSERT_EQ(::getsockname(listener, generic, &size), 0);
    int fillers[8];
    for (int& filler : fillers) {
        filler = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        ::connect(filler, generic, size);
    }
    auto request = request_for("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
    request.timeout = milliseconds{400};
    request.retry = false;
    ProbeHarness harness;
    const auto report = harness.probe(request);
    EXPECT_EQ(name_or_none(report.reason), "timeout_connect");
    EXPECT_EQ(name_or_none(report.phase), "tcp");
    for (const int filler : fillers)
        ::close(filler);
    ::close(listener);
}

/// UBSan's check of an object's type goes through a pipe when it meets the type first; where no
/// descriptor is left for that, it calls a sound object broken. So it meets the types before.
void show_types_to_sanitizers(const ProbeRequest& request) {
    ProbeHarness other;
    EXPECT_EQ(other.probe(request).verdict, Verdict::up);
    try {
        throw std::system_error{EMFILE, std::generic_category(), "shown"};
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), EMFILE);
        EXPECT_NE(std::string{error.what()}.find("shown"), std::string::npos);
    }
}

TEST(ProbeConnection, RunningOutOfDescriptorsIsOursAndUnknown) {
    McpScript script;
    RawServer server{std::ref(script)};
    show_types_to_sanitizers(request_for(server.url()));
    ProbeHarness harness;
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    // Every descriptor below the lowest free one is in use.
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto report = harness.probe(request_for(server.url()));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_EQ(name_or_none(report.reason), "agent_unhealthy");
    EXPECT_EQ(report.os_error, EMFILE);
    EXPECT_FALSE(report.retried);
}

TEST(ProbeConnection, AnAddressWithoutARouteIsUnreachable) {
    // TCP to a broadcast address: connect() itself says ENETUNREACH, nothing is on the wire.
    ProbeHarness harness;
    auto request = request_for("http://127.255.255.255:9/mcp");
    request.guard.allow_private = true;
    const auto report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_EQ(name_or_none(report.reason), "network_unreachable") << report.detail;
    EXPECT_EQ(name_or_none(report.phase), "tcp");
    EXPECT_EQ(report.os_error, ENETUNREACH);
    EXPECT_TRUE(report.retried);
}

TEST(ProbeConnection, ASourceAddressThatIsNotOursIsOurFaultAndUnknown) {
    ProbeHarness harness;
    auto request = request_for("http://127.0.0.1:9/mcp");
    request.bind_address = "192.0.2.1";  // no address of this machine (RFC 5737)
    const auto report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_EQ(name_or_none(report.reason), "agent_unhealthy") << report.detail;
    EXPECT_EQ(report.os_error, EADDRNOTAVAIL);
}

/// What connecting to the first of `addresses` that answers comes to.
struct Connected {
    Result<boost::asio::ip::address> peer;
    std::optional<std::int32_t> os_error;
    bool one_family = false;
};

Connected connect_to(const std::vector<std::string>& addresses, std::uint16_t port) {
    boost::asio::io_context io{1};
    SystemClock clock;
    TlsContexts contexts;
    Resolver resolver{io.get_executor(), clock, ResolverOptions{}};
    EngineParts parts{clock, contexts, resolver, {}};
    const auto request = request_for("http://localhost/");
    ProbeReport report;
    auto url = *parse_http_url(request.url);
    Attempt attempt{parts, request, report, url, io.get_executor()};
    std::vector<boost::asio::ip::address> parsed;
    for (const auto& address : addresses)
        parsed.push_back(boost::asio::ip::make_address(address));
    std::unique_ptr<Wire> wire;
    std::optional<Result<boost::asio::ip::address>> outcome;
    boost::asio::co_spawn(
        io,
        connect_step(attempt, wire, std::move(parsed), port, true),
        [&](const std::exception_ptr& thrown, Result<boost::asio::ip::address> result) {
            if (thrown) std::rethrow_exception(thrown);
            outcome = std::move(result);
        });
    while (!outcome && io.run_one() > 0) {
    }
    return {*outcome, report.os_error, report.warnings.has(Warning::one_family_unreachable)};
}

constexpr const char* kNoWayThere = "127.255.255.255";  // broadcast: connect() says ENETUNREACH

TEST(ProbeConnection, AnAddressThatWeHaveNoWayToLeavesTheOthersTheirTurn) {
    std::uint16_t closed_port = 0;
    {
        RawServer server{[](RawConnection& connection) { connection.wait_for_close(); }};
        EXPECT_TRUE(connect_to({kNoWayThere, "127.0.0.1"}, server.port()).peer);
        const auto other_family = connect_to({"2001:db8::1", "127.0.0.1"}, server.port());
        EXPECT_TRUE(other_family.peer);
        EXPECT_TRUE(other_family.one_family);
        EXPECT_FALSE(other_family.os_error);
        closed_port = server.port();
    }
    const auto unreachable = connect_to({kNoWayThere, kNoWayThere}, closed_port);
    ASSERT_FALSE(unreachable.peer);
    EXPECT_EQ(name_or_none(unreachable.peer.error().reason), "network_unreachable");
    // Where somebody else failed us too, that decides, whichever comes first.
    for (const auto& addresses : {std::vector<std::string>{kNoWayThere, "127.0.0.1"},
                                  std::vector<std::string>{"127.0.0.1", kNoWayThere}}) {
        const auto refused = connect_to(addresses, closed_port);
        ASSERT_FALSE(refused.peer);
        EXPECT_EQ(name_or_none(refused.peer.error().reason), "connection_refused");
        EXPECT_EQ(refused.os_error, ECONNREFUSED);
    }
}

TEST(ProbeConnection, OurOwnShutdownIsAbortedNeverTheServersFault) {
    RawServer server{[](RawConnection& connection) { connection.wait_for_close(); }};
    ProbeHarness harness;
    const auto report = harness.probe_cancelled_after(request_for(server.url()), milliseconds{50});
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_EQ(name_or_none(report.reason), "aborted");
    EXPECT_LT(report.timings.total.value_or(0), 1'000'000U);
}

TEST(ProbeConnection, CancelledBetweenTwoAttemptsItIsAbortedToo) {
    RawServer server{[](RawConnection&) {}};
    auto request = request_for(server.url());
    request.retry_gap = std::chrono::seconds{30};
    ProbeHarness harness;
    const auto report = harness.probe_cancelled_after(request, milliseconds{200});
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_EQ(name_or_none(report.reason), "aborted");
}

TEST(ProbeConnection, ComesFromTheAddressItIsBoundTo) {
    McpScript script;
    RawServer server{std::ref(script)};
    auto request = request_for(server.url());
    request.bind_address = "127.0.1.3";
    ProbeHarness harness;
    EXPECT_EQ(harness.probe(request).verdict, Verdict::up);
    EXPECT_EQ(server.sources(), std::vector<std::string>{"127.0.1.3"});
}

TEST(ProbeConnection, AConnectionThatTheServerClosesUnsaidIsReplaced) {
    McpScript script;
    script.close_after_answers();
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    const auto report = harness.probe(request_for(server.url()));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_FALSE(report.retried);
    EXPECT_EQ(script.count("tools/list"), 1);
}

TEST(ProbeConnection, WhatStandsBehindAResponseIsNotTheNextOne) {
    McpScript script;
    script.on("server/discover", [](const RawRequest& request) {
        RawRequest next;
        next.rpc_id = request.rpc_id + 1;
        return rpc_error(request, 400, -32000, "Bad Request: Server not initialized") +
               rpc_error(next, 500, -32603, "nobody asked for this");
    });
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    const auto report = harness.probe(request_for(server.url()));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_FALSE(report.retried);
    EXPECT_EQ(server.connections(), 2);
}

TEST(ProbeConnection, AKeptConnectionCarriesTheWholeAttempt) {
    McpScript script;
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    EXPECT_EQ(harness.probe(request_for(server.url())).verdict, Verdict::up);
    EXPECT_EQ(server.connections(), 1);
}

}  // namespace
}  // namespace quorate
