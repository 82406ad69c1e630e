// What a hostile server can cost an agent: each row ends within the attempt's time, with the reason
// that fits, after no more bytes than the bounds allow, and without memory beyond them.
#include <atomic>
#include <fstream>
#include <functional>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/integration/probe/certificates.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;
/// What the kernel may hold on the way, both socket buffers at their largest.
constexpr std::size_t kUnderWay = 12 * kMiB;

const std::string kJson = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const std::string kChunkedJson = kJson + "Transfer-Encoding: chunked\r\n\r\n";
const std::string kStream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

// Sanitizers hold what was freed back, and take several times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
/// For the fast ones to reach their bounds, which takes a while on a busy machine.
constexpr std::chrono::seconds kFastTimeout{kSanitized ? 120 : 20};

/// The peak of this process' memory since the last call, in bytes; 0 where nothing tells.
std::size_t take_memory_peak() {
    if (kSanitized) return 0;
    std::size_t peak_kib = 0;
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);)
        if (line.rfind("VmHWM:", 0) == 0) peak_kib = std::stoul(line.substr(6));
    std::ofstream reset{"/proc/self/clear_refs"};
    reset << "5" << std::flush;
    return reset ? peak_kib * 1024 : 0;
}

std::size_t grown(std::size_t before, std::size_t peak) {
    return before != 0 && peak > before ? peak - before : 0;
}

/// One way to be hostile: `begin`, and then `endless` over and over, in place of an answer to
/// tools/list.
struct Attack {
    std::string begin;
    std::string endless;
    const char* reason;
    std::size_t bytes_max;                 ///< that the server gets rid of
    std::size_t memory_max;                ///< above what was there before
    milliseconds every = milliseconds{0};  ///< a pause behind each `endless`
};

class HostileServer : public testing::Test {
protected:
    void expect_harmless(const std::string& name, const Attack& attack) {
        SCOPED_TRACE(name);
        std::atomic<std::size_t> sent = 0;
        McpScript script;
        ProbeReport report;
        {
            RawServer server{[&](RawConnection& connection) {
                if (!script.serve_until(connection, "tools/list")) return;
                if (!connection.send(attack.begin)) return;
                while (connection.send(attack.endless)) {
                    sent += attack.endless.size();
                    if (attack.every.count() > 0 && connection.stirs_within(attack.every)) return;
                }
            }};
            auto request = request_for(server.url());
            request.retry = false;
            // The slow ones reach the timeout.
            request.timeout = attack.every.count() > 0 ? milliseconds{1500} : kFastTimeout;
            const auto before = memory_before();
            const auto begun = clock_.steady_now();
            report = harness_.probe(request);
            const auto took = clock_.steady_now() - begun;
            const auto peak = take_memory_peak();
            EXPECT_LT(took, request.timeout + std::chrono::seconds{2});
            EXPECT_LT(grown(before, peak), attack.memory_max);
        }
        EXPECT_EQ(name_or_none(report.reason), attack.reason) << report.detail;
        EXPECT_EQ(name_or_none(report.phase), "tools_list");
        EXPECT_LT(sent, attack.bytes_max + kUnderWay);
    }

    std::size_t memory_before() {
        take_memory_peak();
        const auto before = take_memory_peak();
        memory_is_untold_ = memory_is_untold_ || (before == 0 && !kSanitized);
        return before;
    }
    void TearDown() override {
        if (memory_is_untold_)
            GTEST_SKIP() << "the bounds of memory were not looked at: /proc/self/clear_refs can't "
                            "be written here; the others were";
    }

    SystemClock clock_;
    ProbeHarness harness_;

private:
    bool memory_is_untold_ = false;
};

