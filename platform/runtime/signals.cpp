#include "platform/runtime/signals.hpp"

#include <csignal>
#include <utility>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace quorate {

struct Signals::State {
    asio::signal_set set;
};

Signals::Signals(asio::any_io_executor executor)
    : state_{new State{asio::signal_set{std::move(executor), SIGINT, SIGTERM, SIGHUP}}} {}

Signals::~Signals() = default;

Task<int> Signals::stop(std::function<void()> on_reload) {
    while (true) {
        const int number = co_await state_->set.async_wait(asio::use_awaitable);
        if (number != SIGHUP) co_return number;
        if (on_reload) on_reload();
    }
}

}  // namespace quorate
