#include "platform/wire/cell_record.hpp"

#include "platform/wire/message.hpp"

#include "quorate/v1/cell.pb.h"

namespace quorate::wire {

namespace {

constexpr std::size_t kRecordBytesMax = 32U << 10U;

}  // namespace

CellToRecord to_record(const Job& job, const Cell& cell, bool with_details) {
    return {job.shard, cell.key, job.cell_slot, job.regions_mask, encode_cell(cell, with_details)};
}

std::string encode_record(const CellToRecord& record) {
    v1::CellRecord message;
    message.set_shard(static_cast<std::uint32_t>(record.shard.value()));
    message.set_endpoint_id(record.key.endpoint.value());
    message.set_region_id(static_cast<std::uint32_t>(record.key.region.value()));
    message.set_minute_ms(record.key.minute.epoch_ms());
    message.set_cell_slot(record.slot);
    message.set_regions_mask(record.regions.bytes());
    message.set_cell(record.cell.fixed);
    message.set_details(record.cell.details);
    return detail::serialize(message);
}

Decoded<CellToRecord> decode_record(std::string_view bytes) {
    v1::CellRecord message;
    if (bytes.size() > kRecordBytesMax) return DecodeError{"record: is too long"};
    if (!detail::parse(message, bytes)) return DecodeError{"record: is no quorate.v1.CellRecord"};
    const auto regions = RegionMask::from_bytes(message.regions_mask());
    detail::Checks checks;
    checks.require(message.minute_ms() >= 0 && message.minute_ms() <= detail::kLatestMs,
                   "minute_ms",
                   "is out of range");
    checks.require(message.cell_slot() <= detail::kCellSlotMax, "cell_slot", "is out of range");
    checks.require(regions && regions->has(RegionId{message.region_id()}),
                   "regions_mask",
                   "is no set of regions with this one");
    if (!checks.good()) return checks.error("record");
    CellToRecord record{ShardId{message.shard()},
                        {EndpointId{message.endpoint_id()},
                         RegionId{message.region_id()},
                         UtcMinute::from_epoch_ms(message.minute_ms())},
                        message.cell_slot(),
                        *regions,
                        {message.cell(), message.details()}};
    const auto cell = decode_cell(record.key, record.cell.fixed, record.cell.details);
    if (!cell) return cell.error();
    return record;
}

}  // namespace quorate::wire
