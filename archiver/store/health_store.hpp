#pragma once

#include <pqxx/pqxx>

#include "archiver/sealing/seal_plan.hpp"

namespace quorate {

/// Writes how the regions did in a minute. What was decided about a region stays. Where all of the
/// minute is sealed, opens and closes the notices of faulty regions. Throws as pqxx. Within the
/// caller's transaction.
/// @param before the minute before
void store_health(pqxx::work& work, const MinuteHealth& health, UtcMinute before, UtcTime at);

}  // namespace quorate
