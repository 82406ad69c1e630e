#pragma once

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace quorate::cli {

/// Rows under headings, made to fit: where the terminal is too narrow the widest columns give way
/// as far as a time still fits; where that is not enough the columns go below each other, in blocks
/// that all begin with the first one.
class Table {
public:
    explicit Table(std::vector<std::string> headings);

    /// `cells` has one text per heading; control characters in it are shown as `?`.
    void add(std::vector<std::string> cells);

    /// @param width columns of the terminal; nothing: as wide as it needs to be.
    /// @param colour states and verdicts in colour.
    void print(std::ostream& out, std::optional<std::size_t> width, bool colour) const;

private:
    std::vector<std::size_t> natural_widths() const;
    void print_columns(std::ostream& out,
                       const std::vector<std::size_t>& columns,
                       const std::vector<std::size_t>& widths,
                       bool colour) const;

    std::vector<std::vector<std::string>> rows_;  // the headings are row 0
};

/// Columns of the terminal behind standard output; nothing when it is none.
std::optional<std::size_t> terminal_width();

/// True if standard output is a terminal and NO_COLOR is not set (https://no-color.org).
bool terminal_wants_colour();

/// Columns that UTF-8 text takes: its characters.
std::size_t width_of(std::string_view text);

/// `text` in the colour of the verdict or decision that `word` is or begins with; as it is for
/// other words.
std::string painted(const std::string& text, const std::string& word);

/// Prints to standard output, fitted to it.
void print(const Table& table);

/// `text` without control characters, C1 ones too, and bidirectional overrides: a server's words
/// must not drive an operator's terminal, nor show another order than they have.
std::string printable(std::string_view text);

/// The names with commas between them.
template <class Names>
std::string joined(const Names& names) {
    std::string text;
    for (const auto& name : names)
        text += (text.empty() ? "" : ",") + name;
    return text;
}

/// Likewise in a sentence: `a, b`, or `none`.
template <class Names>
std::string listed(const Names& names) {
    std::string text;
    for (const auto& name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text.empty() ? "none" : text;
}

/// `-` where there is nothing; otherwise with `digits` behind the point.
std::string number_text(std::optional<double> value, int digits = 1);

/// `99.95 %`, or `-`.
std::string percent_text(std::optional<double> ratio);

/// RFC 3339 of microseconds since the epoch, or `-`.
std::string time_text(std::optional<std::int64_t> epoch_us);

}  // namespace quorate::cli
