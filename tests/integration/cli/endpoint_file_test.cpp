#include <sstream>

#include <boost/json/object.hpp>
#include <gtest/gtest.h>

#include "core/base/json_text.hpp"
#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

std::vector<boost::json::object> reports_of(const CliRun& run) {
    std::vector<boost::json::object> reports;
    std::istringstream stream{run.out};
    for (std::string line; std::getline(stream, line);)
        reports.push_back(parse_json(line)->as_object());
    return reports;
}

class EndpointFileCommand : public testing::Test {
protected:
    std::string yaml(const std::string& text) const { return folder_.file("e.yaml", text); }

    McpScript script_;
    RawServer server_{std::ref(script_)};
    TestFolder folder_;
};

TEST_F(EndpointFileCommand, EachEndpointIsProbedWithWhatIsItsOwn) {
    const auto path = yaml(
        "endpoints:\n"
        "  - {name: whole, url: " +
        server_.url() +
        "}\n"
        "  - {name: forced, url: " +
        server_.url() +
        ", era: modern}\n"
        "  - name: asks\n"
        "    url: " +
        server_.url() +
        "\n"
        "    expect: {tools: [none], required: false}\n"
        "    headers: {X-Probe: own-value}\n"
        "  - {name: walled, tenant: acme, url: " +
        server_.url() + ", auth: {bearer: {secret: its-token}}}\n");
    const auto run = run_cli({"probe", "-f", path, "--no-retry", "--format", "json"});
    EXPECT_EQ(run.status, 1) << run.err;
    const auto reports = reports_of(run);
    ASSERT_EQ(reports.size(), 4U) << run.out;
    EXPECT_EQ(reports[0].at("verdict"), "UP");
    EXPECT_EQ(reports[1].at("verdict"), "FAIL");
    EXPECT_EQ(reports[2].at("verdict"), "DEGRADED");
    EXPECT_EQ(reports[2].at("reason"), "tool_missing");
    EXPECT_EQ(reports[3].at("verdict"), "UNKNOWN");
    EXPECT_EQ(reports[3].at("reason"), "auth_token_unavailable");
    const auto detail = std::string{reports[3].at("detail").as_string()};
    EXPECT_NE(detail.find("secret its-token"), std::string::npos) << detail;
    int with_header = 0;
    for (const auto& request : script_.requests())
        with_header += request.field("X-Probe") == "own-value" ? 1 : 0;
    EXPECT_GT(with_header, 1);
}

TEST_F(EndpointFileCommand, ATokenGoesOnlyWhereTheFileAsksForOne) {
    const auto path = yaml(
        "endpoints:\n"
        "  - {name: a, url: " +
        server_.url("/open") +
        "}\n"
        "  - {name: b, url: " +
        server_.url("/closed") + ", auth: {bearer: {secret: t}}}\n");
    const auto token = folder_.file("token", "t0ken\n");
    const auto run = run_cli({"probe", "-f", path, "--bearer-file", token, "--format", "json"});
    EXPECT_EQ(run.status, 0) << run.out << run.err;
    for (const auto& request : script_.requests()) {
        const bool closed = request.head.find(" /closed ") != std::string::npos;
        EXPECT_EQ(request.field("Authorization"), closed ? "Bearer t0ken" : "") << request.head;
    }
}

TEST_F(EndpointFileCommand, TextNamesTheEndpointsAndSumsUp) {
    const auto path = yaml(
        "endpoints:\n"
        "  - {name: a, tenant: acme, url: " +
        server_.url() +
        "}\n"
        "  - {name: b, url: " +
        server_.url() + ", auth: {bearer: {secret: t}}}\n");
    const auto run = run_cli({"probe", "-f", path});
    EXPECT_EQ(run.status, 4) << run.out;
    EXPECT_NE(run.out.find("UP  acme/a  " + server_.url()), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("Next: Give the credential with --bearer-file"), std::string::npos);
    EXPECT_NE(run.out.find("\nENDPOINT   VERDICT  REASON"), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("2 endpoints: 1 UP, 1 UNKNOWN\n"), std::string::npos) << run.out;
}

TEST_F(EndpointFileCommand, ABadFileIsRefusedAsApplyWouldAndNothingIsProbed) {
    const auto path = yaml("endpoints:\n  - {name: a, url: " + server_.url() +
                           "}\n"
                           "  - {name: a, url: " +
                           server_.url() + "}\n  - {nam: x}\n");
    const auto run = run_cli({"probe", "-f", path, "--format", "json"});
    EXPECT_EQ(run.status, 2);
    EXPECT_EQ(run.out, "");
    for (const auto* text : {"e.yaml:3: endpoints[1].name: default/a is also",
                             "e.yaml:4: endpoints[2].nam: is no known key; did you mean \"name\"?",
                             "e.yaml:4: endpoints[2].url: is required"})
        EXPECT_NE(run.err.find(text), std::string::npos) << text << "\n" << run.err;
    EXPECT_EQ(server_.connections(), 0);
}

TEST_F(EndpointFileCommand, AManifestNeedsOneEndpoint) {
    const auto one = yaml("endpoints: [{name: a, url: '" + server_.url() + "'}]\n");
    const auto manifest = folder_.path("m.json");
    EXPECT_EQ(run_cli({"probe", "-f", one, "--write-manifest", manifest}).status, 0);
    EXPECT_EQ(run_cli({"probe", "-f", one, "--manifest", manifest}).status, 0);
    EXPECT_EQ(run_cli({"probe", "-f", one, server_.url(), "--manifest", manifest}).status, 2);
}

}  // namespace
}  // namespace quorate
