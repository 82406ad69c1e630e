#include "cli/verbs/probed_endpoints.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace quorate::cli {
namespace {

namespace fs = std::filesystem;

class ProbedEndpoints : public testing::Test {
protected:
    ProbedEndpoints() {
        std::string name = (fs::temp_directory_path() / "quorate-endpoints-XXXXXX").string();
        folder = ::mkdtemp(name.data());
    }
    ~ProbedEndpoints() override { fs::remove_all(folder); }

    std::string file(const std::string& name, const std::string& text) const {
        std::ofstream{folder / name} << text;
        return (folder / name).string();
    }
    /// The endpoints of a command line.
    static std::vector<ProbedEndpoint> endpoints(std::vector<std::string> arguments) {
        CLI::App app;
        ProbeOptions options;
        declare(app, options);
        std::reverse(arguments.begin(), arguments.end());
        app.parse(arguments);
        note_given(app, options);
        return endpoints_of(options);
    }
    /// Why a command line is refused.
    static std::string refusal(std::vector<std::string> arguments) {
        try {
            endpoints(std::move(arguments));
        } catch (const CLI::ParseError& error) {
            return error.what();
        }
        return "taken";
    }

    fs::path folder;
};

constexpr const char* kEndpoints = R"(endpoints:
  - name: search
    tenant: acme
    url: https://mcp.example.com/mcp
    regions: [somewhere]
    interval: 7s
    timeout: 3s
    era: legacy
    ip: 6
    latency_slo: 1500ms
    expect: {tools: [search], required: false, auth_wall: false}
    canary: {tool: search, arguments: {q: x}, expect: {"$.n": {min: 1}}, required: false}
    auth: {bearer: {secret: search-token}}
    headers: {X-Probe: quorate, X-API-Key: {secret: search-key}}
    tls: {ca: {secret: corp-ca}}
    health_url: https://mcp.example.com/health
  - name: plain
    url: https://plain.example.com/mcp
)";

TEST_F(ProbedEndpoints, AFileIsAListOfUrls) {
    const auto list = file("urls", "# ours\n\n https://a/ \nhttps://b/mcp\r\n");
    const auto found = endpoints({"https://c/", "-f", list});
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].name, "https://c/");
    EXPECT_EQ(found[1].name, "https://a/");
    EXPECT_EQ(found[2].request.url, "https://b/mcp");
}

TEST_F(ProbedEndpoints, AnEndpointFileGivesEachEndpointWhatIsItsOwn) {
    for (const auto* name : {"endpoints.yaml", "endpoints"}) {
        const auto found = endpoints({"-f", file(name, kEndpoints)});
        ASSERT_EQ(found.size(), 2U) << name;
        const auto& request = found[0].request;
        EXPECT_EQ(found[0].name, "acme/search");
        EXPECT_EQ(request.url, "https://mcp.example.com/mcp");
        EXPECT_EQ(request.timeout, std::chrono::seconds{3});
        EXPECT_EQ(request.era, EraMode::legacy);
        EXPECT_EQ(request.ip, IpFamily::v6);
        EXPECT_EQ(request.slow_over_ms, 1500U);
        EXPECT_EQ(request.expect.tools, std::vector<std::string>{"search"});
        EXPECT_FALSE(request.expect.required);
        ASSERT_TRUE(request.canary);
        EXPECT_EQ(request.canary->tool, "search");
        EXPECT_FALSE(request.canary->required);
        EXPECT_EQ(request.health_url, "https://mcp.example.com/health");
        ASSERT_EQ(request.headers.size(), 1U);
        EXPECT_EQ(request.headers[0].second, "quorate");
        EXPECT_EQ(found[1].name, "default/plain");
        EXPECT_EQ(found[1].request.timeout, std::chrono::seconds{8});
        EXPECT_FALSE(found[1].refused);
    }
}

