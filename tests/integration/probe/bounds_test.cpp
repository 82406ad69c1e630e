// Each bound of the probe page, crossed on the wire: just under it all is well, just over it comes
// the reason that the page states.
#include <atomic>
#include <functional>
#include <semaphore>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

constexpr std::size_t kKiB = std::size_t{1} << 10U;
constexpr std::size_t kMiB = std::size_t{1} << 20U;

class ProbeBounds : public testing::Test {
protected:
    ProbeReport probe() {
        RawServer server{std::ref(script_)};
        auto request = request_for(server.url());
        request.timeout = std::chrono::seconds{20};  // parsing 32 MiB on a busy machine
        request.retry = false;
        return harness_.probe(request);
    }
    /// What comes out where tools/list says that.
    ProbeReport probe_list(McpScript::Say say) {
        script_.on("tools/list", std::move(say));
        return probe();
    }

    static void expect_up(const ProbeReport& report) {
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    }
    static void expect_reason(const ProbeReport& report, const char* reason) {
        EXPECT_EQ(name_or_none(report.reason), reason) << report.detail;
        EXPECT_EQ(name_or_none(report.phase), "tools_list");
        EXPECT_EQ(report.http_status.value_or(200), 200);
    }

    McpScript script_;
    ProbeHarness harness_;
};

/// An answer to `request` whose result has the members `json` behind `tools`.
std::string message(const RawRequest& request, const std::string& json) {
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(request.rpc_id) +
           R"(,"result":{"tools":[])" + json + "}}";
}

/// The same, filled up to `size` bytes.
std::string message_of(const RawRequest& request, std::size_t size) {
    const auto bare = message(request, R"(,"x":"")");
    return message(request, R"(,"x":")" + std::string(size - bare.size(), 'x') + '"');
}

std::string tools(int count, const std::string& prefix = "t") {
    std::string text;
    for (int i = 0; i < count; ++i)
        text += (i == 0 ? "" : ",") + (R"({"name":")" + prefix + std::to_string(i)) +
                R"(","inputSchema":{"type":"object"}})";
    return text;
}

TEST_F(ProbeBounds, AHeadOf64KiB) {
    const auto with_head_of = [](std::size_t size) {
        return [size](const RawRequest& request) {
            const auto bare = rpc_result(request, kToolsResult, "X: \r\n");
            const auto head = bare.find("\r\n\r\n") + 4;
            return rpc_result(
                request, kToolsResult, "X: " + std::string(size - head, 'x') + "\r\n");
        };
    };
    expect_up(probe_list(with_head_of(64 * kKiB)));
    expect_reason(probe_list(with_head_of(64 * kKiB + 1)), "http_malformed");
}

TEST_F(ProbeBounds, ALineOf8MiB) {
    const auto with_line_of = [](std::size_t size) {
        return [size](const RawRequest& request) {
            return http(200,
                        "text/event-stream",
                        "data: " + message_of(request, size - 6) + "\n\n",
                        "Connection: close\r\n");
        };
    };
    expect_up(probe_list(with_line_of(8 * kMiB)));
    expect_reason(probe_list(with_line_of(8 * kMiB + 1)), "response_too_large");
}

TEST_F(ProbeBounds, AnEventOf16MiB) {
    // Three lines, the last of which reaches the bound together with the data of those before.
    const auto with_event_of = [](std::size_t size) {
        return [size](const RawRequest& request) {
            const auto whole = message_of(request, size - 1024);
            const auto begin = whole.size() - 2 * 6 * kMiB;
            const auto head = whole.substr(0, begin - 3);
            std::string body = "data: " + head + "\",\ndata: \"y\":\"";
            body += std::string(6 * kMiB, 'y') + "\",\ndata: \"z\":\"";
            const std::size_t first = head.size() + 2 + 1;
            const std::size_t second = 5 + 6 * kMiB + 2 + 1;
            const std::size_t rest = size - first - second;  // the last line, with its `data: `
            body += std::string(rest - 6 - 5 - 3, 'z') + "\"}}\n\n";
            return http(200, "text/event-stream", body, "Connection: close\r\n");
        };
    };
    expect_up(probe_list(with_event_of(16 * kMiB)));
    expect_reason(probe_list(with_event_of(16 * kMiB + 1)), "response_too_large");
}

