#include "platform/config/config_error.hpp"

#include <algorithm>
#include <utility>

namespace quorate {

std::string format_errors(const ConfigErrors& errors) {
    auto ordered = errors;
    std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
        return a.line < b.line;
    });
    std::string text;
    for (const auto& error : ordered) {
        if (!text.empty()) text += '\n';
        text += error.file;
        if (error.line > 0) text += ":" + std::to_string(error.line);
        if (!error.key.empty()) text += ": " + error.key;
        text += ": " + error.message;
    }
    return text;
}

InvalidConfig::InvalidConfig(ConfigErrors errors)
    : std::runtime_error{format_errors(errors)}, errors_{std::move(errors)} {}

}  // namespace quorate
