#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "platform/redis/cell_buffer.hpp"

namespace quorate::agent {

/// A job that is over: its cell, and the entry to acknowledge once the cell is written.
struct FinishedJob {
    std::string entry;
    std::optional<CellToRecord> cell;  ///< nothing: it is in, or the entry was no job
    int refusals = 0;                  ///< how often Redis refused it for what it is
};

/// quorate.v1.SpooledJob, and back; nothing where the bytes are none.
std::string encode_finished(const FinishedJob& job);
std::optional<FinishedJob> decode_finished(std::string_view bytes);

}  // namespace quorate::agent
