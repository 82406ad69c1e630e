#include "cli/verbs/probe_format.hpp"

#include <sstream>

#include <gtest/gtest.h>

#include "cli/table.hpp"
#include "cli/verbs/probe_advice.hpp"
#include "cli/verbs/probe_printer.hpp"

namespace quorate::cli {
namespace {

ProbeReport failed_report() {
    ProbeReport report;
    report.url = "https://h/mcp";
    report.verdict = Verdict::fail;
    report.reason = Reason::timeout_body;
    report.phase = Phase::tools_list;
    report.detail = "The head came, the answer did not";
    report.http_status = 200;
    report.timings.dns = 10'000;
    report.timings.tcp = 10'000;
    report.timings.tls = 20'000;
    report.timings.initialize = 40;
    report.timings.tools_list = 40'000;
    report.timings.total = 80'040;
    return report;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

TEST(ProbeText, SaysWhatIsWrongAndWhatToCheckNext) {
    const auto text = to_text(failed_report(), "https://h/mcp", TextStyle{});
    const auto lines = lines_of(text);
    EXPECT_EQ(lines[0], "FAIL  https://h/mcp");
    EXPECT_EQ(lines[1], "  The head came, the answer did not.");
    EXPECT_EQ(lines[2], "  Next: " + std::string{advice_for(Reason::timeout_body)});
    EXPECT_EQ(lines[3], "  reason timeout_body, phase tools_list, HTTP 200");
}

TEST(ProbeText, DrawsThePhasesToScaleOneBehindTheOther) {
    TextStyle style;
    style.width = 28 + 80;  // the name, the time and 80 columns of bars
    const auto lines = lines_of(to_text(failed_report(), "https://h/mcp", style));
    ASSERT_EQ(lines.size(), 10U);
    const auto bar = [&](std::size_t line) { return lines[line].substr(28); };
    EXPECT_EQ(bar(4), std::string(10, '#'));
    EXPECT_EQ(bar(5), std::string(10, ' ') + std::string(10, '#'));
    EXPECT_EQ(bar(6), std::string(20, ' ') + std::string(20, '#'));
    EXPECT_EQ(bar(7), std::string(40, ' ') + "|") << "too short for a column";
    EXPECT_EQ(bar(8), std::string(40, ' ') + std::string(40, '#'));
    EXPECT_EQ(lines[8].substr(0, 28), "  tools_list       40.0 ms  ");
    EXPECT_EQ(lines[9], "  total            80.0 ms");
}

TEST(ProbeText, FitsTheTerminalWhateverItsWidth) {
    auto report = failed_report();
    report.detail = "A sentence of many words that does not fit into a narrow terminal at all";
    for (const std::size_t width : {40U, 60U, 80U, 250U}) {
        TextStyle style{width, true, true, false};
        for (const auto& line : lines_of(to_text(report, "https://h/mcp", style)))
            EXPECT_LE(width_of(line), width) << line;
    }
}

TEST(ProbeText, IsPlainWhereItIsNoTerminal) {
    for (const char c : to_text(failed_report(), "https://h/mcp", TextStyle{}))
        EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
}

TEST(ProbeText, HoldsNoControlCharactersOfAServer) {
    auto report = failed_report();
    report.server_name = "\x1b[31mred";
    report.era = Era::modern;
    report.changes = {{"t\x1b[2J", "/x\n", ChangeKind::text, "text_changed", "\x1b]0;x\x07"}};
    const auto text = to_text(report, "https://h/mcp", TextStyle{});
    EXPECT_EQ(text.find('\x1b'), text.npos);
    EXPECT_EQ(text.find('\x07'), text.npos);
}

TEST(ProbeText, NamesTheUrlThatRedirectsLedTo) {
    auto report = failed_report();
    EXPECT_EQ(to_text(report, "https://h/mcp", TextStyle{}).find("final URL"), std::string::npos);
    report.final_url = "https://h/mcp/";
    const auto text = to_text(report, "https://h/mcp", TextStyle{});
    EXPECT_NE(text.find("\n  final URL: https://h/mcp/\n"), text.npos) << text;
}

TEST(ProbeText, NamesWhatAChallengeAsksFor) {
    auto report = failed_report();
    report.auth.scope = "tools:read";
    report.auth.error = "insufficient_scope";
    report.auth.error_description = "needs more";
    const auto text = to_text(report, "https://h/mcp", TextStyle{});
    EXPECT_NE(text.find("\n  the server's challenge: scope `tools:read`, error "
                        "`insufficient_scope` (needs more)\n"),
              text.npos)
        << text;
}

TEST(ProbeText, HasARowForEveryPhaseThatTookTime) {
    auto report = failed_report();
    report.timings = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const auto text = to_text(report, "https://h/mcp", TextStyle{});
    for (const auto* row : {"dns",
                            "connect",
                            "tls",
                            "discover",
                            "sse_open",
                            "initialize ",
                            "initialized ",
                            "tools_list",
                            "canary",
                            "close",
                            "total"})
        EXPECT_NE(text.find("\n  " + std::string{row}), text.npos) << row << "\n" << text;
}

TEST(ProbeText, PrintsEachChangeWithItsKind) {
    auto report = failed_report();
    report.changes = {{"a", "", ChangeKind::breaking, "tool_removed", ""},
                      {"b", "/inputSchema/enum", ChangeKind::tightening, "enum_narrowed", "- x"}};
    const auto text = to_text(report, "https://h/mcp", TextStyle{});
    EXPECT_NE(text.find("  breaking a: tool_removed\n"), text.npos) << text;
    EXPECT_NE(text.find("  tightening b: enum_narrowed at /inputSchema/enum (- x)\n"), text.npos)
        << text;
}

TEST(ProbePrinter, PrintsInTheOrderOfTheEndpointsAndSumsUp) {
    std::ostringstream out;
    ProbePrinter printer{{"one", "two"}, OutputFormat::table, TextStyle{}, out, nullptr};
    auto up = failed_report();
    up.verdict = Verdict::up;
    up.reason.reset();
    up.phase.reset();
    printer.take(1, failed_report(), ProbeRequest{});
    EXPECT_EQ(out.str(), "") << "the first is still missing";
    printer.take(0, up, ProbeRequest{});
    printer.finish();
    const auto text = out.str();
    EXPECT_LT(text.find("UP  one  https://h/mcp"), text.find("FAIL  two  https://h/mcp"));
    const auto summary = text.substr(text.find("ENDPOINT"));
    EXPECT_EQ(summary,
              "ENDPOINT  VERDICT  REASON        PHASE       TOTAL MS  TOOLS\n"
              "one       UP       -             -           80.0      -\n"
              "two       FAIL     timeout_body  tools_list  80.0      -\n"
              "2 endpoints: 1 UP, 1 FAIL\n");
    EXPECT_EQ(printer.status(), 1);
}

TEST(ProbePrinter, OneEndpointNeedsNoSummary) {
    std::ostringstream out;
    ProbePrinter printer{{"one"}, OutputFormat::table, TextStyle{}, out, &out};
    printer.take(0, failed_report(), ProbeRequest{});
    printer.finish();
    EXPECT_EQ(out.str(), to_text(failed_report(), "one", TextStyle{}));
}

TEST(ProbePrinter, TheProgressLineGivesWayToWhatIsPrinted) {
    std::ostringstream out;
    ProbePrinter printer{{"one", "two"}, OutputFormat::json, TextStyle{}, out, &out};
    EXPECT_EQ(out.str(), "\r\x1b[K0 of 2 probed");
    printer.take(1, failed_report(), ProbeRequest{});
    EXPECT_TRUE(out.str().ends_with("\r\x1b[K1 of 2 probed, 1 not up")) << out.str();
    printer.take(0, failed_report(), ProbeRequest{});
    printer.finish();
    const auto line = to_json_line(failed_report(), ProbeRequest{}) + "\n";
    EXPECT_TRUE(out.str().ends_with("not up\r\x1b[K" + line + line)) << out.str();
}

TEST(ProbeStatus, TheWorstComesFirst) {
    EXPECT_EQ(exit_status_of(Verdict::up), 0);
    EXPECT_EQ(exit_status_of(Verdict::fail), 1);
    for (const auto verdict : {Verdict::slow, Verdict::degraded, Verdict::auth})
        EXPECT_EQ(exit_status_of(verdict), 3);
    EXPECT_EQ(exit_status_of(Verdict::unknown), 4);
    EXPECT_EQ(worse_status(3, 4), 4);
    EXPECT_EQ(worse_status(4, 1), 1);
    EXPECT_EQ(worse_status(0, 3), 3);
    EXPECT_EQ(worse_status(0, 0), 0);
}

}  // namespace
}  // namespace quorate::cli
