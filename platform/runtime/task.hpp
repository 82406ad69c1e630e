#pragma once

#include <boost/asio/awaitable.hpp>

namespace quorate {

namespace asio = boost::asio;

/// A coroutine that runs on the executor of whoever awaits it. It takes parameters by value, or
/// references to objects that the composition root owns. It starts only when it is awaited.
template <class T = void>
using Task = asio::awaitable<T>;

}  // namespace quorate
