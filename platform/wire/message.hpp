#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <google/protobuf/message_lite.h>

#include "platform/wire/decoded.hpp"

/// Helpers of the codecs of this folder alone.
namespace quorate::wire::detail {

/// Serialises with a fixed order of map entries, so that the same message gives the same bytes.
std::string serialize(const google::protobuf::MessageLite& message);

/// Parses bytes from outside; false if they are no such message. Protobuf's own line on stderr
/// about bad UTF-8 is left out: whoever sends such bytes must not write our log.
bool parse(google::protobuf::MessageLite& message, std::string_view bytes);

/// Text of a peer as a proto string may hold it: at most `bytes_max`, every byte that is no valid
/// UTF-8 (and NUL) as `?`. Otherwise a hostile name would make the whole message unreadable.
std::string proto_text(std::string_view text, std::size_t bytes_max);

/// Checks one decoded value after the other and keeps the first thing that is wrong.
class Checks {
public:
    void require(bool holds, std::string_view field, std::string_view what) {
        if (!holds && error_.empty()) error_ = std::string{field} + ": " + std::string{what};
    }
    void text(const std::string& value, std::string_view field, std::size_t bytes_max) {
        require(value.size() <= bytes_max, field, "is too long");
        require(value.find('\0') == std::string::npos, field, "holds a NUL");
    }
    /// The enumerator with this number; it must have a name in `table`.
    template <class Enum, class Table>
    Enum enumerator(std::uint32_t number, std::string_view field, const Table& table) {
        for (const auto& row : table)
            if (static_cast<std::uint32_t>(row.value) == number) return row.value;
        require(false, field, "unknown number " + std::to_string(number));
        return Enum{};
    }
    /// As `enumerator`, with 0 for nothing.
    template <class Enum, class Table>
    std::optional<Enum> optional_enumerator(std::uint32_t number,
                                            std::string_view field,
                                            const Table& table) {
        if (number == 0) return std::nullopt;
        return enumerator<Enum>(number, field, table);
    }
    bool good() const { return error_.empty(); }
    DecodeError error(std::string_view what) const { return {std::string{what} + ": " + error_}; }

private:
    std::string error_;
};

/// Beyond this neither a minute nor a time is plausible: the year 2100, in milliseconds.
inline constexpr std::int64_t kLatestMs = 4'102'444'800'000;
inline constexpr std::int64_t kLatestUs = kLatestMs * 1000;

/// The highest slot that the catalogue gives out.
inline constexpr std::uint32_t kCellSlotMax = (1U << 20U) - 1;

}  // namespace quorate::wire::detail
