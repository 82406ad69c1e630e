#include "cli/verbs/run_now.hpp"

#include <sstream>
#include <vector>

#include <gmock/gmock.h>

#include "cli/table.hpp"

namespace quorate::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::RunNowResponse answer() {
    v1::RunNowResponse answer;
    answer.set_tenant("acme");
    answer.set_endpoint("search");
    answer.set_url("https://mcp.example.com/mcp");
    auto& good = *answer.add_looks();
    good.set_region("eu-west");
    good.set_agent("a1");
    good.set_verdict("UP");
    good.set_http_status(200);
    auto& timings = *good.mutable_timings_ms();
    timings.set_dns(10);
    timings.set_connect(20);
    timings.set_tls(30);
    timings.set_initialize(40);
    timings.set_total(100);
    auto& bad = *answer.add_looks();
    bad.set_region("us-east");
    bad.set_agent("b1");
    bad.set_verdict("FAIL");
    bad.set_reason("connection_refused");
    bad.set_detail("Nothing listens\x1b[31m there");
    bad.mutable_timings_ms()->set_connect(50);
    auto& silent = *answer.add_looks();
    silent.set_region("us-west");
    silent.set_unanswered("no agent");
    return answer;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

std::string line_of(const std::string& text, const std::string& name) {
    for (const auto& line : lines_of(text))
        if (line.starts_with(name)) return line;
    return "no " + name;
}

TEST(RunNow, ShowsTheRegionsSideBySideToOneScale) {
    const auto text = to_text(answer(), {.width = 100, .on_terminal = true, .blocks = false});
    EXPECT_THAT(line_of(text, "verdict"), HasSubstr("UP"));
    EXPECT_THAT(line_of(text, "verdict"), HasSubstr("FAIL"));
    EXPECT_THAT(line_of(text, "reason"), HasSubstr("connection_refused"));
    EXPECT_THAT(line_of(text, "http"), HasSubstr("200"));
    const auto connect = line_of(text, "connect");
    // 20 of 100 ms behind 10 of them, and 50 of the same 100 from the start: 20 columns each.
    EXPECT_THAT(connect, HasSubstr("  ####                  20.0")) << connect;
    EXPECT_THAT(connect, HasSubstr("##########              50.0")) << connect;
    EXPECT_THAT(line_of(text, "total"), HasSubstr("100.0"));
    EXPECT_EQ(line_of(text, "discover"), "no discover") << "nobody went through that";
}

TEST(RunNow, SaysWhatIsWrongWhereAndWhatToCheckAndTrustsNoServersWords) {
    const auto text = to_text(answer(), {.width = 100, .on_terminal = true, .blocks = true});
    EXPECT_THAT(text, HasSubstr("us-east: Nothing listens"));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, HasSubstr("Next: "));
}

TEST(RunNow, FiveRegionsStandSideBySideOnEightyColumns) {
    auto five = answer();
    for (const auto* name : {"sa-east", "ap-south"}) {
        *five.add_looks() = five.looks(0);
        five.mutable_looks()->rbegin()->set_region(name);
    }
    const auto text = to_text(five, {.width = 80, .on_terminal = true, .blocks = true});
    const auto heads = lines_of(text).at(2);
    for (const auto* name : {"eu-west", "us-east", "us-west", "sa-east", "ap-south"})
        EXPECT_THAT(heads, HasSubstr(name)) << text;
    EXPECT_THAT(line_of(text, "connect"), HasSubstr("20.0"));
}

TEST(RunNow, FitsANarrowTerminal) {
    for (const auto width : {40U, 60U, 80U, 132U})
        for (const auto& line :
             lines_of(to_text(answer(), {.width = width, .on_terminal = true, .blocks = true}))) {
            if (line.starts_with("  us-east:") || line.starts_with("Next:")) continue;
            EXPECT_LE(width_of(line), width) << line;
        }
}

}  // namespace
}  // namespace quorate::cli
