#include <algorithm>

#include <gtest/gtest.h>

#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

constexpr const char* kToken = "bearer-s3cret/token+value";
constexpr const char* kKey = "api-key-s3cret";
constexpr const char* kCookie = "cookie-s3cret";
constexpr const char* kOwn = "owners-own-s3cret";

/// A server that sends back whatever it got, wherever it can.
class Trace : public testing::Test {
protected:
    static std::string echoed(const RawRequest& request) {
        return request.field("Authorization") + " " + request.field("X-API-Key") + " " +
               request.field("Cookie") + " " + request.field("X-Own");
    }
    CliRun probe(std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"probe",
                                           server_.url("/mcp?key=query-s3cret"),
                                           "--trace",
                                           "--no-retry",
                                           "--bearer-env",
                                           "QUORATE_TEST_TOKEN",
                                           "--header",
                                           std::string{"X-API-Key: "} + kKey,
                                           "--header",
                                           std::string{"Cookie: sid="} + kCookie,
                                           "--header",
                                           std::string{"X-Own: "} + kOwn};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run_cli(arguments, {{"QUORATE_TEST_TOKEN", kToken}});
    }
    static void expect_no_secret(const CliRun& run) {
        for (const auto* text : {&run.out, &run.err})
            for (const auto* secret : {kToken, kKey, kCookie, kOwn})
                EXPECT_EQ(text->find(secret), std::string::npos) << secret << "\n" << *text;
        EXPECT_EQ(run.err.find("> POST /mcp?key"), std::string::npos) << run.err;
    }

    McpScript script_;
    RawServer server_{std::ref(script_)};
};

TEST_F(Trace, ShowsEveryMessageWithItsHeadAndBody) {
    const auto run = probe();
    EXPECT_EQ(run.status, 0) << run.out;
    for (const auto* text : {"> POST /mcp?*** HTTP/1.1",
                             "> Authorization: ***",
                             "> X-API-Key: ***",
                             "> X-Own: ***",
                             "> Content-Type: application/json",
                             R"(> {"jsonrpc":"2.0")",
                             R"("method":"initialize")",
                             "> MCP-Protocol-Version: 2025-11-25",
                             "> Mcp-Session-Id: ***",
                             "< HTTP/1.1 200",
                             "< Mcp-Session-Id: ***",
                             R"("serverInfo":{"name":"script")",
                             R"("method":"notifications/initialized")",
                             R"("method":"tools/list")",
                             R"("name":"echo")",
                             "> DELETE /mcp?*** HTTP/1.1",
                             "connected to 127.0.0.1"})
        EXPECT_NE(run.err.find(text), std::string::npos) << text << "\n" << run.err;
    EXPECT_EQ(run.err.find("s-1"), std::string::npos) << "the session's id";
    expect_no_secret(run);
}

TEST_F(Trace, HidesSecretsThatTheServerSendsBackInABody) {
    script_.on("tools/list", [](const RawRequest& request) {
        return rpc_error(request, 200, -32603, "you sent " + echoed(request));
    });
    const auto run = probe();
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.err.find("you sent ***"), std::string::npos) << run.err;
    EXPECT_NE(run.out.find("***"), std::string::npos) << "in the sentence too: " << run.out;
    expect_no_secret(run);
    expect_no_secret(probe({"--format", "json"}));
}

TEST_F(Trace, HidesSecretsThatTheServerSendsBackInItsHead) {
    script_.on("initialize", [](const RawRequest& request) {
        return rpc_result(request,
                          R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{}},)"
                          R"("serverInfo":{"name":")" +
                              echoed(request) + R"(","version":"1"}})",
                          "X-Echo: " + echoed(request) +
                              "\r\nRetry-After: " + request.field("X-API-Key") + "\r\n");
    });
    const auto run = probe();
    EXPECT_NE(run.err.find("< X-Echo: ***"), std::string::npos) << run.err;
    EXPECT_NE(run.err.find("< Retry-After: ***"), std::string::npos) << run.err;
    expect_no_secret(run);
    expect_no_secret(probe({"--format", "json"}));
}

TEST_F(Trace, HidesSecretsInEventsAndInToolNames) {
    script_.on("tools/list", [](const RawRequest& request) {
        return http(200,
                    "text/event-stream",
                    ": " + echoed(request) + "\r\n\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":" +
                        std::to_string(request.rpc_id) + ",\"result\":{\"tools\":[{\"name\":\"" +
                        echoed(request) + "\",\"inputSchema\":{\"type\":\"object\"}}]}}\r\n\r\n");
    });
    const auto run = probe();
    EXPECT_EQ(run.status, 0) << run.out;
    EXPECT_NE(run.err.find("< data: {\"jsonrpc\""), std::string::npos) << run.err;
    expect_no_secret(run);
    expect_no_secret(probe({"--format", "json"}));
}

TEST_F(Trace, ShowsWhatCameOfAnAnswerThatBroke) {
    script_.on("tools/list", [](const RawRequest& request) {
        return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n"
               "Connection: close\r\n\r\n{\"half\": \"" +
               request.field("X-API-Key").substr(0, 9);
    });
    script_.close_after_answers();
    const auto run = probe();
    EXPECT_EQ(run.status, 1) << run.out;
    EXPECT_NE(run.err.find("< {\"half\": \"***"), std::string::npos) << run.err;
    EXPECT_EQ(run.err.find("api-key-s"), std::string::npos) << "the beginning of a secret";
}

TEST_F(Trace, ShowsLongBodiesWholeAndHidesSecretsFarDownInThem) {
    const std::string text(300'000, 'x');
    script_.on("tools/list", [&](const RawRequest& request) {
        return rpc_result(request,
                          R"({"tools":[{"name":"long","description":")" + text + echoed(request) +
                              text + R"(","inputSchema":{"type":"object"}}]})");
    });
    const auto run = probe();
    EXPECT_EQ(run.status, 0) << run.out;
    EXPECT_NE(run.err.find(text + "***"), std::string::npos);
    EXPECT_NE(run.err.find(text + R"(","inputSchema":{"type":"object"}}]}})"), std::string::npos);
    expect_no_secret(run);
}

TEST_F(Trace, GoesToStderrSoThatJsonStaysJson) {
    const auto run = probe({"--format", "json"});
    EXPECT_EQ(run.out.find("POST"), std::string::npos);
    EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 1);
}

}  // namespace
}  // namespace quorate
