#include "cli/table.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/text.hpp"
#include "core/time/time.hpp"

namespace quorate::cli {
namespace {

constexpr std::string_view kGap = "  ";
constexpr std::string_view kEllipsis = "…";
constexpr std::size_t kColumnWidthMin = 20;  // a time

std::string fitted(const std::string& text, std::size_t width) {
    if (width_of(text) <= width) return text + std::string(width - width_of(text), ' ');
    std::size_t end = 0;
    for (std::size_t characters = 0; end < text.size(); ++end) {
        if ((static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U && characters++ == width - 1)
            break;
    }
    return text.substr(0, end).append(kEllipsis);
}

struct Paint {
    std::string_view word;
    std::string_view code;
};
constexpr std::array kPaints{
    Paint{"OK", "32"},
    Paint{"UP", "32"},
    Paint{"P1", "1;31"},
    Paint{"FAIL", "31"},
    Paint{"P2", "1;33"},
    Paint{"P3", "33"},
    Paint{"SLOW", "33"},
    Paint{"DEGRADED", "33"},
    Paint{"AUTH", "35"},
    Paint{"UNKNOWN", "36"},
    Paint{"BLIND", "36"},
    Paint{"PENDING", "36"},
    Paint{"FAILING", "31"},
    Paint{"HEALTHY", "32"},
    Paint{"MAINT", "34"},
    Paint{"PAUSED", "34"},
    Paint{"UNCONFIRMED", "36"},
    Paint{"LOW_VISIBILITY", "36"},
};

}  // namespace

/// Characters, not bytes: every byte of UTF-8 that does not continue one.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

std::string painted(const std::string& text, const std::string& word) {
    const auto first = std::string_view{word}.substr(0, word.find(' '));
    for (const auto& paint : kPaints)
        if (first == paint.word) return fmt::format("\x1b[{}m{}\x1b[0m", paint.code, text);
    return text;
}

Table::Table(std::vector<std::string> headings) {
    rows_.push_back(std::move(headings));
}

void Table::add(std::vector<std::string> cells) {
    for (auto& cell : cells)
        cell = printable(cell);
    cells.resize(rows_.front().size());
    rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::natural_widths() const {
    std::vector<std::size_t> result(rows_.front().size());
    for (const auto& row : rows_)
        for (std::size_t column = 0; column < row.size(); ++column)
            result[column] = std::max(result[column], width_of(row[column]));
    return result;
}

void Table::print_columns(std::ostream& out,
                          const std::vector<std::size_t>& columns,
                          const std::vector<std::size_t>& widths,
                          bool colour) const {
    for (const auto& row : rows_) {
        std::string line;
        for (const auto column : columns) {
            const bool last = column == columns.back();
            auto text = fitted(row[column], widths[column]);
            if (last) text.erase(text.find_last_not_of(' ') + 1);
            if (colour && &row != &rows_.front()) text = painted(text, row[column]);
            line += text;
            if (!last) line += kGap;
        }
        out << line << '\n';
    }
}

void Table::print(std::ostream& out, std::optional<std::size_t> width, bool colour) const {
    auto widths = natural_widths();
    const auto limit = width.value_or(std::numeric_limits<std::size_t>::max());
    const auto total = [&widths] {
        return std::accumulate(widths.begin(), widths.end(), std::size_t{0}) +
               kGap.size() * (widths.size() - 1);
    };
    while (total() > limit) {
        const auto widest = std::max_element(widths.begin(), widths.end());
        if (*widest <= kColumnWidthMin) break;
        --*widest;
    }
    std::vector<std::size_t> block{0};
    auto used = widths.front();
    for (std::size_t column = 1; column < widths.size(); ++column) {
        if (block.size() > 1 && used + kGap.size() + widths[column] > limit) {
            print_columns(out, block, widths, colour);
            out << '\n';
            block = {0};
            used = widths.front();
        }
        block.push_back(column);
        used += kGap.size() + widths[column];
    }
    print_columns(out, block, widths, colour);
}

std::optional<std::size_t> terminal_width() {
    winsize size{};
    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
        size.ws_col == 0)
        return std::nullopt;
    return size.ws_col;
}

bool terminal_wants_colour() {
    const char* refused = std::getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) != 0 && (refused == nullptr || *refused == '\0');
}

void print(const Table& table) {
    table.print(std::cout, terminal_width(), terminal_wants_colour());
}

std::string printable(std::string_view text) {
    return shown_text(text);
}

std::string number_text(std::optional<double> value, int digits) {
    return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

std::string percent_text(std::optional<double> ratio) {
    return ratio ? fmt::format("{:.2f} %", *ratio * 100.0) : "-";
}

std::string time_text(std::optional<std::int64_t> epoch_us) {
    return epoch_us ? to_rfc3339(UtcTime{microseconds{*epoch_us}}) : "-";
}

}  // namespace quorate::cli
