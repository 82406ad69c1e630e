#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace quorate {

/// Why this daemon is not ready, as `/readyz` shows it. Components set and clear their own reasons
/// (`redis_unreachable`, `postgres_unreachable`); none set means ready. Thread-safe.
class Readiness {
public:
    /// @param reason snake_case, from a fixed set of the component's: never text from outside.
    /// @return true if it was not set before, so that the caller logs the change once.
    bool set(const std::string& reason);
    /// @return true if it was set.
    bool clear(const std::string& reason);
    bool ready() const;
    /// Tells `changed` whether it is ready, now and at each change, in order; an empty one ends
    /// that. Called on the thread that sets or clears: it must be quick, and call nothing of this
    /// object.
    void on_change(std::function<void(bool ready)> changed);
    /// In alphabetical order.
    std::vector<std::string> reasons() const;

private:
    mutable std::mutex mutex_;
    std::set<std::string> reasons_;
    std::function<void(bool)> changed_;
};

}  // namespace quorate
