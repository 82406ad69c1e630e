#include "probe/pause.hpp"

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include "platform/runtime/sleep.hpp"

namespace quorate {

Task<bool> pause_for(milliseconds duration) {
    // A cancellation is told once: what ran before may have swallowed it.
    const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != boost::asio::cancellation_type::none) co_return false;
    try {
        co_await sleep_for(duration);
        co_return true;
    } catch (const boost::system::system_error&) {
        co_return false;
    }
}

}  // namespace quorate
