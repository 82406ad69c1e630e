#include <algorithm>

#include "core/base/text.hpp"
#include "core/manifest/diff.hpp"
#include "core/manifest/manifest.hpp"
#include "probe/call.hpp"
#include "probe/mcp_messages.hpp"
#include "probe/tool_list.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr int kInvalidParams = -32602;
constexpr std::size_t kToolNameBytesMax = 128;

/// Ends the step with a finding about an expectation: FAIL where it is required; else it is kept,
/// and the steps after go on.
Result<void> not_expected(Attempt& attempt, Reason reason, std::string detail) {
    Failure failure{Phase::tools_list, reason, std::move(detail)};
    if (attempt.request.expect.required) return failure;
    attempt.keep_finding(std::move(failure));
    return {};
}

/// The tools that the owner expects and the list does not have, joined for people.
std::string missing_tools(const Attempt& attempt) {
    std::string missing;
    const auto& names = attempt.report.tools->names;
    for (const auto& expected : attempt.request.expect.tools) {
        if (std::find(names.begin(), names.end(), safe_text(expected, kToolNameBytesMax)) !=
            names.end())
            continue;
        missing += (missing.empty() ? "" : ", ") + safe_text(expected, kToolNameBytesMax);
    }
    return missing;
}

void take_facts(Attempt& attempt, const ListFacts& facts) {
    attempt.report.tools = facts.tools;
    add_all(attempt.report.warnings, facts.warnings);
}

/// Whether a later step looks at the tools themselves, for which the facts do not do.
bool needs_tools(const Attempt& attempt) {
    const auto& request = attempt.request;
    return request.canary || request.baseline || request.keep_tools;
}

ListFacts facts_of(const ToolList& list) {
    ToolsReport report;
    report.count = static_cast<std::uint32_t>(list.tools().size());
    report.pages = static_cast<std::uint32_t>(list.pages());
    for (const auto& tool : list.tools())
        report.names.push_back(safe_text(*string_member(tool, "name"), kToolNameBytesMax));
    std::sort(report.names.begin(), report.names.end());
    const auto hashes = manifest_hashes(list.tools());
    report.semantic_hash = hashes.semantic;
    report.full_hash = hashes.full;
    return {std::make_shared<const ToolsReport>(std::move(report)), list.warnings()};
}

/// `2 breaking, 1 additive`.
std::string counted(const ManifestChanges& changes) {
    std::string text;
    for (const auto& row : kChangeKindNames) {
        const auto count =
            std::count_if(changes.begin(), changes.end(), [&](const ManifestChange& change) {
                return change.kind == row.value;
            });
        if (count == 0) continue;
        text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string{row.name};
    }
    return text;
}

/// Compares the list with the owner's baseline. Another contract is drift, and the steps after go
/// on; another era is a comparison that can't be made.
Result<void> compare_with_baseline(Attempt& attempt) {
    auto& report = attempt.report;
    const auto& baseline = attempt.request.baseline;
    if (attempt.request.keep_tools)
        report.tool_list = std::make_shared<const std::vector<json::object>>(attempt.tools);
    if (!baseline) return {};
    if (report.era != baseline->era)
        return Failure{Phase::config,
                       Reason::config_invalid,
                       "The manifest is of the " + std::string{name_of(baseline->era)} +
                           " era, and the server speaks the " +
                           std::string{report.era ? name_of(*report.era) : "other"} + " era"};
    report.changes = diff_of_tools(baseline->tools, attempt.tools);
    if (report.changes.empty()) return {};
    const bool has_text = std::any_of(report.changes.begin(),
                                      report.changes.end(),
                                      [](const auto& c) { return c.kind == ChangeKind::text; });
    if (has_text) report.warnings.add(Warning::tool_text_changed);
    if (!has_contract_change(report.changes)) return {};
    attempt.keep_finding({Phase::tools_list,
                          Reason::schema_drift,
                          "The tools differ from the manifest: " + counted(report.changes)});
    return {};
}

