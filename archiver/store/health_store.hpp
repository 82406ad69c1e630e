#pragma once

#include <vector>

#include <pqxx/pqxx>

#include "archiver/sealing/seal_plan.hpp"

namespace quorate {

/// Writes how the regions did in a minute. What was decided about a region stays. Where all of the
/// minute is sealed, opens and closes the notices of faulty regions. Throws as pqxx. Within the
/// caller's transaction.
/// @param tell whether notifiers shall hear of it
std::vector<RegionFaultChange> store_health(pqxx::work& work,
                                            const MinuteHealth& health,
                                            UtcTime at,
                                            bool tell);

}  // namespace quorate