TEST_F(ProbeBounds, AStreamOf32MiB) {
    const auto with_stream_of = [](std::size_t size) {
        return [size](const RawRequest& request) {
            const auto event = "data: " + message(request, "") + "\n\n";
            std::string body;
            body.reserve(size);
            const std::string comment = ":" + std::string(kMiB - 2, 'c') + "\n";
            while (body.size() + comment.size() + event.size() + 2 <= size)
                body += comment;
            body += ":" + std::string(size - body.size() - event.size() - 2, 'c') + "\n" + event;
            return http(200, "text/event-stream", body, "Connection: close\r\n");
        };
    };
    expect_up(probe_list(with_stream_of(32 * kMiB)));
    expect_reason(probe_list(with_stream_of(32 * kMiB + 1)), "response_too_large");
}

TEST_F(ProbeBounds, ABodyOf32MiB) {
    const auto with_body_of = [](std::size_t size) {
        return [size](const RawRequest& request) {
            return http(200, "application/json", message_of(request, size));
        };
    };
    expect_up(probe_list(with_body_of(32 * kMiB)));
    expect_reason(probe_list(with_body_of(32 * kMiB + 1)), "response_too_large");
}

TEST_F(ProbeBounds, JsonOf128Levels) {
    // The message and its result are two of them.
    const auto with_depth_of = [](std::size_t depth) {
        return [depth](const RawRequest& request) {
            const auto json = message(
                request, R"(,"x":)" + std::string(depth - 2, '[') + std::string(depth - 2, ']'));
            return http(200, "application/json", json);
        };
    };
    expect_up(probe_list(with_depth_of(128)));
    expect_reason(probe_list(with_depth_of(129)), "response_too_large");
}

TEST_F(ProbeBounds, AListOf50Pages) {
    const auto with_pages = [](int count) {
        const auto page = std::make_shared<std::atomic<int>>(0);
        return [count, page](const RawRequest& request) {
            const int n = ++*page;
            const auto next =
                n < count ? R"(,"nextCursor":")" + std::to_string(n) + '"' : std::string{};
            return rpc_result(
                request,
                R"({"tools":[)" + tools(1, "p" + std::to_string(n) + "-") + "]" + next + "}");
        };
    };
    const auto fifty = probe_list(with_pages(50));
    expect_up(fifty);
    ASSERT_TRUE(fifty.tools);
    EXPECT_EQ(fifty.tools->pages, 50U);
    EXPECT_EQ(fifty.tools->count, 50U);
    const auto more = probe_list(with_pages(51));
    expect_reason(more, "pagination_invalid");
    EXPECT_EQ(more.verdict, Verdict::degraded);
}

TEST_F(ProbeBounds, ACursorOf64KiB) {
    const auto with_cursor_of = [](std::size_t size) {
        const auto page = std::make_shared<std::atomic<int>>(0);
        return [size, page](const RawRequest& request) {
            const auto cursor = std::string(size, 'c');
            const auto next = ++*page == 1 ? R"(,"nextCursor":")" + cursor + '"' : std::string{};
            if (*page == 2) {
                EXPECT_NE(request.body.find('"' + cursor + '"'), std::string::npos);
            }
            return rpc_result(request, R"({"tools":[])" + next + "}");
        };
    };
    expect_up(probe_list(with_cursor_of(64 * kKiB)));
    expect_reason(probe_list(with_cursor_of(64 * kKiB + 1)), "response_too_large");
}

TEST_F(ProbeBounds, AListOf5000Tools) {
    const auto with_tools = [](int count) {
        return [count](const RawRequest& request) {
            return rpc_result(request, R"({"tools":[)" + tools(count) + "]}");
        };
    };
    const auto most = probe_list(with_tools(5000));
    expect_up(most);
    ASSERT_TRUE(most.tools);
    EXPECT_EQ(most.tools->count, 5000U);
    expect_reason(probe_list(with_tools(5001)), "pagination_invalid");
}

TEST_F(ProbeBounds, SixteenRequestsOfTheServer) {
    for (const int asked : {16, 17}) {
        McpScript script;
        std::atomic<int> answered = 0;
        script.on("tools/list", [&](const RawRequest& request) {
            std::string events;
            for (int i = 0; i < asked; ++i)
                events += R"(data: {"jsonrpc":"2.0","id":)" + std::to_string(i) +
                          ",\"method\":\"ping\"}\n\n";
            return http(200,
                        "text/event-stream",
                        events + "data: " + message(request, "") + "\n\n",
                        "Connection: close\r\n");
        });
        script.on("POST", [&](const RawRequest&) {  // a response: it has no method
            ++answered;
            return http(202, "", "");
        });
        {
            RawServer server{std::ref(script)};
            auto request = request_for(server.url());
            request.timeout = std::chrono::seconds{20};
            expect_up(harness_.probe(request));
        }
        EXPECT_EQ(answered, 16) << asked;
    }
}

