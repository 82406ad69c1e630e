#pragma once

#include <cstddef>
#include <set>
#include <vector>

#include "archiver/sealing/catalogue.hpp"
#include "archiver/sealing/seal_plan.hpp"

namespace quorate {

/// A minute that is looked at before its seal.
struct EarlyLook {
    const EndpointVersion* version;  ///< of the catalogue
    UtcMinute minute;
};

/// The endpoints of which so many regions fail that their next minute may be a P1 before its seal.
/// Few are; of these alone cells are read while a minute is still open. Pure.
class EarlyWatch {
public:
    /// Takes the endpoint in or out, as its last minute says.
    void note(EndpointId endpoint, const EndpointProgress& progress, const Catalogue& catalogue);
    void forget(EndpointId endpoint) { near_.erase(endpoint); }
    void clear() { near_.clear(); }

    /// Those whose next minute is open at `now`, at most `max`; where there are more they take
    /// turns.
    /// @param progress of all that were noted
    std::vector<EarlyLook> next(const ProgressMap& progress,
                                const Catalogue& catalogue,
                                Window window,
                                UtcTime now,
                                std::size_t max);

private:
    std::set<EndpointId> near_;
    EndpointId after_{0};  // whose turn is over
};

}  // namespace quorate
