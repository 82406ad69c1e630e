#include <chrono>
#include <csignal>
#include <future>
#include <set>
#include <sstream>
#include <thread>

#include <boost/json/object.hpp>
#include <gtest/gtest.h>

#include "core/base/json_text.hpp"
#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

using Names = std::set<std::string>;

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

boost::json::object object_of(const std::string& text) {
    const auto value = parse_json(text);
    EXPECT_TRUE(value) << text;
    return value ? value->as_object() : boost::json::object{};
}

Names names_of(const boost::json::value& object) {
    Names names;
    for (const auto& member : object.as_object())
        names.emplace(member.key());
    return names;
}

/// A URL where nobody listens: a port that was free a moment ago.
std::string closed_url() {
    McpScript script;
    RawServer gone{std::ref(script)};
    return gone.url();
}

class ProbeCommand : public testing::Test {
protected:
    McpScript script_;
    RawServer server_{std::ref(script_)};
};

TEST_F(ProbeCommand, PrintsTheInterfacesJsonWithTheGoldenKeys) {
    const auto run = run_cli({"probe", server_.url(), "--format", "json"});
    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(run.err, "");
    EXPECT_EQ(lines_of(run.out).size(), 1U);
    const auto report = object_of(run.out);
    EXPECT_EQ(
        names_of(report),
        (Names{"url",           "verdict",          "reason",    "phase",    "detail",
               "era",           "protocol_version", "transport", "server",   "http_status",
               "rpc_code",      "os_error",         "ip",        "retried",  "credential_sent",
               "retry_after_s", "timings_ms",       "tools",     "tls",      "auth",
               "health",        "warnings",         "attempts",  "final_url"}));
    EXPECT_EQ(names_of(report.at("timings_ms")),
              (Names{"dns",
                     "connect",
                     "tls",
                     "first_byte",
                     "discover",
                     "initialize",
                     "initialized",
                     "tools_list",
                     "canary",
                     "close",
                     "total"}));
    EXPECT_EQ(names_of(report.at("tools")),
              (Names{"count", "pages", "names", "semantic_hash", "full_hash"}));
    EXPECT_EQ(names_of(report.at("server")), (Names{"name", "version"}));
    EXPECT_EQ(names_of(report.at("auth")), (Names{"required", "resource_metadata"}));
    EXPECT_EQ(names_of(report.at("attempts").at(0)),
              (Names{"verdict", "reason", "phase", "total_ms"}));
    EXPECT_EQ(report.at("verdict"), "UP");
    EXPECT_TRUE(report.at("reason").is_null());
    EXPECT_TRUE(report.at("tls").is_null());
    EXPECT_EQ(report.at("transport"), "streamable_http");
    EXPECT_EQ(report.at("ip"), "127.0.0.1");
}

TEST_F(ProbeCommand, TextHasTheSentenceTheAdviceAndTheWaterfall) {
    script_.on("tools/list",
               [](const RawRequest&) { return http(502, "text/html", "<h1>Bad gateway</h1>"); });
    const auto run = run_cli({"probe", server_.url(), "--no-retry"});
    EXPECT_EQ(run.status, 1);
    EXPECT_TRUE(run.out.starts_with("FAIL  " + server_.url() + "\n")) << run.out;
    EXPECT_NE(run.out.find("Next: Check that the upstream behind the proxy runs."),
              std::string::npos)
        << run.out;
    EXPECT_NE(run.out.find("reason http_bad_gateway, phase tools_list, HTTP 502"),
              std::string::npos)
        << run.out;
    EXPECT_NE(run.out.find("\n  initialize "), std::string::npos);
    EXPECT_NE(run.out.find("\n  total "), std::string::npos);
    EXPECT_EQ(run.out.find('\x1b'), std::string::npos) << "plain where it is no terminal";
}

TEST_F(ProbeCommand, StoppedItEndsItsSessionsAndReportsOfEveryEndpoint) {
    std::promise<int> started;
    const auto pid = started.get_future().share();
    script_.on("tools/list", [pid](const RawRequest&) {
        ::kill(pid.get(), SIGINT);
        return std::string{};
    });
    const auto run = run_cli({"probe", server_.url(), "--format", "json", "--timeout", "20s"},
                             {},
                             [&started](int id) { started.set_value(id); });
    EXPECT_EQ(run.status, 4) << run.err;
    EXPECT_EQ(object_of(run.out).at("reason"), "aborted");
    EXPECT_EQ(script_.count("DELETE"), 1);
}