TEST_F(HostileServer, ThatDribblesReachesTheTimeoutAndNothingElse) {
    const milliseconds pause{100};
    const auto slow = [&](std::string begin, std::string endless, const char* reason) {
        return Attack{std::move(begin), std::move(endless), reason, kMiB, 8 * kMiB, pause};
    };
    expect_harmless("a byte of the head at a time",
                    slow("HTTP/1.1 200 OK\r\nX: ", "x", "timeout_headers"));
    expect_harmless("a field at a time",
                    slow("HTTP/1.1 200 OK\r\n", "X: y\r\n", "timeout_headers"));
    expect_harmless("an interim response at a time",
                    slow("", "HTTP/1.1 100 Continue\r\n\r\n", "timeout_headers"));
    expect_harmless("a byte of the body at a time",
                    slow(kJson + "Content-Length: 1000\r\n\r\n", " ", "timeout_body"));
    expect_harmless("a chunk at a time", slow(kChunkedJson, "1\r\n \r\n", "timeout_body"));
    expect_harmless("a comment at a time", slow(kStream, ": ping\n\n", "timeout_body"));
    expect_harmless("an event without data at a time", slow(kStream, "id: 1\n\n", "timeout_body"));
    expect_harmless("a notification at a time",
                    slow(kStream,
                         "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n",
                         "timeout_body"));
}

