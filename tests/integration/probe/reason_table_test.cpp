// The table that the probe page's section 11 promises: each reason and each warning, how it is
// provoked on a real socket, and what comes out. The enumerations are read from the code.
#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/reason_bench.hpp"

namespace quorate {
namespace {

std::string_view words_for(Provoker by) {
    switch (by) {
        case Provoker::nobody:
            return "-";
        case Provoker::kernel:
            return "kernel";
        case Provoker::real:
            return "real server";
        case Provoker::scripted:
            return "our server";
        case Provoker::component:
            return "component";
    }
    return {};
}

std::vector<ReasonRow> all_rows() {
    std::vector<ReasonRow> rows;
    for (auto make : {connection_rows,
                      dns_rows,
                      tls_rows,
                      time_rows,
                      http_rows,
                      wall_rows,
                      protocol_rows,
                      tool_rows,
                      around_rows})
        for (auto& row : make())
            rows.push_back(std::move(row));
    std::stable_sort(rows.begin(), rows.end(), [](const auto& left, const auto& right) {
        return left.reason < right.reason;
    });
    return rows;
}

/// The names of an enumeration's members, out of the header that defines it.
std::set<std::string> enumerators_in(const char* header, const std::string& enumeration) {
    std::ifstream file{std::string{QUORATE_SOURCE_DIR "/core/model/"} + header};
    std::stringstream text;
    text << file.rdbuf();
    const auto all = text.str();
    const auto begin = all.find("enum class " + enumeration);
    const auto body = all.substr(begin, all.find("};", begin) - begin);
    static const std::regex kMember{R"(\b(\w+) = \d+,)"};
    std::set<std::string> names;
    for (std::sregex_iterator match{body.begin(), body.end(), kMember}, end; match != end; ++match)
        names.insert((*match)[1]);
    return names;
}

template <class Names>
std::set<std::string> named(const Names& names) {
    std::set<std::string> all;
    for (const auto& entry : names)
        all.emplace(name_of(entry.value));
    return all;
}

template <class Rows, class Of>
std::set<std::string> in(const Rows& rows, Of of) {
    std::set<std::string> all;
    for (const auto& row : rows)
        all.emplace(name_of(of(row)));
    return all;
}

void print(std::string_view name,
           const Outcome& outcome,
           Provoker by,
           const std::string& how,
           std::string_view fallback = "") {
    std::ostringstream facts;
    if (outcome.http_status) facts << " http " << *outcome.http_status;
    if (outcome.rpc_code) facts << " rpc " << *outcome.rpc_code;
    if (outcome.tls_verify_code.value_or(0) != 0) facts << " verify " << *outcome.tls_verify_code;
    if (outcome.os_error) facts << " errno " << *outcome.os_error;
    const std::string phase{outcome.phase ? name_of(*outcome.phase) : fallback};
    const std::string verdict{outcome.skipped.empty() ? name_of(outcome.verdict) : "not run"};
    std::cout << std::left << std::setw(30) << name << std::setw(12) << phase << std::setw(10)
              << verdict << std::setw(13) << words_for(by) << how << facts.str();
    if (!outcome.skipped.empty()) std::cout << " (" << outcome.skipped << ')';
    if (by == Provoker::component && !outcome.detail.empty())
        std::cout << " (" << outcome.detail << ')';
    std::cout << '\n';
}

/// What the row says nothing about may be as it is.
template <class Fact>
void expect_fact(const Fact& wanted, const Fact& found) {
    EXPECT_EQ(wanted ? found : wanted, wanted);
}

void expect_facts(const RowFacts& wanted, const Outcome& outcome) {
    expect_fact(wanted.http_status, outcome.http_status);
    expect_fact(wanted.rpc_code, outcome.rpc_code);
    expect_fact(wanted.tls_verify_code, outcome.tls_verify_code);
    expect_fact(wanted.os_error, outcome.os_error);
}

TEST(ReasonTable, EveryReasonOfTheEnumerationHasARow) {
    const auto names = named(kReasonNames);
    EXPECT_EQ(enumerators_in("reason.hpp", "Reason"), names);
    EXPECT_EQ(in(all_rows(), [](const auto& row) { return row.reason; }), names);
}

TEST(ReasonTable, EveryWarningOfTheEnumerationHasARow) {
    const auto names = named(kWarningNames);
    EXPECT_EQ(enumerators_in("warning.hpp", "Warning"), names);
    EXPECT_EQ(in(warning_rows(), [](const auto& row) { return row.warning; }), names);
}

TEST(ReasonTable, EveryRowComesOutAsItSays) {
    ReasonBench bench;
    std::string skipped;
    for (const auto& row : all_rows()) {
        SCOPED_TRACE(std::string{name_of(row.reason)} + ": " + row.how);
        const auto outcome = row.provoke(bench);
        print(name_of(row.reason), outcome, row.by, row.how, row.phase ? "" : "(around)");
        if (!outcome.skipped.empty()) {
            skipped += "\n" + std::string{name_of(row.reason)} + ": " + outcome.skipped;
            continue;
        }
        EXPECT_EQ(name_or_none(outcome.reason), name_of(row.reason)) << outcome.detail;
        EXPECT_EQ(name_of(outcome.verdict), name_of(row.verdict)) << outcome.detail;
        if (!row.or_phase || outcome.phase != row.or_phase) {
            EXPECT_EQ(name_or_none(outcome.phase), name_or_none(row.phase)) << outcome.detail;
        }
        expect_facts(row.facts, outcome);
    }
    if (!skipped.empty()) GTEST_SKIP() << "not provoked on this machine:" << skipped;
}

TEST(ReasonTable, EveryWarningComesOutBesideAnUnchangedVerdict) {
    ReasonBench bench;
    for (const auto& row : warning_rows()) {
        SCOPED_TRACE(std::string{name_of(row.warning)} + ": " + row.how);
        const auto outcome = row.provoke(bench);
        print(name_of(row.warning), outcome, row.by, row.how, "(warning)");
        if (!outcome.skipped.empty()) continue;
        EXPECT_TRUE(outcome.warnings.has(row.warning)) << outcome.detail;
        EXPECT_EQ(name_of(outcome.verdict), name_of(row.verdict)) << outcome.detail;
    }
}

/// A class is what the verdict of a reason is by itself; where a row differs, a rule of the probe
/// page says why.
TEST(ReasonTable, VerdictsFollowTheClassOfTheirReason) {
    for (const auto& row : all_rows()) {
        const bool by_owner = row.reason == Reason::tool_missing ||
                              row.reason == Reason::tools_capability_missing ||
                              row.phase == Phase::tools_call;
        const bool by_version = row.reason == Reason::protocol_version_unsupported;
        if (by_owner || by_version) continue;
        EXPECT_EQ(name_of(row.verdict), name_of(verdict_of(row.reason))) << name_of(row.reason);
    }
}

}  // namespace
}  // namespace quorate
