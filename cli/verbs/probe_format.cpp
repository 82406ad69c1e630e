#include "cli/verbs/probe_format.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "cli/bar.hpp"
#include "cli/table.hpp"
#include "cli/verbs/probe_advice.hpp"
#include "core/base/text.hpp"

namespace quorate::cli {
namespace {

constexpr std::size_t kNamesMax = 12;
constexpr std::size_t kIndent = 2;
constexpr std::size_t kNameWidth = 12;
constexpr std::size_t kTimeWidth = 12;  // with its unit
constexpr std::size_t kBarWidthMin = 10;
constexpr std::size_t kBarWidthMax = 100;
constexpr std::size_t kChangeBytesMax = 300;

struct Row {
    std::string_view name;
    PhaseTimings::Us us;
};

/// The phases one after another, each bar beginning where the one before ended.
std::string waterfall(const PhaseTimings& timings, const TextStyle& style) {
    const std::array rows{Row{"dns", timings.dns},
                          Row{"connect", timings.tcp},
                          Row{"tls", timings.tls},
                          Row{"discover", timings.discover},
                          Row{"sse_open", timings.sse_open},
                          Row{"initialize", timings.initialize},
                          Row{"initialized", timings.initialized},
                          Row{"tools_list", timings.tools_list},
                          Row{"canary", timings.tools_call}};
    constexpr std::size_t kLeft = kIndent + kNameWidth + kTimeWidth + 2;
    const auto width =
        std::clamp(style.width > kLeft ? style.width - kLeft : 0, kBarWidthMin, kBarWidthMax);
    double measured = 1;
    for (const auto& row : rows)
        measured += row.us.value_or(0);
    const double total = std::max<double>(measured, timings.total.value_or(1));
    const auto line = [](std::string_view name, std::uint32_t us, std::string_view rest) {
        auto text = fmt::format("  {:<12}{:>9.1f} ms  {}", name, us / 1000.0, rest);
        text.erase(text.find_last_not_of(' ') + 1);
        return text + "\n";
    };
    std::string text;
    double begun = 0;
    for (const auto& row : rows) {
        if (!row.us) continue;
        text += line(row.name, *row.us, bar(begun, *row.us, total, width, style.blocks));
        begun += *row.us;
    }
    if (timings.total) text += line("total", *timings.total, "");
    if (timings.cleanup) text += line("close", *timings.cleanup, "outside the total");
    return text;
}

/// `text` in lines of the style's width, indented.
std::string wrapped(const std::string& text, const TextStyle& style) {
    const std::string indent(kIndent, ' ');
    if (!style.on_terminal) return indent + text + "\n";
    std::istringstream words{text};
    std::string result;
    std::string line;
    for (std::string word; words >> word;) {
        const bool fits =
            line.empty() || kIndent + width_of(line) + 1 + width_of(word) <= style.width;
        if (!fits) result += indent + std::exchange(line, {}) + "\n";
        line += (line.empty() ? "" : " ") + word;
    }
    return result + indent + line + "\n";
}

std::string sentence(const std::string& text) {
    return text.empty() || text.ends_with('.') || text.ends_with("…") ? text : text + ".";
}

std::string spoken(const ProbeReport& report) {
    if (!report.era) return {};
    auto text = fmt::format("{} era", name_of(*report.era));
    if (!report.protocol_version.empty()) text += ", MCP " + report.protocol_version;
    if (!report.server_name.empty())
        text += fmt::format(", {} {}", report.server_name, report.server_version);
    return text;
}

std::string tool_names(const ProbeReport& report) {
    if (!report.tools) return {};
    const auto& names = report.tools->names;
    std::string text =
        fmt::format("{} tool{}", report.tools->count, report.tools->count == 1 ? "" : "s");
    for (std::size_t i = 0; i < std::min(names.size(), kNamesMax); ++i)
        text += (i == 0 ? ": " : ", ") + names[i];
    return text + (names.size() > kNamesMax ? ", …" : "");
}

std::string warning_names(const ProbeReport& report) {
    std::string text;
    for (const auto& row : kWarningNames)
        if (report.warnings.has(row.value))
            text.append(text.empty() ? "warnings: " : ", ").append(row.name);
    return text;
}

std::string health_words(const ProbeReport& report) {
    if (!report.health) return {};
    if (!report.health->status) return "health URL: no answer";
    return fmt::format("health URL: HTTP {} in {} ms", *report.health->status, report.health->ms);
}

std::string change_words(const ManifestChange& change) {
    auto text = fmt::format("{:<10}  {}: {}", name_of(change.kind), change.tool, change.what);
    if (!change.path.empty()) text += " at " + change.path;
    if (!change.detail.empty()) text += " (" + change.detail + ")";
    return text;
}

std::string cause_words(const ProbeReport& report) {
    std::string text;
    if (report.reason) {
        text = fmt::format("reason {}", name_of(*report.reason));
        if (report.phase) text += fmt::format(", phase {}", name_of(*report.phase));
        if (report.http_status) text += fmt::format(", HTTP {}", *report.http_status);
        if (report.rpc_code) text += fmt::format(", JSON-RPC error {}", *report.rpc_code);
        if (report.retry_after_s) text += fmt::format(", retry after {} s", *report.retry_after_s);
        if (report.retried) text += ", after a second attempt";
    } else if (report.retried) {
        text = "the first attempt failed, the second went well";
    }
    return text;
}

/// Where the redirects that were followed led: the URL to use.
std::string redirect_words(const ProbeReport& report) {
    return report.final_url.empty() ? "" : "final URL: " + report.final_url;
}

/// What the challenge says of the way through the wall.
std::string challenge_words(const AuthReport& auth) {
    std::string text;
    if (auth.scope) text = fmt::format("scope `{}`", *auth.scope);
    if (auth.error) text += fmt::format("{}error `{}`", text.empty() ? "" : ", ", *auth.error);
    if (auth.error_description) text += fmt::format(" ({})", *auth.error_description);
    return text.empty() ? text : "the server's challenge: " + text;
}

std::string tls_words(const ProbeReport& report) {
    std::string text;
    if (!report.peer_address.empty()) text = "at " + report.peer_address;
    if (!report.tls) return text;
    if (!report.tls->version.empty()) text += ", " + report.tls->version;
    if (report.tls->earliest_not_after)
        text += ", certificates good until " + to_rfc3339(*report.tls->earliest_not_after);
    return text;
}

bool locale_is_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        const auto lower = to_lower(value);
        return lower.find("utf-8") != lower.npos || lower.find("utf8") != lower.npos;
    }
    return false;
}

}  // namespace

