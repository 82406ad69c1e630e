#include "coordinator/catalog/rule_words.hpp"

#include <array>
#include <vector>

#include <fmt/format.h>

namespace quorate::coordinator {
namespace {

constexpr std::array<std::string_view, 9> kRuleTexts{
    "every expected cell is MAINT: hold",
    "no region voted: hold, open nothing, close nothing",
    "only one region voted: hold, one witness never opens a P1",
    "at least three regions, at least the quorum and more than half of all voted, and every one of "
    "them FAILs",
    "at least the quorum of regions is failing",
    "a region is failing, and the others are healthy or fail below the quorum",
    "a region was failing lately and it is not settled yet: hold, the next minute tells",
    "a region is slow in at least 3 of its last 5 votes",
    "nothing above holds",
};

template <class Names>
std::string joined(const Names& names) {
    std::string text;
    for (const auto& name : names) {
        if (!text.empty()) text += ", ";
        text += name;
    }
    return text;
}

/// `3 of 5 regions (a, b, c)`; `no region` for none.
template <class Names>
std::string share(const Names& names, std::uint32_t of) {
    const auto count = static_cast<std::size_t>(names.size());
    if (count == 0) return "no region";
    return fmt::format("{} of {} regions ({})", count, of, joined(names));
}

template <class Names>
std::string are(const Names& names) {
    return names.size() == 1 ? "is" : "are";
}

/// Regions whose cell of this minute fulfils `condition`.
template <class Condition>
std::vector<std::string> regions_where(const v1::ExplainResponse& explained, Condition condition) {
    std::vector<std::string> names;
    for (const auto& cell : explained.cells())
        if (condition(cell)) names.push_back(cell.region());
    return names;
}

/// What is to be said beside the row: first failures that do not count yet.
std::string suspects(const v1::ExplainResponse& explained) {
    const auto names =
        regions_where(explained, [](const auto& cell) { return cell.region_state() == "SUSPECT"; });
    if (names.empty()) return {};
    return fmt::format("; {} only suspect: one FAIL is no failure yet",
                       joined(names) + " " + are(names));
}

std::string reasons(const v1::ExplainResponse& explained) {
    std::vector<std::string> found;
    for (const auto& cell : explained.cells())
        if (cell.verdict() == "FAIL") found.push_back(cell.region() + " " + cell.reason());
    return found.empty() ? "" : " [" + joined(found) + "]";
}

std::string pending(const v1::ExplainResponse& explained) {
    if (explained.silent_size() > 0)
        return fmt::format("{} failed lately and {} silent now; {} healthy",
                           share(explained.silent(), explained.configured_regions()),
                           are(explained.silent()),
                           explained.healthy_size());
    return fmt::format(
        "{} {} failing or recovering, with none of them failing now or nothing to "
        "compare with; {} healthy",
        share(explained.failing(), explained.configured_regions()),
        are(explained.failing()),
        explained.healthy_size());
}

}  // namespace

std::string_view rule_text(unsigned row) {
    return row < kRuleTexts.size() ? kRuleTexts[row] : std::string_view{};
}

std::string why(const v1::ExplainResponse& explained) {
    const auto n = explained.configured_regions();
    const auto& failing = explained.failing();
    switch (explained.rule_row()) {
        case 0:
            return fmt::format("all {} cells are in maintenance", n);
        case 1:
            return fmt::format(
                "none of {} regions could measure, which says nothing of the "
                "endpoint",
                n);
        case 2:
            return fmt::format("{} voted and {} {}; a second witness is missing",
                               share(explained.voters(), n),
                               joined(explained.voters()),
                               failing.empty() ? "does not count as failing" : "sees it fail");
        case 3:
            return fmt::format("{} voted and every one FAILs in this minute{}",
                               share(explained.voters(), n),
                               reasons(explained));
        case 4:
            return fmt::format("{} {} failing, P1 needs {}; {} healthy{}",
                               share(failing, n),
                               are(failing),
                               explained.quorum(),
                               explained.healthy_size(),
                               reasons(explained));
        case 5:
            return fmt::format("{} {} failing, P1 needs {}; {} {} healthy{}",
                               share(failing, n),
                               are(failing),
                               explained.quorum(),
                               share(explained.healthy(), n),
                               are(explained.healthy()),
                               reasons(explained));
        case 6:
            return pending(explained) + suspects(explained);
        case 7: {
            // Of a cell that is something worse than slow the phase is that of what is worse.
            std::vector<std::string> slow;
            for (const auto& cell : explained.cells())
                if (cell.slow())
                    slow.push_back(cell.region() +
                                   (cell.verdict() == "SLOW" ? " in " + cell.phase() : ""));
            return fmt::format(
                "none of {} voters {} failing, but latency is over the threshold; "
                "slow in this minute: {}",
                explained.voters_size(),
                explained.voters_size() == 1 ? "is" : "are",
                slow.empty() ? "none" : joined(slow));
        }
        default:
            return fmt::format("{} voted and none is failing{}",
                               share(explained.voters(), n),
                               suspects(explained));
    }
}

}  // namespace quorate::coordinator
