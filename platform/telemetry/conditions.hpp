#pragma once

#include <mutex>
#include <string>
#include <utility>

#include "platform/telemetry/log.hpp"
#include "platform/telemetry/readiness.hpp"

namespace quorate {

/// What a daemon needs to work that is active one at a time (coordinator, archiver), and which
/// reasons of /readyz follow: the cause alone, not what it entails (without Postgres nobody leads,
/// but that is no news). Thread-safe.
class Conditions {
public:
    /// Nothing is known yet: neither Postgres nor Redis was reached.
    Conditions(Readiness& readiness, Logger& log) : readiness_{readiness}, log_{log} { show(); }

    void postgres(bool reachable) { change(postgres_, reachable); }
    /// @param why not, as one line for the log.
    void redis(bool reachable, std::string why = {}) {
        const std::lock_guard lock{mutex_};
        redis_ = reachable;
        redis_detail_ = std::move(why);
        show();
    }
    void schema(bool fits) { change(schema_, fits); }
    void prepared(bool done) { change(prepared_, done); }
    void leading(bool leading) { change(leading_, leading); }

private:
    void change(bool& condition, bool value) {
        const std::lock_guard lock{mutex_};
        condition = value;
        show();
    }
    void show() {
        note("redis_unreachable", !redis_, redis_detail_);
        note("postgres_unreachable", !postgres_);
        note("schema_mismatch", postgres_ && !schema_);
        note("starting", postgres_ && schema_ && !prepared_);
        note("standby", postgres_ && schema_ && prepared_ && !leading_);
    }
    void note(const char* reason, bool present, const std::string& detail = {}) {
        const bool changed = present ? readiness_.set(reason) : readiness_.clear(reason);
        if (changed)
            log_event(log_,
                      present ? LogLevel::warn : LogLevel::info,
                      present ? "readiness.lost" : "readiness.regained",
                      kv("reason", reason),
                      kv("detail", detail));
    }

    Readiness& readiness_;
    Logger& log_;
    std::mutex mutex_;
    bool postgres_ = false;
    bool redis_ = false;
    std::string redis_detail_;
    bool schema_ = true;
    bool prepared_ = false;
    bool leading_ = false;
};

}  // namespace quorate
