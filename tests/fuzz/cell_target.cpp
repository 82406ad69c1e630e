#include <algorithm>
#include <optional>

#include "core/base/utf8.hpp"
#include "platform/wire/cell_codec.hpp"
#include "tests/fuzz/targets.hpp"

#include "quorate/v1/cell.pb.h"

namespace quorate::fuzz {
namespace {

constexpr std::size_t kFixed = 10;  // rank, start, attempt

/// Where the prefix of a cell's bytes ends; beyond them where it does not.
std::size_t behind_prefix(std::string_view bytes) {
    const auto nul = bytes.find('\0', std::min(kFixed, bytes.size()));
    return nul == bytes.npos ? bytes.size() : nul + 1;
}

/// The same message behind the prefix that it must have, by the codec's documentation; so that the
/// prefix is not the end of each input.
std::optional<std::string> with_its_prefix(std::string_view input) {
    const auto body = input.substr(behind_prefix(input));
    quorate::v1::Cell message;
    if (!message.ParseFromArray(body.data(), static_cast<int>(body.size()))) return std::nullopt;
    std::string bytes(1, static_cast<char>(255 - message.verdict()));
    const auto start = message.has_started_us() ? static_cast<std::uint64_t>(message.started_us())
                                                : ~std::uint64_t{0};
    for (unsigned left = 8; left > 0; --left)
        bytes.push_back(static_cast<char>(start >> (8 * (left - 1)) & 0xFFU));
    bytes.push_back(static_cast<char>(message.attempt()));
    return bytes + message.agent() + '\0' + std::string{body};
}

void check(std::string_view bytes) {
    const auto cell = wire::decode_cell(bytes);
    if (!cell) {
        const auto& why = cell.error().text;
        require(why.substr(0, 6) == "cell: ", "a refusal does not say of what");
        require(is_utf8(why) && why.find_first_of(std::string_view{"\r\n\0\x1b", 4}) == why.npos,
                "a refusal is not fit for a log");
        return;
    }
    require(cell->verdict != Verdict::maint, "MAINT comes from an agent");
    require(cell->key.endpoint.value() >= 1 && cell->key.region.value() >= 1, "an id is 0");
    require(cell->key.minute.epoch_ms() >= 0, "a minute is before the epoch");
    require(cell->agent.size() <= 128 && cell->job.size() <= 128, "a name is too long");
    for (const auto* text : {&cell->agent, &cell->detail, &cell->server_name, &cell->job})
        require(is_utf8(*text) && text->find('\0') == text->npos, "a text can't be stored");
    for (const auto* hash : {&cell->semantic_hash, &cell->full_hash})
        require(hash->empty() || hash->size() == 64, "a hash is no SHA-256");

    const auto text = wire::encode_cell(*cell);
    require(text.substr(0, behind_prefix(text)) == bytes.substr(0, behind_prefix(bytes)),
            "a cell changes its place in the merge order");
    const auto again = wire::decode_cell(text);
    require(again.has_value(), "what we write is refused");
    require(wire::encode_cell(*again) == text, "a cell does not survive its own bytes");
    require(wire::merge_encoded(text, text) == text, "a merge of one cell is another");
}

}  // namespace

/// A cell as it stands in Redis; its prefix may be wrong.
void fuzz_cell(std::string_view input) {
    check(input);
    if (const auto mended = with_its_prefix(input)) check(*mended);
}

}  // namespace quorate::fuzz
