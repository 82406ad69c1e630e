// HTTP+SSE of 2024-11-05: what is said of a message on its POST and on the stream, told in one
// turn.
#include <atomic>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/integration/probe/event_stream.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

constexpr std::chrono::seconds kPatience{10};
/// So many handlers later the loop has dealt with what it was told.
constexpr unsigned kTurns = 20;

/// Holds a probe's loop between two of its handlers while a server speaks.
class HeldLoop {
public:
    /// To be called by the loop between any two handlers.
    void between() {
        ++handlers_;
        if (!wanted_.exchange(false)) return;
        held_.release();
        EXPECT_TRUE(released_.try_acquire_for(kPatience));
    }
    void hold() {
        wanted_ = true;
        EXPECT_TRUE(held_.try_acquire_for(kPatience));
    }
    /// Lets it go on, and waits until it has dealt with what was said.
    void release() {
        const SystemClock clock;
        const auto begun = clock.steady_now();
        const unsigned until = handlers_ + kTurns;
        released_.release();
        while (!ended_ && handlers_ < until && clock.steady_now() - begun < kPatience)
            std::this_thread::yield();
    }
    /// It goes on no more.
    void end() { ended_ = true; }

private:
    std::atomic<bool> ended_ = false;
    std::atomic<unsigned> handlers_ = 0;
    std::atomic<bool> wanted_ = false;
    std::binary_semaphore held_{0};
    std::binary_semaphore released_{0};
};

enum class First { acceptance, answer };

/// Tells of each message in one turn that it is accepted and what the answer is: one of them whole,
/// and then half of the other, whose rest comes once the probe has dealt with that.
class RacingServer {
public:
    RacingServer(First first, HeldLoop& loop) : first_{first}, loop_{loop} {}

    void operator()(RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            if (request.method() == "GET") return serve_stream(connection);
            if (request.rpc_id == 0)
                connection.send(kAccepted);
            else
                answer(connection, request);
        }
    }

private:
    void serve_stream(RawConnection& connection) {
        connection.send(kStream + "event: endpoint\ndata: /messages\n\n");
        keep_stream(&connection);
        connection.wait_for_close();
        keep_stream(nullptr);
    }
    void keep_stream(RawConnection* stream) {
        const std::lock_guard lock{mutex_};
        stream_ = stream;
    }
    void say(const std::string& text) {
        const std::lock_guard lock{mutex_};
        if (stream_ != nullptr) stream_->send(text);
    }

    void answer(RawConnection& connection, const RawRequest& request) {
        const bool lists = request.rpc_method == "tools/list";
        const auto answer =
            event(result(request.rpc_id, lists ? kToolsResult : kInitialized), "event: message\n");
        loop_.hold();
        if (first_ == First::acceptance) {
            connection.send(kAccepted);
            say(answer.substr(0, answer.size() / 2));
            loop_.release();
            say(answer.substr(answer.size() / 2));
        } else {
            say(answer);
            connection.send(kAccepted.substr(0, 12));
            loop_.release();
            connection.send(kAccepted.substr(12));
        }
    }

    static constexpr std::string_view kInitialized =
        R"({"protocolVersion":"2024-11-05","capabilities":{"tools":{}},)"
        R"("serverInfo":{"name":"sse","version":"1"}})";
    const std::string kAccepted = http(202, "text/plain", "Accepted");

    First first_;
    HeldLoop& loop_;
    std::mutex mutex_;
    RawConnection* stream_ = nullptr;
};

TEST(ProbeHttpSseRace, OneThatIsToldWholeIsNotSpoiltByHalfOfTheOther) {
    for (const auto first : {First::acceptance, First::answer}) {
        SCOPED_TRACE(first == First::acceptance ? "accepted first" : "answered first");
        HeldLoop loop;
        RacingServer script{first, loop};
        RawServer server{std::ref(script)};
        ProbeHarness harness;
        auto request = request_for(server.url("/sse"));
        request.retry = false;
        request.era = EraMode::sse;
        request.timeout = kPatience;
        const auto report = harness.probe_between(request, [&] { loop.between(); });
        loop.end();
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
        ASSERT_TRUE(report.tools);
        EXPECT_EQ(report.tools->count, 1U);
    }
}

}  // namespace
}  // namespace quorate
