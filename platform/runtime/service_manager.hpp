#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/time/time.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

/// What the host's service manager is told of this process: sd_notify(3) of systemd, or of whatever
/// else started it with `NOTIFY_SOCKET`. Where nobody listens nothing is said. All members are
/// called on the daemon's executor; none throws because of the service manager.
class ServiceManager {
public:
    /// Why the daemon is not ready, as /readyz says it; empty: it is ready; nothing: it has not yet
    /// come so far as to know.
    using Reasons = std::function<std::optional<std::vector<std::string>>()>;

    /// So long `READY=1` waits for the daemon to be ready. After it the daemon counts as started,
    /// and its status line says what it waits for: whoever starts it (a boot, an upgrade of a
    /// package) goes on, and nobody kills it because Redis is away.
    static constexpr milliseconds kPatience{20'000};

    explicit ServiceManager(const Clock& clock, milliseconds patience = kPatience);

    /// Until cancelled: says `READY=1` once, a status line at each change of `reasons`, and, where
    /// the service manager wants to see that we live, `WATCHDOG=1` twice in the time that it gives.
    /// These come from the executor itself, so one that is stuck says nothing.
    Task<> watch(Reasons reasons);

    /// The process was told to end; from now on only `WATCHDOG=1` is said.
    void stopping();

    /// Calls `reload` between `RELOADING=1` and `READY=1`; before the first `READY=1`, and while
    /// stopping, without them.
    void reload(const std::function<void()>& reload);

private:
    void look(const Reasons& reasons);
    void show(const std::string& status, bool started);
    void ping(SteadyTime now);
    void say(const std::string& lines) const;

    const Clock& clock_;
    SteadyTime patient_until_;
    bool heard_;                              // there is a service manager
    std::optional<milliseconds> ping_every_;  // nothing: it does not ask whether we live
    SteadyTime next_ping_;
    bool ready_said_ = false;
    bool stopping_ = false;
    std::string status_ = "starting";  // as it was said last
};

}  // namespace quorate
