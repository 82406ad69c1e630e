#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "core/time/time.hpp"

namespace quorate::detail {

/// Asks Postgres for a sign of life, on a thread and a session of its own. A server that is
/// stopped, or whose disk hangs, keeps its connections and answers nothing; libpq would wait for
/// ever.
class Watchdog {
public:
    enum class Found {
        alive,
        away,    // it refuses connections, or they break: whoever waits for it finds that out
        silent,  // it did not answer in time and takes no new session: nobody finds that out
    };
    static constexpr milliseconds kInterval{2000};

    /// @param on_found called after each look, from the watchdog's thread.
    Watchdog(std::string conninfo, std::function<void(Found)> on_found);

private:
    void watch(const std::stop_token& stop);

    std::string conninfo_;
    std::function<void(Found)> on_found_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace quorate::detail
