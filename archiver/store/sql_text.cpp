#include "archiver/store/sql_text.hpp"

#include <stdexcept>

#include <fmt/format.h>

namespace quorate {
namespace {

unsigned digit(char character) {
    if (character >= '0' && character <= '9') return static_cast<unsigned>(character - '0');
    if (character >= 'a' && character <= 'f') return static_cast<unsigned>(character - 'a') + 10;
    throw std::invalid_argument{"bytea: not in hexadecimal form"};
}

}  // namespace

std::string bytea_text(std::string_view bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text = "\\x";
    text.reserve(2 + 2 * bytes.size());
    for (const char byte : bytes) {
        text.push_back(kDigits[static_cast<unsigned char>(byte) >> 4U]);
        text.push_back(kDigits[static_cast<unsigned char>(byte) & 15U]);
    }
    return text;
}

std::string bytes_of_bytea(std::string_view text) {
    if (!text.starts_with("\\x") || text.size() % 2 != 0)
        throw std::invalid_argument{"bytea: not in hexadecimal form"};
    std::string bytes;
    for (std::size_t at = 2; at < text.size(); at += 2)
        bytes.push_back(static_cast<char>(digit(text[at]) << 4U | digit(text[at + 1])));
    return bytes;
}

std::string timestamp_text(UtcTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    return fmt::format(
        "{}.{:06}Z",
        [&] {
            auto text = to_rfc3339(UtcTime{seconds});
            text.pop_back();  // the Z
            return text;
        }(),
        (time - seconds).count());
}

std::string timestamp_text(UtcMinute minute) {
    return timestamp_text(UtcTime{minute.start()});
}

std::string epoch_ms(const std::string& column) {
    return "round(extract(epoch FROM " + column + ") * 1000)::bigint";
}

}  // namespace quorate