TEST_F(ProbedEndpoints, SecretsOfAFileAreNotAvailableUnlessTheCommandLineGivesThem) {
    const auto path = file("e.yaml", kEndpoints);
    auto found = endpoints({"-f", path});
    ASSERT_TRUE(found[0].refused);
    EXPECT_EQ(found[0].refused->reason, Reason::auth_token_unavailable);
    EXPECT_NE(found[0].refused->detail.find("search-token"), std::string::npos);
    const auto token = file("token", "t0ken\n");
    const auto authority = file("ca.pem", "");
    found = endpoints({"-f", path, "--bearer-file", token});
    ASSERT_TRUE(found[0].refused);
    EXPECT_NE(found[0].refused->detail.find("search-key"), std::string::npos);
    found = endpoints({"-f", path, "--bearer-file", token, "--header", "x-api-key: k"});
    ASSERT_TRUE(found[0].refused);
    EXPECT_NE(found[0].refused->detail.find("corp-ca"), std::string::npos);
    found = endpoints(
        {"-f", path, "--bearer-file", token, "--header", "x-api-key: k", "--ca-file", authority});
    EXPECT_FALSE(found[0].refused);
    EXPECT_EQ(found[0].request.headers.back().second, "Bearer t0ken");
    for (const auto& [name, value] : found[1].request.headers)
        EXPECT_NE(value, "Bearer t0ken") << "a token goes only where the file asks for one";
}

TEST_F(ProbedEndpoints, WhatIsGivenOnTheCommandLineHoldsForEveryEndpoint) {
    const auto found = endpoints({"-f",
                                  file("e.yaml", kEndpoints),
                                  "--timeout",
                                  "4s",
                                  "--era",
                                  "modern",
                                  "--no-retry",
                                  "--latency-slo",
                                  "10ms",
                                  "--expect-tool",
                                  "more"});
    EXPECT_EQ(found[0].request.timeout, std::chrono::seconds{4});
    EXPECT_EQ(found[1].request.era, EraMode::modern);
    EXPECT_FALSE(found[1].request.retry);
    EXPECT_EQ(found[0].request.slow_over_ms, 10U);
    EXPECT_EQ(found[0].request.expect.tools, (std::vector<std::string>{"search", "more"}));
}

TEST_F(ProbedEndpoints, ABadEndpointFileIsRefusedWithEveryErrorAndItsLine) {
    const auto path =
        file("e.yaml", "endpoints:\n  - name: A\n    url: ftp://x\n    tiemout: 3s\n");
    const auto why = refusal({"-f", path});
    EXPECT_NE(why.find("e.yaml:2: endpoints[0].name: must be"), why.npos) << why;
    EXPECT_NE(why.find("e.yaml:3: endpoints[0].url:"), why.npos) << why;
    EXPECT_NE(why.find("e.yaml:4: endpoints[0].tiemout: is no known key"), why.npos) << why;
}

TEST_F(ProbedEndpoints, ABadCommandLineIsRefusedWithWhatIsWrong) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> bad{
        {{}, "at least one is required"},
        {{"example.com"}, "example.com: "},
        {{"ftp://h/"}, "ftp://h/: "},
        {{"https://u:p@h/"}, ""},
        {{"https://h/", "--timeout", "fast"}, "--timeout: not a duration"},
        {{"https://h/", "--timeout", "6m"}, "--timeout: not a duration"},
        {{"https://h/", "--retry-gap", "-1s"}, "--retry-gap"},
        {{"https://h/", "--latency-slo", "0s"}, "--latency-slo: not a duration"},
        {{"https://h/", "--era", "stone"}, "--era"},
        {{"https://h/", "--format", "xml"}, "--format"},
        {{"https://h/", "--header", "nocolon"}, "--header: not of the form"},
        {{"https://h/", "--header", "Host: x"}, "Host"},
        {{"https://h/", "--header", "b@d: x"}, "not a header name"},
        {{"https://h/", "--bearer-file", "/none"}, "no token can be read"},
        {{"https://h/", "--bearer-env", "QUORATE_TEST_UNSET"}, "QUORATE_TEST_UNSET is not set"},
        {{"https://h/", "--canary-args", "{}"}, "--canary"},
        {{"https://h/", "--canary", "t", "--canary-args", "[]"}, "not a JSON object"},
        {{"https://h/", "--canary", "t", "--canary-expect", "$.x"}, "PATH OP VALUE"},
        {{"https://h/", "--canary", "t", "--canary-expect", "$.x ~ 1"}, ""},
        {{"https://h/", "--bind", "eth0"}, "not an IP address to bind to"},
        {{"https://h/", "--resolve", "h:443"}, "HOST:PORT:ADDR"},
        {{"https://h/", "--resolve", "h:443:x"}, "not an IP address to resolve to"},
        {{"-f", "/none"}, "can't be read"},
        {{"https://h/", "--manifest", "x", "--expect-auth-wall"}, "--expect-auth-wall"},
        {{"https://h/", "--nonsense"}, "--nonsense"},
    };
    for (const auto& [arguments, why] : bad) {
        const auto said = refusal(arguments);
        const auto line = arguments.empty() ? "" : arguments.back();
        EXPECT_NE(said, "taken") << line;
        EXPECT_NE(said.find(why), said.npos) << line << ": " << said;
        EXPECT_EQ(said.find("u:p@"), said.npos) << "a password is not repeated";
    }
}

