#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/decision/region_set.hpp"
#include "core/incident/transition.hpp"
#include "core/model/decision.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// What the outside was told last.
struct Notified {
    bool open = false;
    std::uint32_t ordinal = 0;
    std::optional<IncidentId> id;
    Severity severity = Severity::p3;
    friend bool operator==(const Notified&, const Notified&) = default;
};

/// The open incident of an endpoint, or its last one, which may still be reopened. Plain data.
struct IncidentState {
    static constexpr std::uint32_t kFlapsMax = 3;  ///< flaps that make it FLAPPING

    bool open = false;
    std::uint32_t ordinal = 0;     ///< incidents of this endpoint so far; 0: none ever
    std::optional<IncidentId> id;  ///< whoever stores the incident sets it after `opened`
    Severity severity = Severity::p3;
    Severity worst = Severity::p3;
    Scope scope = Scope::none;
    std::optional<UtcMinute> closed_minute;
    CloseMark close_mark = CloseMark::none;

    std::uint16_t clean_run = 0;           ///< clean minutes in a row
    std::optional<UtcMinute> clean_first;  ///< the first of them
    std::uint16_t witness_run = 0;         ///< minutes in a row in which one witness was healthy
    std::optional<UtcMinute> witness_first;
    std::uint16_t below_run = 0;         ///< minutes in a row below the severity, P2 or P3
    Severity below_last = Severity::p3;  ///< severity of the last of them

    Opening opening;
    /// The minute that opened it before its seal, until that comes; see step_early.
    std::optional<UtcMinute> opened_early;
    RegionSet contributed;       ///< regions that made a P1 or P2 of this opening
    RegionSet slow_contributed;  ///< regions that made a P3 of this opening
    std::uint32_t openings = 0;
    microseconds mttr_sum{0};
    std::uint32_t flaps = 0;
    std::array<UtcMinute, kFlapsMax> flap_minutes{};  ///< the newest first; `flaps` says how many

    Notified notified;
    bool behind = false;  ///< something changed since the last notice while we were catching up

    friend bool operator==(const IncidentState&, const IncidentState&) = default;
};

}  // namespace quorate
