#pragma once

#include "platform/runtime/task.hpp"
#include "probe/report.hpp"
#include "probe/request.hpp"

namespace quorate {

/// Who looks at servers: ProbeEngine, or a model in its place.
class Prober {
public:
    Prober() = default;
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;
    virtual ~Prober() = default;

    /// One look into `report`, which is new and lives until the task ends: see ProbeEngine.
    virtual Task<> probe(ProbeRequest request, ProbeReport& report) = 0;
};

}  // namespace quorate