TEST_F(HostileServer, ThatFloodsTheHeadIsCutOffAt64KiB) {
    const auto flood = [](std::string begin, std::string endless) {
        return Attack{std::move(begin), std::move(endless), "http_malformed", kMiB, 24 * kMiB};
    };
    const std::string head = "HTTP/1.1 200 OK\r\n";
    expect_harmless("fields", flood(head, "X-Filler: " + std::string(2000, 'x') + "\r\n"));
    expect_harmless("a cookie", flood(head + "Set-Cookie: a=", std::string(kMiB, 'x')));
    expect_harmless("a reason phrase", flood("HTTP/1.1 200 ", std::string(60'000, 'x')));
    expect_harmless("interim responses", flood("", "HTTP/1.1 103 X\r\nLink: </x>\r\n\r\n"));
    expect_harmless("no line end at all", flood("", std::string(60'000, 'x')));
    expect_harmless("a chunk's extensions", flood(kChunkedJson + "1;a=", std::string(60'000, 'x')));
    expect_harmless("trailers",
                    flood(kChunkedJson + "0\r\n", "X-Filler: " + std::string(2000, 'x') + "\r\n"));
}

TEST_F(HostileServer, ThatFloodsTheBodyIsCutOffAt32MiB) {
    const auto flood = [](std::string begin, std::string endless, std::size_t memory_max) {
        return Attack{
            std::move(begin), std::move(endless), "response_too_large", 32 * kMiB, memory_max};
    };
    std::string comments;
    std::string events;
    std::string elements = "10000\r\n";
    while (comments.size() < 60'000)
        comments += ": nothing to see here\n\n";
    while (events.size() < 60'000)
        events += "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n";
    while (elements.size() < 65'536 + 7)
        elements += "[],,";
    elements = elements.substr(0, 65'536 + 7) + "\r\n";
    expect_harmless("comments", flood(kStream, comments, 24 * kMiB));
    expect_harmless("events", flood(kStream, events, 24 * kMiB));
    expect_harmless("one line", flood(kStream, std::string(60'000, 'x'), 40 * kMiB));
    expect_harmless("elements of an array", flood(kChunkedJson, elements, 100 * kMiB));
    expect_harmless("a body until the connection ends",
                    flood(kJson + "\r\n", std::string(60'000, '['), 100 * kMiB));
}

// Without a pause the socket is ready for ever: the loop must get its turn all the same. It shows
// where parsing is slower than the peer, as under the sanitizers.
TEST(HostileFlood, LeavesTheOthersOfTheLoopTheirTurn) {
    const std::string comments = ":" + std::string(kMiB, 'x') + "\n";
    RawServer server{[&](RawConnection& connection) {
        RawRequest request;
        if (!connection.read(request)) return;
        connection.send(kStream);
        for (int i = 0; i < 64; ++i)
            connection.send(comments);
    }};
    auto request = request_for(server.url());
    request.timeout = kFastTimeout;
    request.retry = false;
    ProbeHarness harness;
    const auto report = harness.probe_cancelled_after(request, milliseconds{3});
    EXPECT_EQ(name_or_none(report.reason), "aborted") << report.detail;
}

TEST_F(HostileServer, ThatWrapsLittleInMuchFramingIsCutOffAt64MiB) {
    const auto chunk = "1;" + std::string(60'000, 'x') + "\r\n \r\n";
    expect_harmless("extensions",
                    {kChunkedJson, chunk, "response_too_large", 64 * kMiB, 24 * kMiB});
}

TEST_F(HostileServer, ThatSendsBombsCostsNoMoreThanWhatItSends) {
    struct Bomb {
        const char* name;
        std::string unit;
        const char* reason;
    };
    // Each of these is a complete body of almost 32 MiB that would grow to 0.6..0.9 GB as values.
    const Bomb bombs[] = {{"numbers", "0,", "response_too_large"},
                          {"empty arrays", "[],", "response_too_large"},
                          {"members", R"({"":0},)", "response_too_large"}};
    for (const auto& bomb : bombs) {
        SCOPED_TRACE(bomb.name);
        McpScript script;
        std::string body = "[";
        while (body.size() + bomb.unit.size() < 32 * kMiB)
            body += bomb.unit;
        body.back() = ']';
        const auto answer = http(200, "application/json", body);
        script.on("tools/list", [&](const RawRequest&) { return answer; });
        RawServer server{std::ref(script)};
        auto request = request_for(server.url());
        request.retry = false;
        request.timeout = kFastTimeout;
        const auto before = memory_before();
        const auto report = harness_.probe(request);
        const auto peak = take_memory_peak();
        EXPECT_EQ(name_or_none(report.reason), bomb.reason) << report.detail;
        // The body twice over while its buffer grows, and the server's own copy.
        EXPECT_LT(grown(before, peak), 150 * kMiB);
    }
}

TEST_F(HostileServer, ThatCompressesAnywayIsNotUnpacked) {
    // Ten bytes of head and then a run that would grow a thousandfold.
    const auto bomb = std::string("\x1f\x8b\x08\0\0\0\0\0\0\3", 10) + std::string(kMiB, '\0');
    McpScript script;
    script.on("tools/list", [&](const RawRequest&) {
        return http(200, "application/json", bomb, "Content-Encoding: gzip\r\n");
    });
    RawServer server{std::ref(script)};
    auto request = request_for(server.url());
    request.retry = false;
    request.timeout = kFastTimeout;
    const auto report = harness_.probe(request);
    EXPECT_EQ(name_or_none(report.reason), "protocol_invalid_json");
    EXPECT_NE(report.detail.find("gzip"), std::string::npos) << report.detail;
    for (const auto& sent : script.requests())
        EXPECT_EQ(sent.field("Accept-Encoding"), "identity");
}

TEST_F(HostileServer, ThatSendsSessionTicketsForEverReachesTheTimeout) {
    const TestAuthority authority;
    const auto context = authority.server({});
    std::atomic<bool> sends_more = true;
    RawServer server{[&](RawConnection& connection) {
                         while (sends_more && SSL_new_session_ticket(connection.tls()) == 1 &&
                                SSL_do_handshake(connection.tls()) == 1) {
                         }
                     },
                     context.get()};
    auto request = request_for("https://localhost:" + std::to_string(server.port()) + "/mcp");
    request.ca_file = authority.ca_file();
    request.retry = false;
    request.timeout = milliseconds{2000};
    const auto begun = clock_.steady_now();
    const auto report = harness_.probe(request);
    EXPECT_LT(clock_.steady_now() - begun, request.timeout + std::chrono::seconds{2});
    sends_more = false;
    EXPECT_EQ(name_or_none(report.reason), "timeout_headers") << report.detail;
}

}  // namespace
}  // namespace quorate
