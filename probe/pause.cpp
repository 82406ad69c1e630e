#include "probe/pause.hpp"

#include <boost/system/system_error.hpp>

#include "platform/runtime/sleep.hpp"

namespace quorate {

Task<bool> pause_for(milliseconds duration) {
    try {
        co_await sleep_for(duration);
        co_return true;
    } catch (const boost::system::system_error&) {
        co_return false;
    }
}

}  // namespace quorate
