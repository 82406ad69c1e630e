#pragma once

#include <cstdint>

namespace quorate {

/// The steps of a seal, between any two of which a crash has to do no harm.
enum class SealStep : std::uint8_t {
    planned,        ///< the transaction is about to begin
    written,        ///< all of it is written, within the transaction
    committed,      ///< Redis knows nothing of it yet
    redis_told,     ///< Redis has the watermark; cells that came meanwhile are not stored
    redis_cleared,  ///< the minute's cells are gone from Redis
};

}  // namespace quorate