TEST_F(ProbeBounds, AnIdOf1KiBInARequestOfTheServer) {
    McpScript script;
    std::atomic<int> answered = 0;
    const std::string longest(kKiB, 'i');
    script.on("tools/list", [&](const RawRequest& request) {
        std::string events;
        for (const auto& id : {longest + 'i', longest})
            events += R"(data: {"jsonrpc":"2.0","id":")" + id + "\",\"method\":\"ping\"}\n\n";
        return http(200,
                    "text/event-stream",
                    events + "data: " + message(request, "") + "\n\n",
                    "Connection: close\r\n");
    });
    script.on("POST", [&](const RawRequest& request) {
        EXPECT_NE(request.body.find('"' + longest + '"'), std::string::npos);
        ++answered;
        return http(202, "", "");
    });
    {
        RawServer server{std::ref(script)};
        expect_up(harness_.probe(request_for(server.url())));
    }
    EXPECT_EQ(answered, 1);
}

TEST_F(ProbeBounds, FourConnectionsThatCarriedAnswersToTheServerAreKept) {
    McpScript script;
    script.on("POST", [](const RawRequest&) { return http(202, "", ""); });
    std::counting_semaphore<> closed{0};
    RawServer server{[&](RawConnection& connection) {
        if (!script.serve_until(connection, "tools/list")) return closed.release();
        const auto request = script.requests().back();
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        for (int i = 0; i < 16; ++i)
            connection.send(R"(data: {"jsonrpc":"2.0","id":)" + std::to_string(i) +
                            ",\"method\":\"ping\"}\n\n");
        for (int i = 0; i < 16 - 4; ++i)
            if (!closed.try_acquire_for(std::chrono::seconds{10})) return;
        connection.send("data: " + message(request, "") + "\n\n");
        connection.wait_for_close();
    }};
    auto request = request_for(server.url());
    request.timeout = std::chrono::seconds{20};
    request.retry = false;
    expect_up(harness_.probe(request));
}

TEST_F(ProbeBounds, ThreeRedirects) {
    for (const int hops : {3, 4}) {
        RawServer server{[&](RawConnection& connection) {
            for (RawRequest request; connection.read(request);) {
                const auto at = request.head.find(" /hop");
                const int hop = at == std::string::npos ? 0 : request.head[at + 5] - '0';
                if (hop < hops)
                    connection.send(
                        http(308, "", "", "Location: /hop" + std::to_string(hop + 1) + "\r\n"));
                else if (request.rpc_method == "server/discover")
                    connection.send(http(500, "", ""));
            }
        }};
        auto request = request_for(server.url());
        request.retry = false;
        const auto report = harness_.probe(request);
        EXPECT_EQ(name_or_none(report.reason), hops == 3 ? "http_server_error" : "redirect_refused")
            << report.detail;
    }
}

TEST_F(ProbeBounds, TwoResumes) {
    for (const int breaks : {1, 2, 3}) {
        McpScript script;
        std::atomic<int> streams = 0;
        std::atomic<std::int64_t> id = 0;
        const auto stream = [&](const RawRequest& request) {
            if (request.rpc_id != 0) id = request.rpc_id;
            const int nth = ++streams;
            RawRequest asked;
            asked.rpc_id = id;
            const auto events = nth <= breaks
                                    ? "id: " + std::to_string(nth) + "\nretry: 1\ndata: \n\n"
                                    : "data: " + message(asked, "") + "\n\n";
            return http(200, "text/event-stream", events, "Connection: close\r\n");
        };
        script.on("tools/list", stream);
        script.on("GET", stream);
        RawServer server{std::ref(script)};
        auto request = request_for(server.url());
        request.timeout = std::chrono::seconds{5};
        request.retry = false;
        const auto report = harness_.probe(request);
        if (breaks <= 2)
            expect_up(report);
        else
            expect_reason(report, "protocol_no_response");
        EXPECT_EQ(script.count("GET"), std::min(breaks, 2));
    }
}

}  // namespace
}  // namespace quorate
