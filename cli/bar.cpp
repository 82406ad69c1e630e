#include "cli/bar.hpp"

#include <algorithm>

namespace quorate::cli {

std::string repeated(std::string_view text, std::size_t times) {
    std::string result;
    for (std::size_t i = 0; i < times; ++i)
        result += text;
    return result;
}

std::string bar(double begun, double length, double total, std::size_t width, bool blocks) {
    const auto column = [&](double at) {
        return static_cast<std::size_t>(at / total * static_cast<double>(width) + 0.5);
    };
    const auto from = std::min(column(begun), width - 1);
    const auto until = std::min(column(begun + length), width);
    std::string text(from, ' ');
    if (until <= from) return text + (blocks ? "▏" : "|");
    return text + repeated(blocks ? "█" : "#", until - from);
}

}  // namespace quorate::cli
