#include "cli/verbs/run_now.hpp"

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "cli/bar.hpp"
#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/probe_advice.hpp"
#include "cli/verbs/verbs.hpp"
#include "core/base/text.hpp"
#include "core/model/reason.hpp"

namespace quorate::cli {
namespace {

/// As long as the longest timeouts of an endpoint allow, and some more.
constexpr std::chrono::seconds kPatience{150};

constexpr std::size_t kNamesWidth = 13;  // of the column of phases, with its gap
constexpr std::size_t kTimeWidth = 9;    // of `12345.6` and the gaps before and behind it
constexpr std::size_t kBarWidthMin = 6;
constexpr std::size_t kBarWidthMax = 24;
constexpr std::size_t kSentenceBytesMax = 400;

struct Phase {
    const char* name;
    bool (v1::LookTimings::*has)() const;
    double (v1::LookTimings::*ms)() const;
};

#define QUORATE_PHASE(title, field)                                   \
    Phase {                                                           \
        title, &v1::LookTimings::has_##field, &v1::LookTimings::field \
    }
/// One after the other, as a probe goes through them.
const std::array kPhases{QUORATE_PHASE("dns", dns),
                         QUORATE_PHASE("connect", connect),
                         QUORATE_PHASE("tls", tls),
                         QUORATE_PHASE("discover", discover),
                         QUORATE_PHASE("sse_open", sse_open),
                         QUORATE_PHASE("initialize", initialize),
                         QUORATE_PHASE("initialized", initialized),
                         QUORATE_PHASE("tools_list", tools_list),
                         QUORATE_PHASE("canary", tools_call)};
#undef QUORATE_PHASE

std::optional<double> length(const Phase& phase, const v1::LookTimings& timings) {
    return (timings.*phase.has)() ? std::optional{(timings.*phase.ms)()} : std::nullopt;
}

double measured(const v1::LookTimings& timings) {
    double sum = 0;
    for (const auto& phase : kPhases)
        sum += length(phase, timings).value_or(0);
    return std::max(sum, timings.total());
}

std::size_t bar_width(std::size_t regions, const TextStyle& style) {
    if (!style.on_terminal || regions == 0) return kBarWidthMax / 2;
    const auto each = (style.width - std::min(style.width, kNamesWidth)) / regions;
    const auto left = std::min(each - std::min(each, kTimeWidth), kBarWidthMax);
    return left < kBarWidthMin ? 0 : left;  // times alone
}

/// The bar and, right of it, the time.
std::string timed(const std::string& drawn, std::size_t width, double ms) {
    return drawn + std::string(width - width_of(drawn), ' ') + fmt::format("{:>8.1f}", ms);
}

Table waterfalls(const v1::RunNowResponse& answer, const TextStyle& style) {
    std::vector<std::string> headings{""};
    std::vector<double> begun(static_cast<std::size_t>(answer.looks_size()), 0);
    double longest = 0.001;
    for (const auto& look : answer.looks()) {
        headings.push_back(look.region());
        longest = std::max(longest, measured(look.timings_ms()));
    }
    Table table{headings};
    const auto row = [&](const char* name, const auto& text_of) {
        std::vector<std::string> cells{name};
        bool any = false;
        for (int i = 0; i < answer.looks_size(); ++i) {
            cells.push_back(text_of(answer.looks(i), begun[static_cast<std::size_t>(i)]));
            any = any || cells.back() != "-";
        }
        if (any) table.add(std::move(cells));
    };
    const auto width = bar_width(static_cast<std::size_t>(answer.looks_size()), style);
    const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
    row("verdict", [&](const auto& look, double&) { return or_dash(look.verdict()); });
    row("reason", [&](const auto& look, double&) { return or_dash(look.reason()); });
    row("http", [&](const auto& look, double&) {
        return look.has_http_status() ? std::to_string(look.http_status()) : "-";
    });
    for (const auto& phase : kPhases)
        row(phase.name, [&](const auto& look, double& from) -> std::string {
            const auto ms = length(phase, look.timings_ms());
            if (!ms) return "-";
            const auto drawn = width == 0 ? "" : bar(from, *ms, longest, width, style.blocks);
            from += *ms;
            return timed(drawn, width, *ms);
        });
    row("total", [&](const auto& look, double&) -> std::string {
        const auto& timings = look.timings_ms();
        return timings.has_total() ? timed("", width, timings.total()) : "-";
    });
    row("address", [&](const auto& look, double&) { return or_dash(look.peer_address()); });
    row("agent", [&](const auto& look, double&) { return or_dash(look.agent()); });
    return table;
}

/// What the regions say that have something to say, and what to check next, each once.
std::string sentences(const v1::RunNowResponse& answer) {
    std::string text;
    std::vector<std::string> advice;
    for (const auto& look : answer.looks()) {
        if (!look.unanswered().empty() || look.reason().empty()) continue;
        text += "  " + look.region() + ": " + safe_text(look.detail(), kSentenceBytesMax) + "\n";
        const auto reason = reason_named(look.reason());
        const std::string next{reason ? advice_for(*reason) : ""};
        if (!next.empty() && std::ranges::count(advice, next) == 0) advice.push_back(next);
    }
    for (const auto& next : advice)
        text += "Next: " + next + "\n";
    return text;
}

void run_now(const std::string& endpoint, Session& session) {
    v1::RunNowRequest request;
    request.set_endpoint(endpoint);
    session.timeout = std::max<std::chrono::milliseconds>(session.timeout, kPatience);
    v1::RunNowResponse answer;
    if (!session.succeeded(session.admin().RunNow(session.call().get(), request, &answer))) return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        std::cout << to_text(answer, style_of_stdout());
    std::string missing;
    for (const auto& look : answer.looks())
        if (!look.unanswered().empty())
            missing += (missing.empty() ? "" : "; ") + look.region() + ": " + look.unanswered();
    if (answer.looks().empty()) missing = "the endpoint is watched from no region";
    if (!missing.empty()) session.fail("not every region looked: " + missing);
}

}  // namespace

std::string to_text(const v1::RunNowResponse& answer, const TextStyle& style) {
    std::ostringstream out;
    out << printable(answer.tenant() + "/" + answer.endpoint() + "  " + answer.url()) << "\n\n";
    waterfalls(answer, style)
        .print(out, style.on_terminal ? std::optional{style.width} : std::nullopt, style.colour);
    const auto said = sentences(answer);
    return out.str() + (said.empty() ? "" : "\n" + said);
}

void add_run_now_verb(CLI::App& app, Session& session) {
    auto endpoint = std::make_shared<std::string>();
    auto* verb = app.add_subcommand(
        "run-now",
        "Looks at one endpoint from all its regions at once and shows their waterfalls side by "
        "side; nothing of it is recorded. Also where it is paused");
    verb->add_option("ENDPOINT", *endpoint, "name or tenant/name")->required();
    verb->callback([endpoint, &session] { run_now(endpoint_named(*endpoint, session), session); });
}

}  // namespace quorate::cli
