#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "core/time/time.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate::simulation {

/// What happened, as a number: two runs that differ anywhere have different ones.
class Trace {
public:
    void add(std::string_view bytes);
    void add(std::uint64_t number) { hash_ = (hash_ ^ number) * kPrime + (hash_ >> 29U); }
    std::uint64_t hash() const { return hash_; }

private:
    static constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15ULL;
    std::uint64_t hash_ = 0xCBF29CE484222325ULL;
};

/// Choices of one seed.
class Chance {
public:
    explicit Chance(std::uint64_t seed) : engine_{seed} {}
    std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
    /// Both ends included.
    std::int64_t between(std::int64_t least, std::int64_t most) {
        return least +
               static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least + 1)));
    }
    milliseconds between(milliseconds least, milliseconds most) {
        return milliseconds{between(least.count(), most.count())};
    }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    template <class T>
    const T& of(const std::vector<T>& choices) {
        return choices[below(choices.size())];
    }
    std::uint64_t seed() { return engine_(); }

private:
    std::mt19937_64 engine_;
};

/// The clocks of one host: UTC may be wrong.
class HostClock final : public Clock {
public:
    UtcTime utc_now() const override;
    SteadyTime steady_now() const override;
    void set_error(microseconds error) { error_ = error; }
    microseconds error() const { return error_; }

private:
    microseconds error_{0};
};

class World;

/// What a task waits for that only the end of its process ends.
Task<> for_ever();

/// A context that can end before the objects go that its coroutines refer to.
class Context : public asio::io_context {
public:
    using asio::io_context::io_context;
    /// Destroys everything that waits, without its going on. Nothing may run on it afterwards.
    void end() { shutdown(); }
};

/// One life of a process: what its coroutines run on. A host has one after the other.
class Process {
public:
    explicit Process(World& world);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    asio::any_io_executor executor() { return io_.get_executor(); }
    void spawn(const std::string& name, Task<> task);
    /// Why a task of it ended by itself; empty: none did.
    const std::string& broken() const { return broken_; }

    /// Something of it can go on.
    void wake() { woken_ = true; }
    /// SIGSTOP and SIGCONT.
    void pause() { paused_ = true; }
    void resume();
    bool paused() const { return paused_; }
    /// Once it runs again, or is dead.
    void when_resumed(std::function<void()> then);
    /// The process is gone as far as others can see; what is called then has no effect.
    bool dead() const { return dead_; }
    /// Ends its coroutines without any of them going on, like kill -9: before what they refer to
    /// goes.
    void kill();

private:
    friend class World;
    bool is_due(SteadyTime now) const;
    void run();
    Task<> guarded(std::string name, Task<> task);

    World& world_;
    Context io_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    int poller_ = -1;
    bool woken_ = true;
    bool paused_ = false;
    bool dead_ = false;
    std::string broken_;
    std::vector<std::function<void()>> when_resumed_;
    TaskGroup tasks_;
};

/// Simulated time: what is to happen outside of processes, and when processes run.
class World {
public:
    explicit World(std::uint64_t seed);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    SteadyTime now() const;
    UtcTime utc_now() const;
    /// Runs `event` then; of those at one time the first that was given is first.
    void at(SteadyTime time, std::function<void()> event);
    void in(microseconds wait, std::function<void()> event) { at(now() + wait, std::move(event)); }
    void run_until(SteadyTime time);

    Chance& chance() { return chance_; }
    Trace& trace() { return trace_; }
    /// Told about what happens, for people; nothing: nobody wants to know.
    void tell(const std::string& what);
    bool tells() const { return tells_; }
    void set_tells(bool tells) { tells_ = tells; }

    /// What must never happen and did: the first sentences of it.
    void violated(const std::string& invariant, const std::string& what);
    const std::vector<std::string>& violations() const { return violations_; }
    static constexpr std::size_t kViolationsMax = 20;

private:
    friend class Process;
    struct Event {
        SteadyTime time;
        std::uint64_t order = 0;
        std::function<void()> happens;
    };
    struct Later {
        bool operator()(const Event& a, const Event& b) const {
            return std::tie(a.time, a.order) > std::tie(b.time, b.order);
        }
    };
    bool run_events();
    bool run_processes();

    Chance chance_;
    Trace trace_;
    std::priority_queue<Event, std::vector<Event>, Later> events_;
    std::uint64_t order_ = 0;
    std::vector<Process*> processes_;
    std::vector<std::string> violations_;
    bool tells_ = false;
};

}  // namespace quorate::simulation
