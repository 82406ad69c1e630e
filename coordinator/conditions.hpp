#pragma once

#include <mutex>
#include <string>

#include "platform/telemetry/log.hpp"
#include "platform/telemetry/readiness.hpp"

namespace quorate::coordinator {

/// What we need to work, and which reasons of /readyz follow: the cause alone, not what it entails
/// (without Postgres nobody leads, but that is no news). Thread-safe.
class Conditions {
public:
    /// Nothing is known yet: neither Postgres nor Redis was reached.
    Conditions(Readiness& readiness, Logger& log) : readiness_{readiness}, log_{log} { show(); }

    void postgres(bool reachable) { change(postgres_, reachable); }
    void redis(bool reachable) { change(redis_, reachable); }
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
        note("redis_unreachable", !redis_);
        note("postgres_unreachable", !postgres_);
        note("schema_mismatch", postgres_ && !schema_);
        note("starting", postgres_ && schema_ && !prepared_);
        note("standby", postgres_ && schema_ && prepared_ && !leading_);
    }
    void note(const char* reason, bool present) {
        const bool changed = present ? readiness_.set(reason) : readiness_.clear(reason);
        if (changed)
            log_event(log_,
                      present ? LogLevel::warn : LogLevel::info,
                      present ? "readiness.lost" : "readiness.regained",
                      kv("reason", reason));
    }

    Readiness& readiness_;
    Logger& log_;
    std::mutex mutex_;
    bool postgres_ = false;
    bool redis_ = false;
    bool schema_ = true;
    bool prepared_ = false;
    bool leading_ = false;
};

}  // namespace quorate::coordinator
