#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/time/time.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"

namespace quorate::agent {

struct GateOptions {
    std::size_t concurrency = 2000;  ///< probes at a time
    std::size_t waiting_max = 8000;  ///< that are due and wait for room
    double tenant_share = 0.75;      ///< above 0, at most 1; see Gate
};

/// Who may start a probe now: bounds how many run, and shares that among tenants, so that one whose
/// servers all hang can't delay another. A tenant may have at most `s / (1 - s)` times as many
/// probes as there is room left, which is the share `s` of all for a tenant that is alone; of n
/// greedy ones each gets less, and room is left for the next, as soon as those probes have ended
/// that they began when they were fewer. (Dynamic thresholds after Choudhury and Hahne, 1998.)
/// Places to wait are shared in the same way. With the share 1 nothing is kept back. All members
/// are called on the executor.
class Gate {
public:
    Gate(asio::any_io_executor executor, const Clock& clock, GateOptions options);

    /// Waits until a probe of the tenant may start: true, and then `leave` must follow. False if
    /// there was no room until `start_by`, or no place to wait. Of several tenants that wait, the
    /// one with the fewest probes is first; of one tenant, who came first.
    /// Cancelled: throws `operation_aborted`, or returns true where room had been given already.
    Task<bool> enter(std::string tenant, Deadline start_by);
    /// A probe that had entered has ended.
    void leave(const std::string& tenant);

    /// Those who are in stay in.
    void set_tenant_share(double share) { options_.tenant_share = share; }

    std::size_t running() const { return running_; }
    std::size_t waiting() const { return waiting_.size(); }
    /// Since when the one waits that waits longest; nothing if nobody does.
    std::optional<SteadyTime> waiting_since() const;
    /// How many of a tenant that is alone are either admitted or find a place to wait.
    std::size_t taken_of_one() const;
    bool full() const { return running_ >= options_.concurrency; }

private:
    struct Waiter {
        asio::steady_timer timer;
        SteadyTime since;
        std::list<Waiter*>::iterator place;  // in `waiting_`
        bool admitted = false;
    };
    struct Tenant {
        std::size_t running = 0;
        std::uint64_t served = 0;  // when it was last given room, in a count of its own
        std::list<Waiter*> waiters;
    };
    using Tenants = std::map<std::string, Tenant>;
    using Turn = std::tuple<std::size_t, std::uint64_t, std::string>;  // running, served, name

    bool may_start(const Tenant& tenant) const;
    bool within_share(std::size_t used, std::size_t all, std::size_t used_by_all) const;
    void start(Tenants::iterator tenant);
    void queue(Tenants::iterator tenant);
    void unqueue(Tenants::iterator tenant);
    void admit_waiting();
    void forget_idle(Tenants::iterator tenant);

    asio::any_io_executor executor_;
    const Clock* clock_;
    GateOptions options_;
    std::size_t running_ = 0;
    std::list<Waiter*> waiting_;  // of all tenants, who came first is first
    std::uint64_t starts_ = 0;
    Tenants tenants_;       // those with probes or waiters
    std::set<Turn> turns_;  // of tenants with waiters: who is next
};

}  // namespace quorate::agent
