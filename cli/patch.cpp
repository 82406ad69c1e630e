#include "cli/patch.hpp"

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <string_view>
#include <vector>

#include "cli/table.hpp"

namespace quorate::cli {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& text) {
    Lines lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);)
        lines.push_back(printable(line));
    return lines;
}

/// How many lines the longest common subsequence of the ends from (i, j) on has.
class Common {
public:
    Common(const Lines& before, const Lines& after)
        : width_{after.size() + 1}, longest_((before.size() + 1) * width_) {
        for (auto i = before.size(); i-- > 0;)
            for (auto j = after.size(); j-- > 0;)
                at(i, j) = before[i] == after[j] ? at(i + 1, j + 1) + 1
                                                 : std::max(at(i + 1, j), at(i, j + 1));
    }
    std::size_t& at(std::size_t i, std::size_t j) { return longest_[i * width_ + j]; }

private:
    std::size_t width_;
    std::vector<std::size_t> longest_;
};

}  // namespace

std::string patch_text(const std::string& name,
                       const std::string& before,
                       const std::string& after,
                       bool colour) {
    const auto old_lines = lines_of(before);
    const auto new_lines = lines_of(after);
    std::string text;
    const auto add = [&text, colour](std::string_view mark, const std::string& line, int code) {
        const auto shown = std::string{mark} + line;
        text +=
            colour && code != 0 ? "\x1b[" + std::to_string(code) + "m" + shown + "\x1b[0m" : shown;
        text += '\n';
    };
    constexpr int kBold = 1;
    constexpr int kRed = 31;
    constexpr int kGreen = 32;
    add("--- ", before.empty() ? "/dev/null" : printable(name), kBold);
    add("+++ ", after.empty() ? "/dev/null" : printable(name), kBold);
    Common common{old_lines, new_lines};
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < old_lines.size() || j < new_lines.size()) {
        const bool both = i < old_lines.size() && j < new_lines.size();
        if (both && old_lines[i] == new_lines[j]) {
            add(" ", old_lines[i++], 0);
            ++j;
        } else if (i < old_lines.size() && (!both || common.at(i + 1, j) >= common.at(i, j + 1))) {
            add("-", old_lines[i++], kRed);
        } else {
            add("+", new_lines[j++], kGreen);
        }
    }
    return text;
}

}  // namespace quorate::cli
