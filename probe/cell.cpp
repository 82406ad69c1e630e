#include "core/base/text.hpp"
#include "probe/probe.hpp"

namespace quorate {

namespace {
constexpr std::size_t kDetailBytesMax = 300;
}

Cell to_cell(const ProbeReport& report, const ProbeRequest& request) {
    Cell cell;
    cell.verdict = report.verdict;
    cell.reason = report.reason;
    cell.phase = report.phase;
    cell.started = report.started;
    cell.attempt = static_cast<std::uint8_t>(report.attempts.size());
    cell.retried = report.retried;
    cell.timings = report.timings;
    cell.slow = report.slow;
    cell.slow_over_ms = request.slow_over_ms;
    cell.slow_phase = report.slow_phase;
    cell.http_status = report.http_status;
    cell.rpc_code = report.rpc_code;
    if (report.tls) {
        cell.tls_verify_code = report.tls->verify_code;
        cell.certificate_not_after = report.tls->not_after;
        cell.certificate_earliest_not_after = report.tls->earliest_not_after;
    }
    cell.os_error = report.os_error;
    cell.retry_after_s = report.retry_after_s;
    cell.credential_sent = report.credential_sent;
    cell.era = report.era;
    cell.protocol_version = report.protocol_version;
    cell.server_name = report.server_name;
    cell.server_version = report.server_version;
    cell.peer_address = report.peer_address;
    cell.detail = safe_text(report.detail, kDetailBytesMax);
    cell.warnings = report.warnings;
    if (report.tools) {
        cell.tool_count = report.tools->count;
        cell.semantic_hash = report.tools->semantic_hash;
        cell.full_hash = report.tools->full_hash;
    }
    return cell;
}

}  // namespace quorate
