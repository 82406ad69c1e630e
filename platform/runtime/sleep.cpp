#include "platform/runtime/sleep.hpp"

#include <algorithm>
#include <chrono>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace quorate {

Task<> sleep_until(Deadline deadline) {
    asio::steady_timer timer{co_await asio::this_coro::executor, deadline};
    co_await timer.async_wait(asio::use_awaitable);
}

Task<> sleep_for(milliseconds duration) {
    const SystemClock clock;
    co_await sleep_until(clock.steady_now() + duration);
}

Task<> sleep_until(const Clock& clock, UtcTime time) {
    const SystemClock steady;
    constexpr microseconds kLongestLook = std::chrono::seconds{1};
    for (auto now = clock.utc_now(); now < time; now = clock.utc_now()) {
        const auto look = std::min(time - now, kLongestLook);
        co_await sleep_until(steady.steady_now() + look);
    }
}

}  // namespace quorate
