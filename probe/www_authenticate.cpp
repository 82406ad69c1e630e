#include "probe/www_authenticate.hpp"

#include "core/base/text.hpp"

namespace quorate {
namespace {

constexpr std::size_t kChallengesMax = 16;
constexpr std::size_t kParametersMax = 32;

class Reader {
public:
    explicit Reader(std::string_view text) : text_{text} {}

    bool done() const { return text_.empty(); }

    void skip(std::string_view any_of) {
        const auto next = text_.find_first_not_of(any_of);
        text_.remove_prefix(next == text_.npos ? text_.size() : next);
    }
    /// Everything up to one of `stops`; may be empty.
    std::string_view take_until(std::string_view stops) {
        const auto end = std::min(text_.find_first_of(stops), text_.size());
        const auto taken = text_.substr(0, end);
        text_.remove_prefix(end);
        return taken;
    }
    bool take(char c) {
        if (text_.empty() || text_.front() != c) return false;
        text_.remove_prefix(1);
        return true;
    }
    /// The rest of a quoted string whose opening quote is read.
    std::string take_quoted() {
        std::string value;
        while (!text_.empty()) {
            const char c = text_.front();
            text_.remove_prefix(1);
            if (c == '"') break;
            if (c == '\\' && !text_.empty()) {
                value.push_back(text_.front());
                text_.remove_prefix(1);
            } else {
                value.push_back(c);
            }
        }
        return value;
    }

private:
    std::string_view text_;
};

}  // namespace

std::vector<AuthChallenge> parse_challenges(std::string_view value) {
    std::vector<AuthChallenge> challenges;
    Reader reader{value};
    for (reader.skip(" \t,"); !reader.done(); reader.skip(" \t,")) {
        const auto word = reader.take_until(" \t,=\"");
        reader.skip(" \t");
        if (reader.take('=') && !challenges.empty()) {
            reader.skip(" \t");
            auto& challenge = challenges.back();
            auto text =
                reader.take('"') ? reader.take_quoted() : std::string{reader.take_until(" \t,")};
            if (challenge.parameters.size() < kParametersMax && is_http_token(word))
                challenge.parameters.emplace(to_lower(word), std::move(text));
        } else if (is_http_token(word)) {
            if (challenges.size() == kChallengesMax) break;
            challenges.push_back(AuthChallenge{to_lower(word), {}});
        } else if (reader.take('"')) {
            reader.take_quoted();
        } else if (word.empty()) {
            reader.take_until(",");
        }
    }
    return challenges;
}

}  // namespace quorate
