#pragma once

#include <cstdint>
#include <optional>

#include "core/time/time.hpp"

/// Time, timers and randomness of this process in the simulator's hands. The functions of the C and
/// C++ libraries behind them (clock_gettime, epoll, timerfd, std::random_device) are replaced in
/// the program that links this file: so Asio's own timers, and whatever asks the system's clock,
/// run on simulated time, with nothing of ours changed for it (docs/adr/0050). For one thread.
namespace quorate::simulation::virtual_time {

/// UTC at steady time 0: a whole hour.
inline constexpr UtcTime kEpoch{std::chrono::seconds{1'800'000'000}};

/// From here on simulated: steady time 0, and random devices give what follows from the seed.
void begin(std::uint64_t seed);
/// Gives the system's own back.
void end();

SteadyTime now();
/// Never back.
void advance_to(SteadyTime time);

/// Names the poller of an `io_context` that got its first timer since the last call.
int last_poller();
/// When that poller has something to do next; nothing: never.
std::optional<SteadyTime> due(int poller);

}  // namespace quorate::simulation::virtual_time
