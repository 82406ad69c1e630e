#include "platform/wire/cell_codec.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "platform/wire/message.hpp"

#include "quorate/v1/cell.pb.h"

namespace quorate::wire {

namespace {

constexpr std::size_t kCellBytesMax = 16U << 10U;
constexpr std::size_t kNameMax = 128;
constexpr std::size_t kTextMax = 1024;
constexpr std::uint64_t kEndpointIdMax = std::numeric_limits<std::int32_t>::max();
constexpr std::uint32_t kRegionIdMax = 255;
constexpr std::uint64_t kMissingStart = std::numeric_limits<std::uint64_t>::max();

std::string merge_prefix(const Cell& cell) {
    std::string prefix;
    prefix.push_back(static_cast<char>(255 - static_cast<unsigned>(cell.verdict)));
    const auto start = cell.started
                           ? static_cast<std::uint64_t>(cell.started->time_since_epoch().count())
                           : kMissingStart;
    for (int shift = 56; shift >= 0; shift -= 8)
        prefix.push_back(static_cast<char>(start >> static_cast<unsigned>(shift) & 0xFFU));
    prefix.push_back(static_cast<char>(cell.attempt));
    prefix += cell.agent;
    prefix.push_back('\0');
    return prefix;
}

/// 64 hexadecimal digits as 32 bytes; anything else as nothing.
std::string packed_hash(const std::string& digits) {
    const auto value = [](char digit) -> int {
        if (digit >= '0' && digit <= '9') return digit - '0';
        if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
        return -1;
    };
    if (digits.size() != 64) return {};
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        const int high = value(digits[i]);
        const int low = value(digits[i + 1]);
        if (high < 0 || low < 0) return {};
        bytes.push_back(static_cast<char>(high * 16 + low));
    }
    return bytes;
}

std::string hash_digits(const std::string& bytes, std::string_view field, detail::Checks& checks) {
    checks.require(bytes.empty() || bytes.size() == 32, field, "is not 32 bytes long");
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string digits;
    for (const char byte : bytes) {
        digits.push_back(kDigits[static_cast<unsigned char>(byte) >> 4U]);
        digits.push_back(kDigits[static_cast<unsigned char>(byte) & 0xFU]);
    }
    return digits;
}

void write_timings(const PhaseTimings& timings, v1::PhaseTimings& message) {
    if (timings.dns) message.set_dns(*timings.dns);
    if (timings.tcp) message.set_tcp(*timings.tcp);
    if (timings.tls) message.set_tls(*timings.tls);
    if (timings.first_byte) message.set_first_byte(*timings.first_byte);
    if (timings.discover) message.set_discover(*timings.discover);
    if (timings.initialize) message.set_initialize(*timings.initialize);
    if (timings.tools_list) message.set_tools_list(*timings.tools_list);
    if (timings.tools_call) message.set_tools_call(*timings.tools_call);
    if (timings.cleanup) message.set_cleanup(*timings.cleanup);
    if (timings.total) message.set_total(*timings.total);
}

PhaseTimings read_timings(const v1::PhaseTimings& message) {
    PhaseTimings timings;
    if (message.has_dns()) timings.dns = message.dns();
    if (message.has_tcp()) timings.tcp = message.tcp();
    if (message.has_tls()) timings.tls = message.tls();
    if (message.has_first_byte()) timings.first_byte = message.first_byte();
    if (message.has_discover()) timings.discover = message.discover();
    if (message.has_initialize()) timings.initialize = message.initialize();
    if (message.has_tools_list()) timings.tools_list = message.tools_list();
    if (message.has_tools_call()) timings.tools_call = message.tools_call();
    if (message.has_cleanup()) timings.cleanup = message.cleanup();
    if (message.has_total()) timings.total = message.total();
    return timings;
}

void write_peer(const Cell& cell, v1::Cell& message) {
    if (cell.http_status) message.set_http_status(*cell.http_status);
    if (cell.rpc_code) message.set_rpc_code(*cell.rpc_code);
    if (cell.tls_verify_code) message.set_tls_verify_code(*cell.tls_verify_code);
    if (cell.os_error) message.set_os_error(*cell.os_error);
    if (cell.retry_after_s) message.set_retry_after_s(*cell.retry_after_s);
    message.set_credential_sent(cell.credential_sent);
    if (cell.era) message.set_era(static_cast<std::uint32_t>(*cell.era));
    message.set_protocol_version(detail::proto_text(cell.protocol_version, kTextMax));
    message.set_server_name(detail::proto_text(cell.server_name, kTextMax));
    message.set_server_version(detail::proto_text(cell.server_version, kTextMax));
    message.set_peer_address(detail::proto_text(cell.peer_address, kTextMax));
    message.set_detail(detail::proto_text(cell.detail, kTextMax));
    message.set_warning_bits(cell.warnings.bits());
    if (cell.tool_count) message.set_tool_count(*cell.tool_count);
    message.set_semantic_hash(packed_hash(cell.semantic_hash));
    message.set_full_hash(packed_hash(cell.full_hash));
    if (cell.certificate_not_after)
        message.set_certificate_not_after_us(
            cell.certificate_not_after->time_since_epoch().count());
    if (cell.certificate_earliest_not_after)
        message.set_certificate_earliest_not_after_us(
            cell.certificate_earliest_not_after->time_since_epoch().count());
}

void read_peer(const v1::Cell& message, Cell& cell, detail::Checks& checks) {
    checks.require(message.http_status() <= 0xFFFF, "http_status", "is out of range");
    if (message.has_http_status())
        cell.http_status = static_cast<std::uint16_t>(message.http_status());
    if (message.has_rpc_code()) cell.rpc_code = message.rpc_code();
    if (message.has_tls_verify_code()) cell.tls_verify_code = message.tls_verify_code();
    if (message.has_os_error()) cell.os_error = message.os_error();
    if (message.has_retry_after_s()) cell.retry_after_s = message.retry_after_s();
    cell.credential_sent = message.credential_sent();
    cell.era = checks.optional_enumerator<Era>(message.era(), "era", kEraNames);
    cell.protocol_version = message.protocol_version();
    cell.server_name = message.server_name();
    cell.server_version = message.server_version();
    cell.peer_address = message.peer_address();
    cell.detail = message.detail();
    for (const auto* text : {&cell.protocol_version,
                             &cell.server_name,
                             &cell.server_version,
                             &cell.peer_address,
                             &cell.detail})
        checks.text(*text, "a text of the peer", kTextMax);
    cell.warnings = Warnings::from_bits(message.warning_bits());
    if (message.has_tool_count()) cell.tool_count = message.tool_count();
    cell.semantic_hash = hash_digits(message.semantic_hash(), "semantic_hash", checks);
    cell.full_hash = hash_digits(message.full_hash(), "full_hash", checks);
    if (message.has_certificate_not_after_us())
        cell.certificate_not_after = UtcTime{microseconds{message.certificate_not_after_us()}};
    if (message.has_certificate_earliest_not_after_us())
        cell.certificate_earliest_not_after =
            UtcTime{microseconds{message.certificate_earliest_not_after_us()}};
}

void read_outcome(const v1::Cell& message, Cell& cell, detail::Checks& checks) {
    checks.require(message.minute_ms() >= 0 && message.minute_ms() <= detail::kLatestMs,
                   "minute_ms",
                   "is out of range");
    // The bounds of the ids' columns in Postgres.
    checks.require(message.endpoint_id() >= 1 && message.endpoint_id() <= kEndpointIdMax,
                   "endpoint_id",
                   "is out of range");
    checks.require(message.region_id() >= 1 && message.region_id() <= kRegionIdMax,
                   "region_id",
                   "is out of range");
    cell.key = {EndpointId{message.endpoint_id()},
                RegionId{message.region_id()},
                UtcMinute::from_epoch_ms(message.minute_ms())};
    cell.verdict = checks.enumerator<Verdict>(message.verdict(), "verdict", kVerdictNames);
    checks.require(cell.verdict != Verdict::maint, "verdict", "MAINT is made at the seal alone");
    cell.reason = checks.optional_enumerator<Reason>(message.reason(), "reason", kReasonNames);
    cell.phase = checks.optional_enumerator<Phase>(message.phase(), "phase", kPhaseNames);
    checks.require(message.started_us() >= 0 && message.started_us() <= detail::kLatestUs,
                   "started_us",
                   "is out of range");
    if (message.has_started_us()) cell.started = UtcTime{microseconds{message.started_us()}};
    checks.require(message.attempt() <= 255, "attempt", "is out of range");
    cell.attempt = static_cast<std::uint8_t>(message.attempt());
    cell.agent = message.agent();
    checks.text(cell.agent, "agent", kNameMax);
    cell.retried = message.retried();
    cell.timings = read_timings(message.timings());
    cell.slow = message.slow();
    if (message.has_slow_over_ms()) cell.slow_over_ms = message.slow_over_ms();
    cell.slow_phase =
        checks.optional_enumerator<Phase>(message.slow_phase(), "slow_phase", kPhaseNames);
    cell.agent_lag_us = message.agent_lag_us();
    cell.job = message.job();
    cell.trace_id = message.trace_id();
    checks.text(cell.job, "job", kNameMax);
    checks.text(cell.trace_id, "trace_id", kNameMax);
}

}  // namespace