TEST_F(ProbeCommand, ShowsTheFinalUrlAndKeepsItsQueryOutOfTheTrace) {
    script_.on("server/discover", [](const RawRequest& request) {
        if (request.head.find("POST /mcp ") == request.head.npos)
            return rpc_error(request, 400, -32000, "Server not initialized");
        return http(307, "", "", "Location: /elsewhere/?api_key=query-s3cret\r\n");
    });
    const auto text = run_cli({"probe", server_.url(), "--trace"});
    EXPECT_EQ(text.status, 0) << text.out;
    const auto final_url = server_.url("/elsewhere/?api_key=query-s3cret");
    EXPECT_NE(text.out.find("\n  final URL: " + final_url + "\n"), std::string::npos) << text.out;
    EXPECT_NE(text.err.find("redirected to " + server_.url("/elsewhere/?***")), std::string::npos);
    EXPECT_EQ(text.err.find("query-s3cret"), std::string::npos) << text.err;
    const auto json = object_of(run_cli({"probe", server_.url(), "--format", "json"}).out);
    EXPECT_EQ(json.at("final_url"), final_url.c_str());
    EXPECT_EQ(json.at("warnings").as_array().at(0), "redirect_followed");
}

TEST_F(ProbeCommand, TheExitStatusIsThatOfTheVerdict) {
    EXPECT_EQ(run_cli({"probe", server_.url()}).status, 0);
    EXPECT_EQ(run_cli({"probe", closed_url(), "--no-retry"}).status, 1);
    EXPECT_EQ(run_cli({"probe", server_.url(), "--expect-auth-wall"}).status, 3);
    EXPECT_EQ(run_cli({"probe", server_.url(), "--expect-tool", "none", "--no-retry"}).status, 1);
    EXPECT_EQ(run_cli({"probe", server_.url(), "--era", "modern", "--no-retry"}).status, 1);
    EXPECT_EQ(run_cli({"probe", "http://10.0.0.1/mcp"}).status, 4) << "a forbidden address";
}

TEST_F(ProbeCommand, ASlowServerIsSlow) {
    script_.on("initialize", [](const RawRequest& request) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{20};
        while (std::chrono::steady_clock::now() < until)
            std::this_thread::yield();
        return rpc_result(request, kInitializeResult);
    });
    const auto run = run_cli({"probe", server_.url(), "--latency-slo", "5ms", "--format", "json"});
    EXPECT_EQ(run.status, 3);
    EXPECT_EQ(object_of(run.out).at("verdict"), "SLOW");
    EXPECT_EQ(object_of(run.out).at("reason"), "slow");
}

TEST_F(ProbeCommand, WhatIsWrongOnTheCommandLineIsSaidOnStderrWithStatus2) {
    const std::vector<std::vector<std::string>> bad{
        {"probe", "--format", "json"},
        {"probe", "not a url", "--format", "json"},
        {"probe", "http://", "--format", "json"},
        {"probe", "file:///etc/passwd", "--format", "json"},
        {"probe", "http://u:p@127.0.0.1/", "--format", "json"},
        {"probe", server_.url(), "http://h:99999/", "--format", "json"},
        {"probe", server_.url(), "--timeout", "x", "--format", "json"},
        {"probe", server_.url(), "--ca-file", "/none", "--format", "json"},
        {"probe", server_.url(), "--manifest", "/none", "--format", "json"},
        {"probe", server_.url(), "--write-manifest", "/none/m.json", "--format", "json"},
        {"probe", server_.url(), server_.url(), "--manifest", "/none", "--format", "json"},
        {"probe", server_.url(), "--bogus", "--format", "json"},
    };
    for (const auto& arguments : bad) {
        const auto run = run_cli(arguments);
        EXPECT_EQ(run.status, 2) << arguments[1];
        EXPECT_EQ(run.out, "") << arguments[1];
        EXPECT_GT(run.err.size(), 10U) << arguments[1];
        EXPECT_EQ(run.err.find("u:p@"), std::string::npos);
    }
    EXPECT_EQ(server_.connections(), 0) << "nothing was probed";
}

TEST_F(ProbeCommand, SeveralUrlsAreOneObjectALineInTheOrderOfTheInput) {
    const auto closed = closed_url();
    const auto run = run_cli({"probe",
                              closed,
                              server_.url(),
                              "http://10.0.0.1/",
                              closed,
                              "--no-retry",
                              "--format",
                              "json"});
    EXPECT_EQ(run.status, 1) << "FAIL is the worst";
    const auto lines = lines_of(run.out);
    ASSERT_EQ(lines.size(), 4U) << run.out;
    EXPECT_EQ(object_of(lines[0]).at("reason"), "connection_refused");
    EXPECT_EQ(object_of(lines[1]).at("verdict"), "UP");
    EXPECT_EQ(object_of(lines[2]).at("reason"), "address_forbidden");
    EXPECT_EQ(object_of(lines[3]).at("url").as_string(), closed);
    EXPECT_EQ(run.err, "") << "no progress line where it is no terminal";
    EXPECT_EQ(run_cli({"probe", server_.url(), "http://10.0.0.1/"}).status, 4);
}

