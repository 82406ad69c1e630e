#pragma once

#include <memory>
#include <string>

#include "core/model/cell.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"
#include "probe/prober.hpp"
#include "probe/report.hpp"
#include "probe/request.hpp"

namespace quorate {

class Resolver;     // probe/resolver.hpp
class TlsContexts;  // platform/tls/tls_contexts.hpp

struct ProbeEngineOptions {
    std::string user_agent = "quorate/0.1";  ///< sent as User-Agent
    std::string client_name = "quorate";     ///< sent as clientInfo
    std::string client_version = "0.1.0";
};

/// Looks at MCP servers: one engine per process (or per thread that runs probes), any number of
/// probes at once. All of them and the resolver run on one executor that is single-threaded or a
/// strand. The engine keeps references: clock, contexts and resolver outlive it, and it outlives
/// its probes.
class ProbeEngine final : public Prober {
public:
    ProbeEngine(const Clock& clock,
                TlsContexts& contexts,
                Resolver& resolver,
                ProbeEngineOptions options = {});
    ~ProbeEngine() override;

    /// One look: attempt 1, and where it FAILs one more on a fresh connection `retry_gap` later (on
    /// another resolved address where there is one). Never throws for what the endpoint does: a
    /// sick endpoint is a report. Cancelled at any suspension point it ends at once with the reason
    /// `aborted` and the verdict UNKNOWN.
    Task<ProbeReport> probe(ProbeRequest request);
    /// The same into `report`, which is new and lives until the task ends: for who has many probes
    /// in flight, since a coroutine that gives something back holds it twice.
    Task<> probe(ProbeRequest request, ProbeReport& report) override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// The cell of a report. `key`, `agent`, `agent_lag_us`, `job` and `trace_id` are left to the
/// agent; `detail` is cut to the 300 bytes of a cell.
Cell to_cell(const ProbeReport& report, const ProbeRequest& request);

}  // namespace quorate