std::string encode_cell(const Cell& cell) {
    v1::Cell message;
    message.set_endpoint_id(cell.key.endpoint.value());
    message.set_region_id(static_cast<std::uint32_t>(cell.key.region.value()));
    message.set_minute_ms(cell.key.minute.epoch_ms());
    message.set_verdict(static_cast<std::uint32_t>(cell.verdict));
    if (cell.reason) message.set_reason(static_cast<std::uint32_t>(*cell.reason));
    if (cell.phase) message.set_phase(static_cast<std::uint32_t>(*cell.phase));
    if (cell.started) message.set_started_us(cell.started->time_since_epoch().count());
    message.set_attempt(cell.attempt);
    message.set_agent(cell.agent);
    message.set_retried(cell.retried);
    write_timings(cell.timings, *message.mutable_timings());
    message.set_slow(cell.slow);
    if (cell.slow_over_ms) message.set_slow_over_ms(*cell.slow_over_ms);
    if (cell.slow_phase) message.set_slow_phase(static_cast<std::uint32_t>(*cell.slow_phase));
    write_peer(cell, message);
    message.set_agent_lag_us(cell.agent_lag_us);
    message.set_job(cell.job);
    message.set_trace_id(cell.trace_id);
    return merge_prefix(cell) + detail::serialize(message);
}

Decoded<Cell> decode_cell(std::string_view bytes) {
    if (bytes.size() > kCellBytesMax) return DecodeError{"cell: is too long"};
    constexpr std::size_t kFixed = 10;  // rank, start, attempt
    const auto nul = bytes.find('\0', std::min(kFixed, bytes.size()));
    if (nul == std::string_view::npos) return DecodeError{"cell: has no whole prefix"};
    const auto body = bytes.substr(nul + 1);
    v1::Cell message;
    if (!detail::parse(message, body)) return DecodeError{"cell: is no quorate.v1.Cell"};
    detail::Checks checks;
    Cell cell;
    read_outcome(message, cell, checks);
    read_peer(message, cell, checks);
    checks.require(
        merge_prefix(cell) == bytes.substr(0, nul + 1), "prefix", "is not that of its cell");
    if (!checks.good()) return checks.error("cell");
    return cell;
}

std::string merge_encoded(const std::string& a, const std::string& b) {
    // std::string compares as unsigned char (char_traits<char>::lt), so this is the byte order.
    return std::min(a, b);
}

}  // namespace quorate::wire