TEST_F(ProbeCommand, SeveralUrlsEndInASummary) {
    const auto closed = closed_url();
    const auto run = run_cli({"probe", closed, server_.url(), "--no-retry"});
    const auto lines = lines_of(run.out);
    ASSERT_GT(lines.size(), 4U);
    EXPECT_TRUE(lines[lines.size() - 4].starts_with("ENDPOINT")) << run.out;
    EXPECT_NE(lines[lines.size() - 3].find("connection_refused"), std::string::npos) << run.out;
    EXPECT_EQ(lines.back(), "2 endpoints: 1 UP, 1 FAIL");
}

TEST_F(ProbeCommand, ATerminalGetsBarsThatFitColoursAndAProgressLine) {
    const auto run = run_cli_on_terminal({"probe", server_.url(), closed_url(), "--no-retry"}, 60);
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.out.find("0 of 2 probed"), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("\x1b[31mFAIL"), std::string::npos) << run.out;
    const bool has_bars =
        run.out.find("█") != std::string::npos || run.out.find("▏") != std::string::npos;
    EXPECT_TRUE(has_bars) << run.out;
}

TEST_F(ProbeCommand, ProbesRunAtTheSameTime) {
    // Each answer waits until two connections are there: one after the other they would time out.
    script_.on("tools/list", [this](const RawRequest& request) {
        while (server_.connections() < 2)
            std::this_thread::yield();
        return rpc_result(request, kToolsResult);
    });
    const auto run = run_cli({"probe",
                              server_.url(),
                              server_.url(),
                              "--no-retry",
                              "--timeout",
                              "20s",
                              "--format",
                              "json"});
    EXPECT_EQ(run.status, 0) << run.out;
}

TEST_F(ProbeCommand, HelpNamesEveryOption) {
    const auto run = run_cli({"probe", "--help"});
    EXPECT_EQ(run.status, 0);
    for (const auto* option : {"--timeout",       "--retry-gap",   "--no-retry",
                               "--era",           "--expect-tool", "--expect-auth-wall",
                               "--latency-slo",   "--manifest",    "--write-manifest",
                               "--header",        "--bearer-file", "--bearer-env",
                               "--canary",        "--canary-args", "--canary-expect",
                               "--ca-file",       "--bind",        "--resolve",
                               "--allow-private", "--format",      "--trace",
                               "--file"})
        EXPECT_NE(run.out.find(option), std::string::npos) << option;
}

TEST_F(ProbeCommand, OptionsReachTheWire) {
    const auto port = std::to_string(server_.port());
    const auto run = run_cli({"probe",
                              "http://mcp.test:" + port + "/mcp",
                              "--resolve",
                              "mcp.test:" + port + ":127.0.0.1",
                              "--allow-private",
                              "--bind",
                              "127.0.0.7",
                              "--header",
                              "X-One: one-value",
                              "--bearer-env",
                              "QUORATE_TEST_TOKEN",
                              "--canary",
                              "echo",
                              "--canary-args",
                              R"({"text":"hi"})",
                              "--format",
                              "json",
                              "--no-retry"},
                             {{"QUORATE_TEST_TOKEN", "t0ken-value"}});
    const auto requests = script_.requests();
    ASSERT_GT(requests.size(), 2U) << run.out << run.err;
    EXPECT_EQ(requests[0].field("Host"), "mcp.test:" + port);
    EXPECT_EQ(requests[0].field("X-One"), "one-value");
    EXPECT_EQ(requests[0].field("Authorization"), "Bearer t0ken-value");
    EXPECT_EQ(server_.sources().at(0), "127.0.0.7");
    EXPECT_EQ(script_.count("tools/call"), 1);
    EXPECT_EQ(object_of(run.out).at("credential_sent"), true);
}

TEST_F(ProbeCommand, SaysWhoItIsUnlessAHeaderSaysSo) {
    auto version = run_cli({"version"}).out;  // `quorate 1.2.3`
    version = version.substr(version.find(' ') + 1);
    version.pop_back();
    run_cli({"probe", server_.url()});
    const auto contact = "quorate/" + version + " (+https://example.com/probes)";
    run_cli({"probe", server_.url(), "--header", "User-Agent: " + contact});
    std::set<std::string> agents;
    for (const auto& request : script_.requests())
        agents.insert(request.field("User-Agent"));
    EXPECT_EQ(agents, (Names{"quorate/" + version, contact}));
}

}  // namespace
}  // namespace quorate
