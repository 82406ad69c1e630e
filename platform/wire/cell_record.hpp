#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/cell.hpp"
#include "core/model/job.hpp"
#include "core/model/region_mask.hpp"
#include "platform/wire/cell_codec.hpp"
#include "platform/wire/decoded.hpp"

namespace quorate {

/// A cell on its way into its verdict-minute.
struct CellToRecord {
    ShardId shard;
    CellKey key;
    std::uint32_t slot = 0;  ///< `cell_slot` of the endpoint
    RegionMask regions;      ///< whose cells make the minute complete
    wire::EncodedCell cell;
    friend bool operator==(const CellToRecord&, const CellToRecord&) = default;
};

namespace wire {

/// The cell that a job became.
/// @param with_details whether more than its fixed part is written; some cells always need it
CellToRecord to_record(const Job& job, const Cell& cell, bool with_details = true);

/// A CellToRecord as bytes; the same one always gives the same bytes.
std::string encode_record(const CellToRecord& record);

/// Takes bytes from a file or from Redis: anything may stand in them. What it gives can be recorded
/// and its cell decoded.
Decoded<CellToRecord> decode_record(std::string_view bytes);

}  // namespace wire
}  // namespace quorate
