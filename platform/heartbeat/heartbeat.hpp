#pragma once

#include <functional>
#include <optional>
#include <string>

#include "platform/heartbeat/http_get.hpp"
#include "platform/heartbeat/settings.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"
#include "platform/telemetry/log.hpp"
#include "platform/telemetry/metrics.hpp"

namespace quorate {

/// Calls the dead man's switch while the daemon is well. A call takes 10 s at most and is not
/// repeated before the next is due; what comes of it is counted, and stands in the log when it
/// changes.
class HeartbeatCaller {
public:
    /// Why the daemon is not well, as words for the log; empty: it is. Asked on the executor.
    using Trouble = std::function<std::string()>;

    /// What it refers to must outlive it.
    HeartbeatCaller(const HeartbeatSettings& settings,
                    Metrics& metrics,
                    const Clock& clock,
                    Logger& log,
                    Trouble trouble);

    /// Until cancelled; at once where there is no URL.
    Task<> run();

private:
    Task<> until_well();
    Task<std::string> call();
    void note(const std::string& failure);

    Result<HttpUrl> url_;  // of an empty text: nobody is called
    milliseconds interval_;
    std::string ca_file_;
    const Clock& clock_;
    Logger& log_;
    Trouble trouble_;
    MetricFamily<Counter> calls_;
    Gauge succeeded_at_;
    std::optional<bool> answered_;  // the last call; nothing: there was none
    bool withheld_ = false;         // and the log says so
};

}  // namespace quorate
