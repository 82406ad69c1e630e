#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/enum_names.hpp"
#include "core/base/ids.hpp"
#include "core/manifest/known_lists.hpp"
#include "core/model/cell.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// The closed list of notices. The names are stored and shown; the numbers stand in stored states:
/// append, never renumber.
enum class NoticeKind : std::uint8_t {
    auth = 1,
    degraded = 2,
    certificate_expiry = 3,
    credential_expiry = 4,
    tool_drift = 5,
    region_disagreement = 6,
    era_change = 7,
    rate_limited = 8,
    visibility = 9,
    intermittent = 10,
    region_fault = 11,
};

inline constexpr std::array kNoticeKindNames{
    EnumName<NoticeKind>{NoticeKind::auth, "auth"},
    EnumName<NoticeKind>{NoticeKind::degraded, "degraded"},
    EnumName<NoticeKind>{NoticeKind::certificate_expiry, "certificate_expiry"},
    EnumName<NoticeKind>{NoticeKind::credential_expiry, "credential_expiry"},
    EnumName<NoticeKind>{NoticeKind::tool_drift, "tool_drift"},
    EnumName<NoticeKind>{NoticeKind::region_disagreement, "region_disagreement"},
    EnumName<NoticeKind>{NoticeKind::era_change, "era_change"},
    EnumName<NoticeKind>{NoticeKind::rate_limited, "rate_limited"},
    EnumName<NoticeKind>{NoticeKind::visibility, "visibility"},
    EnumName<NoticeKind>{NoticeKind::intermittent, "intermittent"},
    EnumName<NoticeKind>{NoticeKind::region_fault, "region_fault"},
};
constexpr std::string_view name_of(NoticeKind kind) {
    return enum_name(kNoticeKindNames, kind);
}

/// What is remembered of one region.
struct RegionMemory {
    RegionId region;
    std::uint16_t fails =
        0;  ///< bit i: the i-th last vote was a FAIL; ten of them, none of an incident
    std::uint8_t unknown_run = 0;   ///< UNKNOWN cells in a row; 255 stays
    std::uint8_t limited_run = 0;   ///< of these, UNKNOWN(rate_limited) in a row
    std::uint8_t auth_run = 0;      ///< AUTH in a row; what can't say (FAIL, UNKNOWN) breaks no run
    std::uint8_t degraded_run = 0;  ///< DEGRADED in a row, likewise
    std::uint64_t semantic = 0;  ///< of the tool list last told: first bytes of its hash; 0: none
    std::uint64_t full = 0;
    std::optional<UtcTime> certificate{};  ///< end of the first certificate of the chain to expire
    friend bool operator==(const RegionMemory&, const RegionMemory&) = default;
};

/// What people know of an open notice. The numbers are stored: append, never renumber.
enum class Told : std::uint8_t {
    nothing = 0,  ///< it opened while nobody was told
    all = 1,
    of_before = 2,  ///< it became worse, or happened again, while nobody was told
};

struct OpenNotice {
    NoticeKind kind = NoticeKind::auth;
    UtcTime since;           ///< the minute that opened it, or changed its level
    std::int32_t level = 0;  ///< how bad it is; a higher one is told anew
    std::vector<RegionId> regions;
    Told told = Told::all;
    friend bool operator==(const OpenNotice&, const OpenNotice&) = default;
};

/// One that people still take to be open: it closed while nobody was told.
struct UntoldClose {
    NoticeKind kind = NoticeKind::auth;
    UtcTime closed_at;  ///< NoticeChange::at of its close
    friend bool operator==(const UntoldClose&, const UntoldClose&) = default;
};

/// Everything about an endpoint's notices that lasts from one minute to the next.
struct NoticeState {
    std::vector<RegionMemory> regions;  ///< ascending
    std::vector<OpenNotice> open;       ///< at most one of a kind
    std::uint64_t semantic = 0;  ///< the tool list that all regions agreed on last; 0: none yet
    std::uint64_t full = 0;
    std::optional<UtcTime> disagree_since;
    std::optional<Era> era;
    std::vector<UntoldClose> untold_closes;  ///< at most one of a kind

    /// What is remembered of a region; nullptr: nothing.
    const RegionMemory* region(RegionId id) const;
    friend bool operator==(const NoticeState&, const NoticeState&) = default;
};

/// A sealed minute as notices see it.
struct NoticeMinute {
    UtcMinute minute;
    UtcTime decided_at;
    std::span<const Cell> cells;        ///< one per configured region, ascending by region
    std::uint16_t blind_run = 0;        ///< EndpointState::blind_run after the minute
    bool unconfirmed = false;           ///< the only witness sees a failure
    bool incident_open = false;         ///< after the minute
    bool in_time = true;                ///< false: sealed so late that nobody is told
    bool silenced = false;              ///< nobody is told, and what is kept back says so
    bool maintenance = false;           ///< nothing that happens in it is a notice
    const KnownLists* lists = nullptr;  ///< tool lists at hand, for what a drift is
};

struct NoticeChange {
    /// The last three: nothing changes now; it did while nobody was told, and is told now.
    enum class Kind : std::uint8_t { opened, changed, closed, told, told_worse, told_closed };
    Kind change = Kind::opened;
    NoticeKind kind = NoticeKind::auth;
    UtcTime at;                     ///< of what is told afterwards: when it closed, else now
    std::vector<RegionId> regions;  ///< where it is seen; none: everywhere
    std::string detail;             ///< one human sentence; empty where it closes
    /// False while we catch up, and of what nobody heard of. True within a silence, whose name its
    /// row in the outbox then bears.
    bool notify = true;

    bool is_of_now() const { return change < Kind::told; }
};

/// Moves the state by one sealed minute. Regions without a cell are forgotten. What is kept back by
/// a silence or while we catch up is told by the first minute in which people are told: what became
/// of that which they know, once.
std::vector<NoticeChange> step_notices(NoticeState& state, const NoticeMinute& minute);

/// Closes all, as the endpoint was deleted. Told is what people take to be open, silence or not: it
/// is the last that they hear.
std::vector<NoticeChange> close_notices(NoticeState& state, UtcTime at);

}  // namespace quorate