TEST_F(ProbedEndpoints, OptionsReachTheRequest) {
    ::setenv("QUORATE_TEST_TOKEN", " t0ken ", 1);
    const auto found = endpoints({"https://h/",
                                  "--timeout",
                                  "1500ms",
                                  "--retry-gap",
                                  "0s",
                                  "--no-retry",
                                  "--era",
                                  "sse",
                                  "--expect-tool",
                                  "a",
                                  "--expect-tool",
                                  "b",
                                  "--latency-slo",
                                  "2s",
                                  "--header",
                                  "X-One: 1",
                                  "--header",
                                  "X-Two:2",
                                  "--bearer-env",
                                  "QUORATE_TEST_TOKEN",
                                  "--canary",
                                  "t",
                                  "--canary-args",
                                  R"({"a":1})",
                                  "--canary-expect",
                                  "$.x >= 3",
                                  "--canary-expect",
                                  "$ contains some words",
                                  "--ca-file",
                                  "ca.pem",
                                  "--bind",
                                  "127.0.0.2",
                                  "--resolve",
                                  "h:443:[::1]",
                                  "--allow-private"});
    ASSERT_EQ(found.size(), 1U);
    const auto& request = found[0].request;
    EXPECT_EQ(request.timeout, milliseconds{1500});
    EXPECT_EQ(request.retry_gap, milliseconds{0});
    EXPECT_FALSE(request.retry);
    EXPECT_EQ(request.era, EraMode::sse);
    EXPECT_EQ(request.expect.tools, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(request.slow_over_ms, 2000U);
    ASSERT_EQ(request.headers.size(), 3U);
    EXPECT_EQ(request.headers[1], (std::pair<std::string, std::string>{"X-Two", "2"}));
    EXPECT_EQ(request.headers[2].second, "Bearer t0ken");
    ASSERT_TRUE(request.canary);
    EXPECT_EQ(request.canary->assertions[0], (CanaryAssertion{"$.x", ">=", "3"}));
    EXPECT_EQ(request.canary->assertions[1], (CanaryAssertion{"$", "contains", "\"some words\""}));
    EXPECT_EQ(request.ca_file, "ca.pem");
    EXPECT_EQ(request.bind_address, "127.0.0.2");
    EXPECT_EQ(request.overrides[0].address, "::1");
    EXPECT_EQ(request.overrides[0].port, 443);
    EXPECT_TRUE(request.guard.allow_private);
    EXPECT_TRUE(endpoints({"https://h/", "--expect-auth-wall"})[0].request.expect.auth_wall);
}

TEST_F(ProbedEndpoints, AHostToResolveIsTheSameInAnyCase) {
    const auto found =
        endpoints({"https://Mcp.Example.test/", "--resolve", "Mcp.Example.test:443:127.0.0.1"});
    EXPECT_EQ(found.at(0).request.overrides.at(0).host, "mcp.example.test");
}

TEST_F(ProbedEndpoints, AWallIsNotLookedForWithACredential) {
    const std::string why = "can't be looked for with a credential";
    EXPECT_NE(
        refusal({"https://h/", "--expect-auth-wall", "--header", "authorization: x"}).find(why),
        std::string::npos);
    EXPECT_NE(refusal({"https://h/", "--expect-auth-wall", "--header", "X-API-Key: x"}).find(why),
              std::string::npos);
    EXPECT_EQ(refusal({"https://h/", "--expect-auth-wall", "--header", "X-Trace: x"}), "taken");
    const auto walled = file("wall.yaml", R"(endpoints:
  - name: a
    url: https://h/
    expect: {auth_wall: true}
)");
    EXPECT_EQ(refusal({"-f", walled}), "taken");
    EXPECT_NE(refusal({"-f", walled, "--header", "Cookie: x"}).find("default/a"),
              std::string::npos);
    const auto both = file("both.yaml", R"(endpoints:
  - name: a
    url: https://h/
    expect: {auth_wall: true}
    auth: {bearer: {secret: token}}
)");
    EXPECT_NE(refusal({"-f", both}).find("both.yaml:4: endpoints[0].expect.auth_wall: " + why),
              std::string::npos)
        << refusal({"-f", both});
}

}  // namespace
}  // namespace quorate::cli