TextStyle style_of_stdout() {
    TextStyle style;
    const auto width = terminal_width();
    if (!width) return style;
    style.width = *width;
    style.on_terminal = true;
    style.blocks = locale_is_utf8();
    style.colour = terminal_wants_colour();
    return style;
}

std::string to_text(const ProbeReport& report, const std::string& name, const TextStyle& style) {
    const std::string verdict{name_of(report.verdict)};
    std::string text = (style.colour ? painted(verdict, verdict) : verdict) + "  ";
    text += printable(name == report.url ? name : name + "  " + report.url) + "\n";
    text += wrapped(sentence(report.detail), style);
    if (report.reason) text += wrapped("Next: " + std::string{advice_for(*report.reason)}, style);
    for (const auto& words : {cause_words(report),
                              challenge_words(report.auth),
                              redirect_words(report),
                              spoken(report),
                              tls_words(report),
                              tool_names(report),
                              warning_names(report),
                              health_words(report)})
        if (!words.empty()) text += wrapped(printable(words), style);
    for (const auto& change : report.changes)
        text += "  " + safe_text(change_words(change), kChangeBytesMax) + "\n";
    return text + waterfall(report.timings, style);
}

std::string summary_of(const std::vector<std::string>& names,
                       const std::vector<ProbeReport>& reports,
                       const TextStyle& style) {
    Table table{{"ENDPOINT", "VERDICT", "REASON", "PHASE", "TOTAL MS", "TOOLS"}};
    std::map<Verdict, std::size_t> counts;
    for (std::size_t i = 0; i < reports.size(); ++i) {
        const auto& report = reports[i];
        ++counts[report.verdict];
        const auto total = report.timings.total;
        table.add({names[i],
                   std::string{name_of(report.verdict)},
                   report.reason ? std::string{name_of(*report.reason)} : "-",
                   report.phase ? std::string{name_of(*report.phase)} : "-",
                   number_text(total ? std::optional{*total / 1000.0} : std::nullopt),
                   report.tools ? std::to_string(report.tools->count) : "-"});
    }
    std::ostringstream out;
    table.print(out, style.on_terminal ? std::optional{style.width} : std::nullopt, style.colour);
    std::string counted;
    for (const auto verdict : {Verdict::up,
                               Verdict::slow,
                               Verdict::degraded,
                               Verdict::auth,
                               Verdict::fail,
                               Verdict::unknown})
        if (const auto found = counts.find(verdict); found != counts.end())
            counted += fmt::format(
                "{}{} {}", counted.empty() ? "" : ", ", found->second, name_of(verdict));
    return out.str() + fmt::format("{} endpoints: {}\n", reports.size(), counted);
}

}  // namespace quorate::cli
