#pragma once

#include <string>
#include <vector>

#include "coordinator/catalog/diff.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate::coordinator {

/// A sentence for each of the origins that these endpoints ask more of than it may be asked, the
/// most crowded first, five at most; none: there is no such origin. Pure.
/// @param living the endpoints of some tenants, before `diff`; others may ask the origin too
/// @param origin_rate probes per second of one origin; 0: no limit
std::vector<std::string> crowded_origins(const std::vector<LivingEndpoint>& living,
                                         const CatalogueDiff& diff,
                                         Window window,
                                         double origin_rate);

}  // namespace quorate::coordinator
