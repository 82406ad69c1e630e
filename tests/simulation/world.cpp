#include "tests/simulation/world.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <iostream>
#include <limits>
#include <stdexcept>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "tests/simulation/virtual_time.hpp"

namespace quorate::simulation {
namespace {

constexpr std::size_t kTasksMax = 64;
constexpr int kRoundsMax = 100'000;  // at one time: more is a loop without an end

}  // namespace

void Trace::add(std::string_view bytes) {
    add(bytes.size());
    while (bytes.size() >= sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), sizeof word);
        add(word);
        bytes.remove_prefix(sizeof word);
    }
    std::uint64_t rest = 0;
    std::memcpy(&rest, bytes.data(), bytes.size());
    add(rest);
}

UtcTime HostClock::utc_now() const {
    const auto elapsed = virtual_time::now().time_since_epoch();
    return virtual_time::kEpoch + std::chrono::duration_cast<microseconds>(elapsed) + error_;
}

SteadyTime HostClock::steady_now() const {
    return virtual_time::now();
}

Task<> for_ever() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer never{executor, asio::steady_timer::time_point::max()};
    co_await never.async_wait(asio::use_awaitable);
}

Process::Process(World& world)
    : world_{world},
      io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE},
      work_{asio::make_work_guard(io_)},
      tasks_{io_.get_executor(), kTasksMax} {
    // The group's timer was the first of this context.
    poller_ = virtual_time::last_poller();
    world_.processes_.push_back(this);
}

Process::~Process() {
    kill();
    std::erase(world_.processes_, this);
}

void Process::spawn(const std::string& name, Task<> task) {
    tasks_.spawn(name, guarded(name, std::move(task)));
    wake();
}

Task<> Process::guarded(std::string name, Task<> task) {
    std::string why = "it ended";
    try {
        co_await std::move(task);
    } catch (const boost::system::system_error& error) {
        why = error.what();
    } catch (const std::exception& error) {
        why = error.what();
    }
    if (!dead_) broken_ = name + ": " + why;
}

void Process::resume() {
    paused_ = false;
    wake();
    for (auto& then : std::exchange(when_resumed_, {}))
        world_.at(world_.now(), std::move(then));
}

void Process::when_resumed(std::function<void()> then) {
    when_resumed_.push_back(std::move(then));
}

void Process::kill() {
    if (std::exchange(dead_, true)) return;
    resume();
    io_.end();
}

bool Process::is_due(SteadyTime now) const {
    if (paused_ || dead_) return false;
    if (woken_) return true;
    const auto due = virtual_time::due(poller_);
    return due && *due <= now;
}

void Process::run() {
    woken_ = false;
    io_.restart();
    io_.poll();
}

World::World(std::uint64_t seed) : chance_{seed} {
    virtual_time::begin(chance_.seed());
}

World::~World() {
    virtual_time::end();
}

SteadyTime World::now() const {
    return virtual_time::now();
}

UtcTime World::utc_now() const {
    return HostClock{}.utc_now();
}

void World::at(SteadyTime time, std::function<void()> event) {
    events_.push({std::max(time, now()), order_++, std::move(event)});
}

bool World::run_events() {
    bool any = false;
    while (!events_.empty() && events_.top().time <= now()) {
        auto happens = std::move(const_cast<Event&>(events_.top()).happens);
        events_.pop();
        happens();
        any = true;
    }
    return any;
}

bool World::run_processes() {
    bool any = false;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        auto* process = processes_[i];
        if (!process->is_due(now())) continue;
        process->run();
        any = true;
    }
    return any;
}

void World::run_until(SteadyTime time) {
    for (;;) {
        int rounds = 0;
        for (bool more = true; more;) {
            const bool happened = run_events();
            const bool ran = run_processes();
            more = happened || ran;
            if (++rounds > kRoundsMax) throw std::logic_error{"time does not go on"};
        }
        auto next = SteadyTime::max();
        if (!events_.empty()) next = events_.top().time;
        for (const auto* process : processes_) {
            if (process->paused_ || process->dead_) continue;
            if (const auto due = virtual_time::due(process->poller_)) next = std::min(next, *due);
        }
        if (next > time) break;
        virtual_time::advance_to(next);
    }
    virtual_time::advance_to(time);
}

void World::tell(const std::string& what) {
    trace_.add(what);
    if (tells_) std::cerr << to_rfc3339(utc_now()) << ' ' << what << '\n';
}

void World::violated(const std::string& invariant, const std::string& what) {
    trace_.add(what);
    if (tells_)
        std::cerr << to_rfc3339(utc_now()) << " VIOLATED " << invariant << ": " << what << '\n';
    if (violations_.size() < kViolationsMax) violations_.push_back(invariant + ": " + what);
}

}  // namespace quorate::simulation
