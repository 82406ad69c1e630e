#include "platform/runtime/service_manager.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include <fmt/ranges.h>

#include <systemd/sd-daemon.h>

#include "platform/runtime/sleep.hpp"

namespace quorate {
namespace {

constexpr milliseconds kLookEvery{1000};
constexpr milliseconds kLookEveryAtStart{200};
constexpr milliseconds kShortestPing{10};

/// Half of what it gives, as sd_watchdog_enabled(3) advises; nothing: nobody asks.
std::optional<milliseconds> ping_interval() {
    std::uint64_t microseconds_given = 0;
    if (sd_watchdog_enabled(0, &microseconds_given) <= 0) return std::nullopt;
    const microseconds half{static_cast<std::int64_t>(microseconds_given / 2)};
    return std::max(std::chrono::duration_cast<milliseconds>(half), kShortestPing);
}

}  // namespace

ServiceManager::ServiceManager(const Clock& clock, milliseconds patience)
    : clock_{clock},
      patient_until_{clock.steady_now() + patience},
      heard_{sd_notify(0, "STATUS=starting") > 0},
      ping_every_{ping_interval()},
      next_ping_{clock.steady_now()} {}

Task<> ServiceManager::watch(Reasons reasons) {
    while (heard_) {
        look(reasons);
        auto pause = ready_said_ ? kLookEvery : kLookEveryAtStart;
        if (ping_every_) pause = std::min(pause, *ping_every_ / 2);
        co_await sleep_for(pause);
    }
}

void ServiceManager::look(const Reasons& reasons) {
    const auto now = clock_.steady_now();
    ping(now);
    if (stopping_) return;
    const auto why_not = reasons();
    const bool ready = why_not && why_not->empty();
    if (ready)
        show("ready", true);
    else
        show(why_not ? fmt::format("not ready: {}", fmt::join(*why_not, ", ")) : "starting",
             ready_said_ || now >= patient_until_);
}

/// @param started whether the daemon counts as started.
void ServiceManager::show(const std::string& status, bool started) {
    const bool first = started && !std::exchange(ready_said_, started);
    if (!first && status == status_) return;
    status_ = status;
    say("STATUS=" + status + (first ? "\nREADY=1" : ""));
}

void ServiceManager::ping(SteadyTime now) {
    if (!ping_every_ || now < next_ping_) return;
    next_ping_ = now + *ping_every_;
    say("WATCHDOG=1");
}

void ServiceManager::stopping() {
    if (std::exchange(stopping_, true)) return;
    say("STOPPING=1\nSTATUS=stopping");
}

void ServiceManager::reload(const std::function<void()>& reload) {
    const bool told = ready_said_ && !stopping_;
    if (told) {
        const auto now =
            std::chrono::duration_cast<microseconds>(clock_.steady_now().time_since_epoch());
        say("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
    }
    reload();
    if (told) say("READY=1");
}

void ServiceManager::say(const std::string& lines) const {
    if (heard_) sd_notify(0, lines.c_str());  // one that has gone away is no trouble of ours
}

}  // namespace quorate
