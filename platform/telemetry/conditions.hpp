#pragma once

#include <array>
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
    struct Note {
        const char* reason;
        bool present;
        bool news;  ///< whether it is worth a line: it was found, not assumed
        std::string detail = {};
    };

    void show() {
        const bool postgres = postgres_.value_or(false);
        const bool prepared = postgres && schema_ && prepared_;
        const bool standby = redis_.value_or(false) && !leading_.value_or(false);
        const std::array notes{
            Note{"redis_unreachable", !redis_.value_or(false), redis_.has_value(), redis_detail_},
            Note{"postgres_unreachable", !postgres, postgres_.has_value()},
            Note{"schema_mismatch", postgres && !schema_, true},
            Note{"starting", postgres && schema_ && !prepared_, false},
            Note{"standby", prepared && standby, leading_.has_value()}};
        // Those present first: where one gives way to another there is no ready moment in between.
        for (const auto& note : notes)
            if (note.present) readiness_.set(note.reason);
        for (const auto& note : notes)
            if (!note.present) readiness_.clear(note.reason);
        for (const auto& note : notes)
            tell(note);
    }
    void tell(const Note& note) {
        if (note.present ? note.news && told_.insert(note.reason).second
                         : told_.erase(note.reason) > 0)
            log_event(log_,
                      note.present ? LogLevel::warn : LogLevel::info,
                      note.present ? "readiness.lost" : "readiness.regained",
                      kv("reason", note.reason),
                      kv("detail", note.detail));
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
