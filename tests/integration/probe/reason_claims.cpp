#include "tests/integration/probe/reason_claims.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <span>

namespace quorate {
namespace {

namespace fs = std::filesystem;

/// The first file below one of `folders` that has a line like that, from the top of the tree.
std::string file_with(std::span<const char* const> folders, const std::regex& wanted) {
    const fs::path top{QUORATE_SOURCE_DIR};
    std::vector<fs::path> files;
    for (const auto* folder : folders)
        for (const auto& entry : fs::recursive_directory_iterator{top / folder})
            if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
        const bool is_row = file.filename().string().rfind("reason_", 0) == 0;
        const auto kind = file.extension();
        if (is_row || (kind != ".cpp" && kind != ".py")) continue;
        std::ifstream text{file};
        for (std::string line; std::getline(text, line);)
            if (std::regex_search(line, wanted)) return fs::relative(file, top).string();
    }
    return {};
}

/// @return whether the claim holds; `outcome` then says where, otherwise what is missing
bool look_up(const std::string& enumeration, const std::string& name, Outcome& outcome) {
    static constexpr const char* kMakers[] = {
        "probe", "region-agent", "coordinator", "archiver", "cli/verbs"};
    static constexpr const char* kTests[] = {"tests/integration", "tests/unit", "tests/e2e"};
    // A `case` only reads it.
    const auto maker =
        file_with(kMakers, std::regex{"^(?!.*\\bcase ).*" + enumeration + "::" + name + "\\b"});
    const auto test = file_with(kTests, std::regex{"(EXPECT|ASSERT|assert).*\\b" + name + "\\b"});
    if (maker.empty())
        outcome.skipped = "nothing in this build makes it";
    else if (test.empty())
        outcome.detail = maker + " makes it, and no test expects it";
    else
        outcome.detail = "made by " + maker + ", tested by " + test;
    return !maker.empty() && !test.empty();
}

}  // namespace

ReasonRow elsewhere_row(Reason reason, std::string how) {
    return {reason,
            verdict_of(reason),
            std::nullopt,
            Provoker::component,
            std::move(how),
            [reason](ReasonBench&) {
                Outcome outcome;
                if (!look_up("Reason", std::string{name_of(reason)}, outcome)) return outcome;
                outcome.verdict = verdict_of(reason);
                outcome.reason = reason;
                return outcome;
            }};
}

WarningRow elsewhere_row(Warning warning, std::string how) {
    return {warning, Verdict::up, Provoker::component, std::move(how), [warning](ReasonBench&) {
                Outcome outcome;
                if (!look_up("Warning", std::string{name_of(warning)}, outcome)) return outcome;
                outcome.verdict = Verdict::up;
                outcome.warnings.add(warning);
                return outcome;
            }};
}

}  // namespace quorate
