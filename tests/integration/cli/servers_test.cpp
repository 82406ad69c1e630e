#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <gtest/gtest.h>

#include "core/base/json_text.hpp"
#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/probe/node_server.hpp"

namespace quorate {
namespace {

boost::json::object report_of(const CliRun& run) {
    const auto value = parse_json(run.out);
    EXPECT_TRUE(value) << run.out << run.err;
    return value ? value->as_object() : boost::json::object{};
}

std::vector<std::string> tool_names(const boost::json::object& report) {
    std::vector<std::string> names;
    for (const auto& name : report.at("tools").at("names").as_array())
        names.emplace_back(name.as_string());
    return names;
}

/// Both transports of the reference server: what the manifest of one says holds for it again.
TEST(RealServers, AManifestOfTheReferenceServerHoldsForItAndOnlyInItsEra) {
    NodeServer http{{"everything.mjs", "--transport", "streamableHttp", "--port", "0"}};
    NodeServer sse{{"everything.mjs", "--transport", "sse", "--port", "0"}};
    TestFolder folder;
    const auto manifest = folder.path("m.json");
    const auto written = run_cli({"probe",
                                  http.fact("url"),
                                  "--timeout",
                                  "20s",
                                  "--write-manifest",
                                  manifest,
                                  "--format",
                                  "json"});
    ASSERT_EQ(written.status, 0) << written.out << written.err;
    EXPECT_EQ(tool_names(report_of(written)), tools_by_official_client(http.fact("url"), "http"));
    const auto again = run_cli({"probe",
                                http.fact("url"),
                                "--timeout",
                                "20s",
                                "--manifest",
                                manifest,
                                "--format",
                                "json"});
    EXPECT_EQ(again.status, 0) << again.out << again.err;
    EXPECT_EQ(report_of(again).at("changes"), boost::json::array{});
    EXPECT_EQ(report_of(again).at("tools").at("full_hash"),
              report_of(written).at("tools").at("full_hash"));
    const auto other = run_cli(
        {"probe", sse.fact("url"), "--timeout", "20s", "--manifest", manifest, "--format", "json"});
    EXPECT_EQ(other.status, 4) << other.out << other.err;
}

/// A server of both eras is compared in the era of the manifest.
TEST(RealServers, AServerOfBothErasIsAskedInTheEraOfTheManifest) {
    NodeServer server{{"modern-stateless.mjs", "--port", "0"}};
    const auto url = server.fact("url");
    TestFolder folder;
    for (const auto* era : {"legacy", "modern"}) {
        const auto manifest = folder.path(era);
        const auto written =
            run_cli({"probe", url, "--timeout", "20s", "--era", era, "--write-manifest", manifest});
        ASSERT_EQ(written.status, 0) << written.out << written.err;
        const auto run =
            run_cli({"probe", url, "--timeout", "20s", "--manifest", manifest, "--format", "json"});
        EXPECT_EQ(run.status, 0) << run.out << run.err;
        EXPECT_EQ(report_of(run).at("era"), era);
    }
}

}  // namespace
}  // namespace quorate
