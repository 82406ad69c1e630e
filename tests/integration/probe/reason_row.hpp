#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/model/cell.hpp"
#include "probe/report.hpp"

namespace quorate {

class ReasonBench;

/// Who made the trouble that a row is about.
enum class Provoker : std::uint8_t {
    nobody,    ///< the request alone, or a call of ours into the kernel
    kernel,    ///< the kernel at the peer's end: refused, unreachable, silent
    real,      ///< a real MCP server: the lab's (official SDKs), or server-everything
    scripted,  ///< a server of ours, for what real ones do not do on request
    component  ///< the part of this project that makes the reason, with its real inputs
};

/// What came out.
struct Outcome {
    Verdict verdict = Verdict::unknown;
    std::optional<Reason> reason;
    std::optional<Phase> phase;
    std::optional<std::uint16_t> http_status;
    std::optional<std::int64_t> rpc_code;
    std::optional<int> tls_verify_code;
    std::optional<std::int32_t> os_error;
    Warnings warnings;
    std::string detail;
    /// Why it could not be provoked on this machine; everything else is then void.
    std::string skipped;

    static Outcome of(const ProbeReport& report);
    static Outcome of(const Cell& cell);
};

/// What must come out beside verdict, phase and reason; nothing: it does not matter.
struct RowFacts {
    std::optional<std::uint16_t> http_status = {};
    std::optional<std::int64_t> rpc_code = {};
    std::optional<int> tls_verify_code = {};
    std::optional<std::int32_t> os_error = {};
};

/// One way to a reason.
struct ReasonRow {
    Reason reason;
    Verdict verdict;
    std::optional<Phase> phase;  ///< nothing: the reason is made around the probe
    Provoker by;
    std::string how;  ///< for people
    std::function<Outcome(ReasonBench&)> provoke;
    RowFacts facts = {};
    std::optional<Phase> or_phase = std::nullopt;  ///< where the kernel decides which of the two
};

/// One way to a warning; the verdict beside it stays what it is without.
struct WarningRow {
    Warning warning;
    Verdict verdict;
    Provoker by;
    std::string how;
    std::function<Outcome(ReasonBench&)> provoke;
};

// The rows, by what goes wrong.
std::vector<ReasonRow> connection_rows();
std::vector<ReasonRow> dns_rows();
std::vector<ReasonRow> tls_rows();
std::vector<ReasonRow> time_rows();
std::vector<ReasonRow> http_rows();
std::vector<ReasonRow> wall_rows();
std::vector<ReasonRow> protocol_rows();
std::vector<ReasonRow> tool_rows();
std::vector<ReasonRow> around_rows();
std::vector<WarningRow> warning_rows();

}  // namespace quorate
