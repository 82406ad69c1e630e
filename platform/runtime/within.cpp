#include "platform/runtime/within.hpp"

#include <exception>
#include <tuple>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace quorate {

Task<bool> done_within(Deadline deadline, Task<> work) {
    auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer{executor, deadline};
    auto group = asio::experimental::make_parallel_group(
        asio::co_spawn(executor, std::move(work), asio::deferred),
        timer.async_wait(asio::deferred));
    auto [order, thrown, timer_error] = co_await std::move(group).async_wait(
        asio::experimental::wait_for_one(), asio::use_awaitable);
    // The timer fails only where something cancelled it: the work that ended, or our caller.
    const bool late = order[0] != 0 && !timer_error;
    if (late) co_return false;
    if (thrown) std::rethrow_exception(thrown);
    co_return true;
}

}  // namespace quorate
