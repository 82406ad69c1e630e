#include "region-agent/intake/endpoint_turns.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/base/sha256.hpp"

namespace quorate::agent {

EndpointTurns::Turn::Turn(EndpointTurns& turns, EndpointId endpoint)
    : turns_{turns}, endpoint_{endpoint} {
    const bool alone = turns_.running_.try_emplace(endpoint).second;
    assert(alone);
    static_cast<void>(alone);
}

EndpointTurns::Turn::~Turn() {
    const auto ended = turns_.running_.extract(endpoint_);
    if (ended.mapped()) ended.mapped()->cancel();
}

Task<bool> EndpointTurns::wait(EndpointId endpoint) {
    co_await asio::this_coro::throw_if_cancelled(false);
    for (;;) {
        const auto running = running_.find(endpoint);
        if (running == running_.end()) co_return true;
        if (!running->second) {
            const auto executor = co_await asio::this_coro::executor;
            running->second = std::make_shared<asio::steady_timer>(
                executor, asio::steady_timer::time_point::max());
        }
        const auto ended = running->second;  // outlives the turn
        co_await ended->async_wait(asio::as_tuple(asio::use_awaitable));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return false;
    }
}

void EndpointTurns::hold_off(EndpointId endpoint,
                             const std::string& url,
                             SteadyTime now,
                             std::chrono::seconds wait) {
    // Compared before it is counted in milliseconds: a server may ask for any number.
    hold_off(endpoint, stable_hash(url), now, milliseconds{std::min(wait, kHoldMax)});
}

void EndpointTurns::hold_off(EndpointId endpoint,
                             std::uint64_t url,
                             SteadyTime now,
                             std::chrono::milliseconds wait) {
    const auto until = now + std::min<milliseconds>(wait, kHoldMax);
    if (!holds_.contains(endpoint) && holds_.size() >= kHoldsMax) make_room(now);
    holds_.insert_or_assign(endpoint, Hold{url, until});
}

void EndpointTurns::make_room(SteadyTime now) {
    std::erase_if(holds_, [&](const auto& hold) { return hold.second.until <= now; });
    if (holds_.size() < kHoldsMax) return;
    holds_.erase(
        std::ranges::min_element(holds_, {}, [](const auto& hold) { return hold.second.until; }));
}

std::optional<std::chrono::seconds> EndpointTurns::held_off(EndpointId endpoint,
                                                            const std::string& url,
                                                            SteadyTime now) {
    const auto hold = holds_.find(endpoint);
    if (hold == holds_.end()) return std::nullopt;
    if (hold->second.until <= now || hold->second.url != stable_hash(url)) {
        holds_.erase(hold);
        return std::nullopt;
    }
    return std::chrono::ceil<std::chrono::seconds>(hold->second.until - now);
}

}  // namespace quorate::agent
