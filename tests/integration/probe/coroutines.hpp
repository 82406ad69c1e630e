#pragma once

#include <exception>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>

namespace quorate::testing {

/// For co_spawn: what a coroutine throws comes out of the loop that runs it.
inline constexpr auto kRethrow = [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
};
/// To wait for something whose error is a value.
inline constexpr auto kResume = boost::asio::as_tuple(boost::asio::deferred);

}  // namespace quorate::testing
