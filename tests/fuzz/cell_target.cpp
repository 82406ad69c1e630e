#include "core/base/utf8.hpp"
#include "platform/wire/cell_record.hpp"
#include "tests/fuzz/targets.hpp"

#include "quorate/v1/cell.pb.h"

namespace quorate::fuzz {
namespace {

const CellKey kKey{EndpointId{7}, RegionId{3}, UtcMinute::from_epoch_ms(1'700'000'040'000)};

void check_refusal(const std::string& why) {
    require(why.starts_with("cell: ") || why.starts_with("record: "),
            "a refusal does not say of what");
    require(is_utf8(why) && why.find_first_of(std::string_view{"\r\n\0\x1b", 4}) == why.npos,
            "a refusal is not fit for a log");
}

void check_cell(std::string_view fixed, std::string_view details) {
    const auto cell = wire::decode_cell(kKey, fixed, details);
    if (!cell) {
        check_refusal(cell.error().text);
        return;
    }
    require(cell->verdict != Verdict::maint, "MAINT comes from an agent");
    require(cell->agent.size() <= 128 && cell->job.size() <= 128, "a name is too long");
    for (const auto* text : {&cell->agent, &cell->detail, &cell->server_name, &cell->job})
        require(is_utf8(*text) && text->find('\0') == text->npos, "a text can't be stored");
    for (const auto* hash : {&cell->semantic_hash, &cell->full_hash})
        require(hash->empty() || hash->size() == 64, "a hash is no SHA-256");

    const auto bytes = wire::encode_cell(*cell, !details.empty());
    require(bytes.fixed.substr(0, 6) == fixed.substr(0, 6),
            "a cell changes its place in the merge order");
    const auto again = wire::decode_cell(kKey, bytes.fixed, bytes.details);
    require(again.has_value(), "what we write is refused");
    require(wire::encode_cell(*again, !bytes.details.empty()) == bytes,
            "a cell does not survive its own bytes");
    require(wire::merge_encoded(bytes, bytes) == bytes, "a merge of one cell is another");
}

}  // namespace

/// A cell as it stands in Redis, fixed bytes and details; and a record that agents leave on disk
/// and on the list of late cells.
void fuzz_cell(std::string_view input) {
    const auto fixed = input.substr(0, wire::kCellBytes);
    check_cell(fixed, input.substr(fixed.size()));
    const auto record = wire::decode_record(input);
    if (!record) {
        check_refusal(record.error().text);
        return;
    }
    check_cell(record->cell.fixed, record->cell.details);
    const auto bytes = wire::encode_record(*record);
    const auto again = wire::decode_record(bytes);
    require(again && *again == *record, "a record does not survive its own bytes");
}

}  // namespace quorate::fuzz
