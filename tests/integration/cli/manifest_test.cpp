#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <gtest/gtest.h>

#include "core/base/json_text.hpp"
#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

constexpr const char* kSearch =
    R"({"name":"search","description":"Finds","inputSchema":{"type":"object","properties":)"
    R"({"q":{"type":"string","description":"words"},"kind":{"enum":["a","b"]}},"required":["q"]}})";

/// A server whose tools a test deploys, and the gate in front of it.
class ManifestGateCommand : public testing::Test {
protected:
    ManifestGateCommand() {
        deploy(kSearch);
        const auto run = run_cli({"probe", server_.url(), "--write-manifest", manifest_});
        EXPECT_EQ(run.status, 0) << run.out << run.err;
    }

    void deploy(const std::string& tools) {
        script_.on("tools/list", [tools](const RawRequest& request) {
            return rpc_result(request, R"({"tools":[)" + tools + "]}");
        });
    }
    CliRun compare(std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"probe", server_.url(), "--manifest", manifest_};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run_cli(arguments);
    }
    static std::string replaced(std::string text, const std::string& from, const std::string& to) {
        return text.replace(text.find(from), from.size(), to);
    }

    McpScript script_;
    RawServer server_{std::ref(script_)};
    TestFolder folder_;
    std::string manifest_ = folder_.path("m.json");
};

TEST_F(ManifestGateCommand, TheSameToolsPassAndAreWrittenTheSame) {
    const auto run = compare({"--write-manifest", folder_.path("again.json")});
    EXPECT_EQ(run.status, 0) << run.out;
    EXPECT_EQ(folder_.contents(folder_.path("again.json")), folder_.contents(manifest_));
    EXPECT_EQ(folder_.count(), 2U) << "no temporary file is left";
}

TEST_F(ManifestGateCommand, AnotherContractIsDriftAndEachChangeIsPrintedWithItsKind) {
    deploy(R"({"name":"search","description":"Finds","inputSchema":{"type":"object","properties":)"
           R"({"q":{"type":"string","description":"words"},"kind":{"enum":["a"]},"n":{}},)"
           R"("required":["q","n"]}},{"name":"more","inputSchema":{"type":"object"}})");
    const auto run = compare();
    EXPECT_EQ(run.status, 3) << run.out;
    EXPECT_TRUE(run.out.starts_with("DEGRADED  ")) << run.out;
    for (const auto* line :
         {"reason schema_drift, phase tools_list",
          "\n  additive more: tool_added\n",
          "\n  tightening search: enum_narrowed at /inputSchema/properties/kind/enum",
          "\n  breaking search: required_parameter_added at /inputSchema/properties/n\n",
          "1 breaking, 1 tightening, 1 additive"})
        EXPECT_NE(run.out.find(line), std::string::npos) << line << "\n" << run.out;
}

TEST_F(ManifestGateCommand, AnotherTextIsAWarningAlone) {
    deploy(replaced(kSearch, "words", "other words"));
    const auto run = compare({"--format", "json"});
    EXPECT_EQ(run.status, 0) << run.out;
    const auto report = parse_json(run.out)->as_object();
    EXPECT_EQ(report.at("verdict"), "UP");
    EXPECT_EQ(report.at("warnings"), boost::json::array{"tool_text_changed"});
    ASSERT_EQ(report.at("changes").as_array().size(), 1U);
    EXPECT_EQ(report.at("changes").at(0).at("kind"), "text");
    EXPECT_EQ(report.at("changes").at(0).at("path"), "/inputSchema/properties/q/description");
}

TEST_F(ManifestGateCommand, AServerThatLostItsToolsHasDrifted) {
    script_.on("initialize", [](const RawRequest& request) {
        return rpc_result(request,
                          R"({"protocolVersion":"2025-11-25","capabilities":{},)"
                          R"("serverInfo":{"name":"s","version":"1"}})");
    });
    const auto run = compare();
    EXPECT_EQ(run.status, 3) << run.out;
    EXPECT_NE(run.out.find("reason schema_drift"), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("breaking search: tool_removed"), std::string::npos) << run.out;
}

TEST_F(ManifestGateCommand, ADriftIsApprovedByWritingTheManifest) {
    deploy(replaced(kSearch, R"("a","b")", R"("a")"));
    EXPECT_EQ(compare({"--write-manifest", manifest_}).status, 3) << "compared with the old one";
    EXPECT_EQ(compare().status, 0);
}

TEST_F(ManifestGateCommand, ABaselineOfAnotherCredentialOrForcedEraIsRefusedBeforeProbing) {
    const auto before = server_.connections();
    for (const auto& more : {std::vector<std::string>{"--header", "X-API-Key: abcdef"},
                             std::vector<std::string>{"--era", "modern"}}) {
        const auto run = compare(more);
        EXPECT_EQ(run.status, 2) << run.err;
        EXPECT_EQ(run.out, "");
        EXPECT_NE(run.err.find(manifest_), std::string::npos) << run.err;
    }
    EXPECT_EQ(server_.connections(), before);
}

TEST_F(ManifestGateCommand, ABaselineOfAnotherEraThanTheServerNowSpeaksCannotBeCompared) {
    script_.on("server/discover", [](const RawRequest& request) {
        return rpc_result(request,
                          R"({"resultType":"complete","supportedVersions":["2026-07-28"],)"
                          R"("capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"})");
    });
    script_.on("initialize", [](const RawRequest& request) {
        return rpc_error(request, 400, -32022, "Unsupported protocol version");
    });
    const auto run = compare({"--format", "json", "--no-retry"});
    EXPECT_EQ(run.status, 4) << run.out;
    const auto report = parse_json(run.out)->as_object();
    EXPECT_EQ(report.at("reason"), "config_invalid");
    EXPECT_EQ(report.at("detail"),
              "The manifest is of the legacy era, and the server speaks the modern era");
}

TEST_F(ManifestGateCommand, WithoutAListNothingIsWritten) {
    script_.on("tools/list",
               [](const RawRequest& request) { return rpc_error(request, 200, -32603, "no"); });
    const auto before = folder_.contents(manifest_);
    const auto run = run_cli({"probe", server_.url(), "--no-retry", "--write-manifest", manifest_});
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.err.find("was not written"), std::string::npos) << run.err;
    EXPECT_EQ(folder_.contents(manifest_), before);
    EXPECT_EQ(folder_.count(), 1U);
}

TEST_F(ManifestGateCommand, AGarbledManifestIsRefused) {
    const auto bad = folder_.file("bad.json", folder_.contents(manifest_).substr(0, 100));
    const auto run = run_cli({"probe", server_.url(), "--manifest", bad});
    EXPECT_EQ(run.status, 2);
    EXPECT_NE(run.err.find("bad.json: is not JSON"), std::string::npos) << run.err;
}

TEST_F(ManifestGateCommand, NumbersSurviveTheWayThroughTheFile) {
    // Long fractions, for which a parser that is off by a unit would see drift.
    deploy(R"({"name":"n","inputSchema":{"type":"object","properties":{"x":{"minimum":)"
           R"(333333333.33333329,"maximum":0.30000000000000004,"multipleOf":1e-7,"const":)"
           R"(9007199254740993,"default":1.7976931348623157e308}}}})");
    ASSERT_EQ(run_cli({"probe", server_.url(), "--write-manifest", manifest_}).status, 0);
    const auto run = compare();
    EXPECT_EQ(run.status, 0) << run.out;
}

}  // namespace
}  // namespace quorate
