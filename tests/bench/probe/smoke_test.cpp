#include <functional>
#include <stdexcept>
#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "tests/bench/probe/engine_bench.hpp"
#include "tests/bench/probe/raw_client.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate::bench {
namespace {

constexpr std::string_view kDiscovered =
    R"({"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},)"
    R"("ttlMs":0,"cacheScope":"private"})";
constexpr std::string_view kTwoTools =
    R"({"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[)"
    R"({"name":"a","inputSchema":{"type":"object"}},{"name":"b","inputSchema":{"type":"object"}}]})";

/// A modern server with the two tools that EngineBench expects.
class BenchProbe : public testing::Test {
protected:
    BenchProbe() {
        script_.on("server/discover",
                   [](const RawRequest& request) { return rpc_result(request, kDiscovered); });
        script_.on("tools/list",
                   [](const RawRequest& request) { return rpc_result(request, kTwoTools); });
    }

    TargetOptions target() const {
        TargetOptions options;
        options.url = "http://mcp.test:" + std::to_string(server_.port()) + "/mcp";
        options.network = "127.0.0";
        return options;
    }

    RawOptions raw() {
        RawOptions options;
        options.port = server_.port();
        options.network = "127.0.0";
        options.in_flight = 1;
        options.warm_up_s = 0.01;
        options.seconds = 0.3;
        for (const auto& request : script_.requests())
            options.requests.push_back(request.head + "\r\n\r\n" + request.body);
        return options;
    }

    McpScript script_;
    RawServer server_{std::ref(script_)};
};

double member(const std::string& json, const char* name) {
    return boost::json::parse(json).at(name).to_number<double>();
}

TEST_F(BenchProbe, TheReferenceIsAnsweredWhenItRepeatsWhatTheEngineSent) {
    EngineBench{target()}.probe_once();
    auto options = raw();
    ASSERT_EQ(options.requests.size(), 2U);
    const auto window = RawClient{std::move(options)}.run();
    EXPECT_EQ(window.errors(), 0U);
    EXPECT_GT(member(window.json(), "probes"), 0);
    EXPECT_GT(member(window.json(), "cpu_us"), 0);
    EXPECT_GE(member(window.json(), "p99_us"), member(window.json(), "p50_us"));
}

TEST_F(BenchProbe, AnAnswerThatIsNoResultIsAnErrorOfTheReference) {
    EngineBench{target()}.probe_once();
    auto options = raw();
    script_.on("tools/list",
               [](const RawRequest& request) { return rpc_error(request, 200, -32603, "broken"); });
    const auto window = RawClient{std::move(options)}.run();
    EXPECT_GT(window.errors(), 0U);
    EXPECT_EQ(member(window.json(), "probes"), 0);
}

TEST_F(BenchProbe, TheReferencePacesItself) {
    EngineBench{target()}.probe_once();
    auto options = raw();
    options.rate = 50;
    options.seconds = 0.5;
    const auto window = RawClient{std::move(options)}.run();
    EXPECT_EQ(window.errors(), 0U);
    EXPECT_GE(member(window.json(), "probes"), 1);
    EXPECT_LE(member(window.json(), "probes"), 27);
}

TEST_F(BenchProbe, TheEngineIsMeasuredUnderLoad) {
    EngineBench bench{target()};
    LoadOptions options;
    options.in_flight = 2;
    options.warm_up_s = 0.01;
    options.seconds = 0.3;
    const auto window = bench.load(options);
    EXPECT_GT(member(window.json(), "probes"), 0);
    options.rate = 50;
    EXPECT_GT(member(bench.load(options).json(), "probes"), 0);
}

TEST_F(BenchProbe, AProbeThatIsNotUpEndsTheMeasurement) {
    script_.on("tools/list",
               [](const RawRequest& request) { return rpc_error(request, 200, -32603, "broken"); });
    EngineBench bench{target()};
    LoadOptions options;
    options.warm_up_s = 0.05;
    options.seconds = 0.05;
    EXPECT_THROW(bench.load(options), std::runtime_error);
}

TEST(BenchHang, ProbesAreWeighedInFlightAndEndAtTheirTimeout) {
    RawServer server{[](RawConnection& connection) { connection.wait_for_close(); }};
    TargetOptions target;
    target.url = "http://mcp.test:" + std::to_string(server.port()) + "/mcp";
    target.network = "127.0.0";
    target.timeout = milliseconds{2000};
    HangOptions options;
    options.in_flight = 5;
    options.rate = 100;
    const auto figures = EngineBench{target}.hang(options);
    EXPECT_EQ(figures.in_flight, 5U);
    EXPECT_EQ(figures.late_ms.size(), 5U);
    EXPECT_GT(figures.late_ms.front(), -1.0);
    EXPECT_GE(member(figures.json(), "late_ms_max"), member(figures.json(), "late_ms_p50"));
}

}  // namespace
}  // namespace quorate::bench
