// An event stream that ends before the answer, and what it takes to get the rest (2025-11-25,
// polling).
#include <atomic>
#include <functional>

#include <gtest/gtest.h>

#include "tests/integration/probe/event_stream.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

/// A legacy server whose tools/list is a stream that ends with `first`; what comes behind it is the
/// tests' to say.
class ProbeResume : public testing::Test {
protected:
    void list_breaks_off(const std::string& first) {
        script_.on("tools/list", [this, first](const RawRequest& request) {
            list_id_ = request.rpc_id;
            return http(200, "text/event-stream", first);
        });
    }
    std::string rest() const {
        return http(200, "text/event-stream", event(result(list_id_, kToolsResult)));
    }
    ProbeReport probe() {
        request_.retry = false;
        request_.era = EraMode::legacy;
        return harness_.probe(request_);
    }

    McpScript script_;
    RawServer server_{std::ref(script_)};
    ProbeHarness harness_;
    ProbeRequest request_ = request_for(server_.url());
    std::atomic<std::int64_t> list_id_ = 0;
    std::atomic<int> resumes_ = 0;
};

TEST_F(ProbeResume, TheRetryTimeHoldsUntilTheServerSaysAnother) {
    list_breaks_off("id: 1\nretry: 300\ndata: \n\n");
    script_.on("GET", [&](const RawRequest&) {
        return ++resumes_ == 1 ? http(200, "text/event-stream", "id: 2\ndata: \n\n") : rest();
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    // Two times 300 ms; the second would be the default of 1000 ms.
    EXPECT_GE(report.timings.tools_list.value_or(0), 600'000U);
    EXPECT_LT(report.timings.tools_list.value_or(0), 1'200'000U);
    EXPECT_EQ(script_.requests()[4].field("Last-Event-ID"), "2");
}

TEST_F(ProbeResume, TheLastEventHoldsThroughAStreamThatHasNone) {
    list_breaks_off("id: 1\nretry: 20\ndata: \n\n");
    script_.on("GET", [&](const RawRequest&) {
        return ++resumes_ == 1 ? http(200, "text/event-stream", ": still at it\n\n") : rest();
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(script_.count("GET"), 2);
    for (const auto& sent : script_.requests())
        EXPECT_EQ(sent.field("Last-Event-ID"), sent.method() == "GET" ? "1" : "");
}

TEST_F(ProbeResume, ASessionThatIsLostMeanwhileIsReplacedOnce) {
    for (const auto& lost : {http(404, "text/plain", "Not Found"),
                             http(400, "text/plain", "No valid session ID provided")}) {
        resumes_ = 0;
        script_.on("tools/list", [this](const RawRequest& request) {
            if (++resumes_ > 1) return rpc_result(request, kToolsResult);
            return http(200, "text/event-stream", "id: 1\nretry: 20\ndata: \n\n");
        });
        script_.on("GET", [&](const RawRequest&) { return lost; });
        const auto recovered = probe();
        EXPECT_EQ(recovered.verdict, Verdict::up) << recovered.detail;
        EXPECT_TRUE(recovered.warnings.has(Warning::session_recovered));

        list_breaks_off("id: 1\nretry: 20\ndata: \n\n");
        const auto report = probe();
        EXPECT_EQ(name_or_none(report.reason), "protocol_session_lost") << report.detail;
        EXPECT_EQ(name_or_none(report.phase), "tools_list");
        EXPECT_TRUE(report.http_status == 404 || report.http_status == 400);
    }
}

TEST_F(ProbeResume, AServerThatDoesNotResumeIsNoResponse) {
    list_breaks_off("id: 1\nretry: 20\ndata: \n\n");
    const auto report = probe();  // the script says 405 to GET
    EXPECT_EQ(name_or_none(report.reason), "protocol_no_response") << report.detail;
    EXPECT_EQ(script_.count("GET"), 1);
    EXPECT_EQ(script_.count("initialize"), 1);
    EXPECT_NE(report.detail.find("405"), std::string::npos) << report.detail;
}

}  // namespace
}  // namespace quorate
