#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "platform/telemetry/log.hpp"
#include "platform/telemetry/readiness.hpp"

namespace quorate {

/// What a daemon needs to work that shares its work with others (coordinator, archiver), and which
/// reasons of /readyz follow: the cause alone, not what it entails (without Postgres nobody leads,
/// but that is no news). The log tells what was found: that a daemon which has just started has
/// reached nothing yet stands in /readyz alone. Thread-safe.
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
    using Known = std::optional<bool>;  // nothing: not found out yet

    template <class Condition>
    void change(Condition& condition, bool value) {
        const std::lock_guard lock{mutex_};
        condition = value;
        show();
    }
    void show() {
        const bool postgres = postgres_.value_or(false);
        const bool prepared = postgres && schema_ && prepared_;
        note("redis_unreachable", !redis_.value_or(false), redis_.has_value(), redis_detail_);
        note("postgres_unreachable", !postgres, postgres_.has_value());
        note("schema_mismatch", postgres && !schema_, true);
        note("starting", postgres && schema_ && !prepared_, false);
        const bool standby = redis_.value_or(false) && !leading_.value_or(false);
        note("standby", prepared && standby, leading_.has_value());
    }
    /// @param news whether it is worth a line: it was found, not assumed.
    void note(const char* reason, bool present, bool news, const std::string& detail = {}) {
        if (present)
            readiness_.set(reason);
        else
            readiness_.clear(reason);
        if (present ? news && told_.insert(reason).second : told_.erase(reason) > 0)
            log_event(log_,
                      present ? LogLevel::warn : LogLevel::info,
                      present ? "readiness.lost" : "readiness.regained",
                      kv("reason", reason),
                      kv("detail", detail));
    }

    Readiness& readiness_;
    Logger& log_;
    std::mutex mutex_;
    std::set<std::string> told_;  // reasons whose loss stands in the log
    Known postgres_;
    Known redis_;
    std::string redis_detail_;
    bool schema_ = true;
    bool prepared_ = false;
    Known leading_;
};

}  // namespace quorate