/// What is in of a list.
struct Listing {
    explicit Listing(bool modern) : list{modern} {}

    ToolList list;
    Warnings warnings;
    std::optional<std::string> cursor;  ///< of the page to come
};

McpCall make_list(Attempt& attempt, const std::optional<std::string>& cursor) {
    json::object params;
    if (cursor) params["cursor"] = *cursor;
    auto message = make_request(attempt, Phase::tools_list, "tools/list", std::move(params));
    message.recallable = !cursor && !attempt.traced() && !needs_tools(attempt);
    return message;
}

/// The list is whole: tells the report, and the attempt's later steps.
void finish(Attempt& attempt, Listing& listing, const std::optional<AnswerKey>& memory_key) {
    auto facts = facts_of(listing.list);
    add_all(facts.warnings, listing.warnings);
    take_facts(attempt, facts);
    if (memory_key && listing.list.pages() == 1)
        attempt.parts.memo.keep(*memory_key, std::move(facts));
    attempt.tools = listing.list.take_tools();
    const auto& wants = attempt.request.wants_tools;
    if (wants && wants(attempt.report.tools->full_hash))
        attempt.report.tool_list = std::make_shared<const std::vector<json::object>>(attempt.tools);
}

/// Takes one page.
/// @return whether another one follows
Result<bool> take_page(Attempt& attempt, Listing& listing, Answer answer) {
    if (answer.known() && answer.head().status == 200) {
        take_facts(attempt, std::get<ListFacts>(*answer.known()));
        return false;
    }
    const auto& memory_key = answer.memory_key();
    const bool rejects_cursor =
        listing.cursor && answer.error() && answer.error()->code == kInvalidParams;
    auto result = result_of(attempt, std::move(answer), Phase::tools_list);
    if (!result && rejects_cursor)
        return Failure{Phase::tools_list,
                       Reason::pagination_invalid,
                       "The server rejects the cursor that it gave us"};
    if (!result) return result.error();
    if (attempt.is_modern()) {
        const auto complete = check_result_type(*result, Phase::tools_list, listing.warnings);
        if (!complete) return complete.error();
        check_cache_hints(*result, listing.warnings);
    }
    auto next = listing.list.take_page(*result);
    if (!next) return next.error();
    listing.cursor = *std::move(next);
    if (listing.cursor) return true;
    finish(attempt, listing, memory_key);
    return false;
}

Task<Result<void>> list_all(Attempt& attempt) {
    Listing listing{attempt.is_modern()};
    for (bool again = false;;) {
        const auto message = make_list(attempt, listing.cursor);
        auto answer = co_await call(attempt, message);
        const bool lost = !answer && is_lost_stream(attempt, answer.error());
        again = lost && !again;
        if (again) continue;
        if (!answer) co_return answer.error();
        const auto more = take_page(attempt, listing, *std::move(answer));
        if (!more) co_return more.error();
        if (!*more) co_return Result<void>{};
    }
}

}  // namespace

Task<Result<void>> tools_list_step(Attempt& attempt) {
    const auto& expected = attempt.request.expect.tools;
    if (!attempt.tools_declared) {
        auto compared = compare_with_baseline(attempt);
        if (!compared || expected.empty()) co_return compared;
        co_return not_expected(attempt,
                               Reason::tools_capability_missing,
                               "The server does not declare the capability `tools`");
    }
    const PhaseStopwatch stopwatch{attempt, attempt.report.timings.tools_list};
    auto listed = co_await list_all(attempt);
    if (!listed) co_return listed;
    const auto compared = compare_with_baseline(attempt);
    if (!compared) co_return compared;
    const auto missing = missing_tools(attempt);
    if (missing.empty()) co_return listed;
    co_return not_expected(
        attempt, Reason::tool_missing, "The server does not list the expected: " + missing);
}

}  // namespace quorate
