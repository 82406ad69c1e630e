#include "core/base/text.hpp"
#include "probe/www_authenticate.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

/// As RFC 9110 section 11.6.1 writes it, every value quoted.
std::string written(const std::vector<AuthChallenge>& challenges) {
    std::string text;
    for (const auto& challenge : challenges) {
        if (!text.empty()) text += ", ";
        text += challenge.scheme;
        bool first = true;
        for (const auto& [name, value] : challenge.parameters) {
            text += (first ? " " : ", ") + name + "=\"";
            for (const char c : value) {
                if (c == '"' || c == '\\') text += '\\';
                text += c;
            }
            text += '"';
            first = false;
        }
    }
    return text;
}

bool is_lower_token(std::string_view text) {
    return is_http_token(text) && to_lower(text) == text;
}

}  // namespace

void fuzz_www_authenticate(std::string_view input) {
    const auto challenges = parse_challenges(input);
    require(challenges.size() <= 16, "more than 16 challenges are kept");
    std::size_t bytes = 0;
    for (const auto& challenge : challenges) {
        require(is_lower_token(challenge.scheme), "a scheme is no token in lower case");
        require(challenge.parameters.size() <= 32, "more than 32 parameters are kept");
        bytes += challenge.scheme.size();
        for (const auto& [name, value] : challenge.parameters) {
            require(is_lower_token(name), "a parameter's name is no token in lower case");
            bytes += name.size() + value.size();
        }
    }
    require(bytes <= input.size(), "more comes out than went in");
    const auto again = parse_challenges(written(challenges));
    require(again.size() == challenges.size(), "a challenge is lost when it is written down");
    for (std::size_t i = 0; i < again.size(); ++i)
        require(again[i].scheme == challenges[i].scheme &&
                    again[i].parameters == challenges[i].parameters,
                "a challenge reads differently when it is written down");
}

}  // namespace quorate::fuzz
