#include "region-agent/intake/gate.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace quorate::agent {

Gate::Gate(asio::any_io_executor executor, const Clock& clock, GateOptions options)
    : executor_{std::move(executor)}, clock_{&clock}, options_{options} {}

std::optional<SteadyTime> Gate::waiting_since() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.front()->since;
}

std::size_t Gate::taken_of_one() const {
    const auto all = options_.concurrency + options_.waiting_max;
    const auto share = std::min(1.0, options_.tenant_share);
    return std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(all)));
}

bool Gate::within_share(std::size_t used, std::size_t all, std::size_t used_by_all) const {
    if (used_by_all >= all) return false;
    const auto share = options_.tenant_share;
    const auto room = static_cast<double>(all - used_by_all);
    return share >= 1 || static_cast<double>(used) * (1 - share) < share * room;
}

bool Gate::may_start(const Tenant& tenant) const {
    return within_share(tenant.running, options_.concurrency, running_);
}

void Gate::start(Tenants::iterator tenant) {
    ++tenant->second.running;
    tenant->second.served = ++starts_;
    ++running_;
}

void Gate::queue(Tenants::iterator tenant) {
    const auto& [name, state] = *tenant;
    if (!state.waiters.empty()) turns_.emplace(state.running, state.served, name);
}

void Gate::unqueue(Tenants::iterator tenant) {
    const auto& [name, state] = *tenant;
    turns_.erase({state.running, state.served, name});
}

void Gate::forget_idle(Tenants::iterator tenant) {
    if (tenant->second.running == 0 && tenant->second.waiters.empty()) tenants_.erase(tenant);
}

Task<bool> Gate::enter(std::string tenant, Deadline start_by) {
    const auto stop = co_await asio::this_coro::cancellation_state;
    const auto ours = tenants_.try_emplace(std::move(tenant)).first;
    auto& waiters = ours->second.waiters;
    if (waiters.empty() && may_start(ours->second)) {
        start(ours);
        co_return true;
    }
    if (!within_share(waiters.size(), options_.waiting_max, waiting_.size())) {
        forget_idle(ours);
        co_return false;
    }
    Waiter self{asio::steady_timer{executor_, start_by}, clock_->steady_now(), {}};
    unqueue(ours);
    const auto place = waiters.insert(waiters.end(), &self);
    queue(ours);
    self.place = waiting_.insert(waiting_.end(), &self);
    co_await self.timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (self.admitted) co_return true;
    waiting_.erase(self.place);
    unqueue(ours);
    waiters.erase(place);
    queue(ours);
    forget_idle(ours);
    if (stop.cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error{asio::error::operation_aborted};
    co_return false;
}

void Gate::leave(const std::string& tenant) {
    const auto ours = tenants_.find(tenant);
    unqueue(ours);
    --ours->second.running;
    --running_;
    queue(ours);
    forget_idle(ours);
    admit_waiting();
}

void Gate::admit_waiting() {
    while (!turns_.empty()) {
        const auto next = tenants_.find(std::get<std::string>(*turns_.begin()));
        auto& state = next->second;
        // It has the fewest probes of those who wait: who has more may not start either.
        if (!may_start(state)) return;
        unqueue(next);
        auto& first = *state.waiters.front();
        state.waiters.pop_front();
        waiting_.erase(first.place);
        start(next);
        queue(next);
        first.admitted = true;
        first.timer.cancel();
    }
}

}  // namespace quorate::agent
