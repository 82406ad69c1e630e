#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/ids.hpp"
#include "core/model/phase.hpp"
#include "core/model/protocol.hpp"
#include "core/model/reason.hpp"
#include "core/model/verdict.hpp"
#include "core/model/warning.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// Names one cell: endpoint x region x verdict-minute.
struct CellKey {
    EndpointId endpoint;
    RegionId region;
    UtcMinute minute;
    friend auto operator<=>(const CellKey&, const CellKey&) = default;
};

/// How long the endpoint took (docs/adr/0010) in the phases of the deciding attempt, in
/// microseconds of the steady clock; nothing where a phase did not happen. `first_byte` is the
/// first complete response head, from the attempt's start; `sse_open` is the stream of HTTP+SSE up
/// to its `endpoint` event, its connection left out; `total` leaves `cleanup` out.
struct PhaseTimings {
    using Us = std::optional<std::uint32_t>;
    Us dns;
    Us tcp;
    Us tls;
    Us first_byte;
    Us discover;
    Us initialize;
    Us initialized;
    Us sse_open;
    Us tools_list;
    Us tools_call;
    Us cleanup;
    Us total;
    friend auto operator<=>(const PhaseTimings&, const PhaseTimings&) = default;
};

/// What one region says of one endpoint in one verdict-minute. Merged by rank until the seal,
/// stored once. Fields that a verdict does not have stay empty.
struct Cell {
    CellKey key;
    Verdict verdict = Verdict::unknown;
    std::optional<Reason> reason;  ///< set unless UP (SLOW carries `slow`)
    std::optional<Phase> phase;

    std::optional<UtcTime> started;  ///< start of the probe (its first attempt)
    std::uint8_t attempt = 0;        ///< the deciding attempt, numbered from 1; 0: none was made
    std::string agent;               ///< name of the agent; empty for cells made at the seal
    bool retried = false;

    PhaseTimings timings;
    bool slow = false;                          ///< over the threshold; a flag of any healthy cell
    std::optional<std::uint32_t> slow_over_ms;  ///< the threshold that the job gave
    std::optional<Phase> slow_phase;            ///< the phase with the largest excess

    std::optional<std::uint16_t> http_status;
    std::optional<std::int64_t> rpc_code;
    std::optional<std::int32_t> tls_verify_code;
    std::optional<std::int32_t> os_error;
    std::optional<std::uint32_t> retry_after_s;
    bool credential_sent = false;
    std::optional<Era> era;
    std::string protocol_version;
    std::string server_name;
    std::string server_version;
    std::string peer_address;  ///< the IP that was used
    std::string detail;        ///< one human sentence, at most 300 bytes
    Warnings warnings;

    std::optional<std::uint32_t> tool_count;
    std::string semantic_hash;  ///< 64 hexadecimal digits, or empty
    std::string full_hash;      ///< 64 hexadecimal digits, or empty
    std::optional<UtcTime> certificate_not_after;
    std::optional<UtcTime> certificate_earliest_not_after;

    std::uint32_t agent_lag_us = 0;  ///< how far the agent ran behind its own timers
    std::string job;                 ///< id of the job
    std::string trace_id;

    friend auto operator<=>(const Cell&, const Cell&) = default;
};

}  // namespace quorate
