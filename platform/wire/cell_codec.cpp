#include "platform/wire/cell_codec.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>

#include "core/base/big_endian.hpp"
#include "core/base/utf8.hpp"
#include "core/model/region_mask.hpp"
#include "platform/wire/message.hpp"

#include "quorate/v1/cell.pb.h"

namespace quorate::wire {

namespace {

constexpr std::size_t kDetailsBytesMax = 16U << 10U;
constexpr std::size_t kNameMax = 128;
constexpr std::size_t kTextMax = 1024;
constexpr std::size_t kOrderBytes = 6;  // rank, start, attempt: what decides before the agent
constexpr std::size_t kFlagsAt = 8;
constexpr std::uint64_t kEndpointIdMax = std::numeric_limits<std::int32_t>::max();
constexpr std::uint32_t kNone32 = 0xFFFFFFFF;
constexpr std::uint32_t kNone24 = 0xFFFFFF;
constexpr std::uint32_t kLagUnitUs = 4000;

constexpr unsigned kRetried = 1;
constexpr unsigned kSlow = 2;
constexpr unsigned kCredentialSent = 4;
constexpr unsigned kHasDetails = 8;
constexpr unsigned kEraShift = 4;

void put_time(const PhaseTimings::Us& us, std::string& out) {
    append_big_endian(us ? std::min(*us / 10, kNone24 - 1) : kNone24, 3, out);
}

template <class Enum>
unsigned number_of(const std::optional<Enum>& value) {
    return value ? static_cast<unsigned>(*value) : 0;
}

std::uint32_t start_offset(const Cell& cell) {
    if (!cell.started) return kNone32;
    const auto offset = *cell.started - UtcTime{cell.key.minute.start()};
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(offset.count(), 0, std::int64_t{kNone32} - 1));
}

std::string encode_fixed(const Cell& cell, bool with_details) {
    std::string out;
    out.reserve(kCellBytes);
    append_big_endian(255 - static_cast<unsigned>(cell.verdict), 1, out);
    append_big_endian(start_offset(cell), 4, out);
    append_big_endian(cell.attempt, 1, out);
    append_big_endian(number_of(cell.reason), 1, out);
    append_big_endian(number_of(cell.phase), 1, out);
    append_big_endian((cell.retried ? kRetried : 0) | (cell.slow ? kSlow : 0) |
                          (cell.credential_sent ? kCredentialSent : 0) |
                          (with_details ? kHasDetails : 0) | number_of(cell.era) << kEraShift,
                      1,
                      out);
    append_big_endian(cell.http_status.value_or(0), 2, out);
    const auto& timings = cell.timings;
    for (const auto& time :
         {timings.total, timings.tcp, timings.tls, timings.initialize, timings.tools_list})
        put_time(time, out);
    const auto lag = cell.agent_lag_us / kLagUnitUs + (cell.agent_lag_us % kLagUnitUs ? 1 : 0);
    append_big_endian(std::min<std::uint32_t>(lag, 255), 1, out);
    return out;
}

class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_{bytes} {}
    std::uint32_t take(std::size_t bytes) {
        const auto value = big_endian(bytes_.substr(at_, bytes));
        at_ += bytes;
        return static_cast<std::uint32_t>(value);
    }
    PhaseTimings::Us take_time() {
        const auto units = take(3);
        if (units == kNone24) return std::nullopt;
        return units * 10;
    }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
};

void read_fixed(std::string_view fixed, Cell& cell, detail::Checks& checks) {
    Reader reader{fixed};
    cell.verdict = checks.enumerator<Verdict>(255 - reader.take(1), "verdict", kVerdictNames);
    checks.require(cell.verdict != Verdict::maint, "verdict", "MAINT is made at the seal alone");
    if (const auto offset = reader.take(4); offset != kNone32)
        cell.started = UtcTime{cell.key.minute.start()} + microseconds{offset};
    cell.attempt = static_cast<std::uint8_t>(reader.take(1));
    cell.reason = checks.optional_enumerator<Reason>(reader.take(1), "reason", kReasonNames);
    cell.phase = checks.optional_enumerator<Phase>(reader.take(1), "phase", kPhaseNames);
    const auto flags = reader.take(1);
    cell.retried = (flags & kRetried) != 0;
    cell.slow = (flags & kSlow) != 0;
    cell.credential_sent = (flags & kCredentialSent) != 0;
    cell.era = checks.optional_enumerator<Era>(flags >> kEraShift, "era", kEraNames);
    if (const auto status = reader.take(2); status != 0)
        cell.http_status = static_cast<std::uint16_t>(status);
    auto& timings = cell.timings;
    for (auto* time :
         {&timings.total, &timings.tcp, &timings.tls, &timings.initialize, &timings.tools_list})
        *time = reader.take_time();
    cell.agent_lag_us = reader.take(1) * kLagUnitUs;
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

void write_numbers(const Cell& cell, v1::CellDetails& message) {
    if (cell.slow_over_ms) message.set_slow_over_ms(*cell.slow_over_ms);
    message.set_slow_phase(number_of(cell.slow_phase));
    if (cell.rpc_code) message.set_rpc_code(*cell.rpc_code);
    if (cell.tls_verify_code) message.set_tls_verify_code(*cell.tls_verify_code);
    if (cell.os_error) message.set_os_error(*cell.os_error);
    if (cell.retry_after_s) message.set_retry_after_s(*cell.retry_after_s);
    message.set_warning_bits(cell.warnings.bits());
    if (cell.tool_count) message.set_tool_count(*cell.tool_count);
    if (cell.certificate_not_after)
        message.set_certificate_not_after_us(
            cell.certificate_not_after->time_since_epoch().count());
    if (cell.certificate_earliest_not_after)
        message.set_certificate_earliest_not_after_us(
            cell.certificate_earliest_not_after->time_since_epoch().count());
    const auto& timings = cell.timings;
    if (timings.dns) message.set_dns_us(*timings.dns);
    if (timings.first_byte) message.set_first_byte_us(*timings.first_byte);
    if (timings.discover) message.set_discover_us(*timings.discover);
    if (timings.tools_call) message.set_tools_call_us(*timings.tools_call);
    if (timings.cleanup) message.set_cleanup_us(*timings.cleanup);
}

void read_numbers(const v1::CellDetails& message, Cell& cell, detail::Checks& checks) {
    if (message.has_slow_over_ms()) cell.slow_over_ms = message.slow_over_ms();
    cell.slow_phase =
        checks.optional_enumerator<Phase>(message.slow_phase(), "slow_phase", kPhaseNames);
    if (message.has_rpc_code()) cell.rpc_code = message.rpc_code();
    if (message.has_tls_verify_code()) cell.tls_verify_code = message.tls_verify_code();
    if (message.has_os_error()) cell.os_error = message.os_error();
    if (message.has_retry_after_s()) cell.retry_after_s = message.retry_after_s();
    cell.warnings = Warnings::from_bits(message.warning_bits());
    if (message.has_tool_count()) cell.tool_count = message.tool_count();
    if (message.has_certificate_not_after_us())
        cell.certificate_not_after = UtcTime{microseconds{message.certificate_not_after_us()}};
    if (message.has_certificate_earliest_not_after_us())
        cell.certificate_earliest_not_after =
            UtcTime{microseconds{message.certificate_earliest_not_after_us()}};
    auto& timings = cell.timings;
    if (message.has_dns_us()) timings.dns = message.dns_us();
    if (message.has_first_byte_us()) timings.first_byte = message.first_byte_us();
    if (message.has_discover_us()) timings.discover = message.discover_us();
    if (message.has_tools_call_us()) timings.tools_call = message.tools_call_us();
    if (message.has_cleanup_us()) timings.cleanup = message.cleanup_us();
}

std::string encode_details(const Cell& cell) {
    v1::CellDetails message;
    write_numbers(cell, message);
    message.set_protocol_version(detail::proto_text(cell.protocol_version, kTextMax));
    message.set_server_name(detail::proto_text(cell.server_name, kTextMax));
    message.set_server_version(detail::proto_text(cell.server_version, kTextMax));
    message.set_peer_address(detail::proto_text(cell.peer_address, kTextMax));
    message.set_detail(detail::proto_text(cell.detail, kTextMax));
    message.set_semantic_hash(packed_hash(cell.semantic_hash));
    message.set_full_hash(packed_hash(cell.full_hash));
    message.set_job(cell.job);
    message.set_trace_id(cell.trace_id);
    return cell.agent + '\0' + detail::serialize(message);
}

void read_details(const v1::CellDetails& message, Cell& cell, detail::Checks& checks) {
    read_numbers(message, cell, checks);
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
    cell.semantic_hash = hash_digits(message.semantic_hash(), "semantic_hash", checks);
    cell.full_hash = hash_digits(message.full_hash(), "full_hash", checks);
    cell.job = message.job();
    cell.trace_id = message.trace_id();
    checks.text(cell.job, "job", kNameMax);
    checks.text(cell.trace_id, "trace_id", kNameMax);
}

/// The agent's name that `details` begin with; empty where there are none.
std::string_view agent_of(std::string_view details) {
    return details.substr(0, details.find('\0'));
}

}  // namespace

EncodedCell encode_cell(const Cell& cell, bool with_details) {
    const bool details = with_details || needs_details(cell);
    return {encode_fixed(cell, details), details ? encode_details(cell) : std::string{}};
}

bool needs_details(const Cell& cell) {
    return cell.verdict != Verdict::up || cell.retried || !cell.warnings.empty();
}

bool has_details(std::string_view fixed) {
    return fixed.size() == kCellBytes &&
           (static_cast<unsigned char>(fixed[kFlagsAt]) & kHasDetails) != 0;
}

Decoded<Cell> decode_cell(const CellKey& key, std::string_view fixed, std::string_view details) {
    if (fixed.size() != kCellBytes) return DecodeError{"cell: is not 27 bytes long"};
    if (details.size() > kDetailsBytesMax) return DecodeError{"cell: its details are too long"};
    detail::Checks checks;
    // The bounds of the ids' columns in Postgres.
    checks.require(key.endpoint.value() >= 1 && key.endpoint.value() <= kEndpointIdMax,
                   "endpoint_id",
                   "is out of range");
    checks.require(key.region.value() >= 1 && key.region.value() <= RegionMask::kIdMax,
                   "region_id",
                   "is out of range");
    Cell cell;
    cell.key = key;
    read_fixed(fixed, cell, checks);
    if (!details.empty()) {
        const auto nul = details.find('\0');
        if (nul == std::string_view::npos) return DecodeError{"cell: details without an agent"};
        v1::CellDetails message;
        if (!detail::parse(message, details.substr(nul + 1)))
            return DecodeError{"cell: its details are no quorate.v1.CellDetails"};
        cell.agent = details.substr(0, nul);
        checks.text(cell.agent, "agent", kNameMax);
        checks.require(is_utf8(cell.agent), "agent", "is no UTF-8");
        read_details(message, cell, checks);
    }
    if (!checks.good()) return checks.error("cell");
    return cell;
}

const EncodedCell& merge_encoded(const EncodedCell& a, const EncodedCell& b) {
    // string_view compares as unsigned char (char_traits<char>::lt): the byte order.
    const auto order = [](const EncodedCell& cell) {
        return std::tuple{std::string_view{cell.fixed}.substr(0, kOrderBytes),
                          agent_of(cell.details),
                          std::string_view{cell.fixed},
                          std::string_view{cell.details}};
    };
    return order(b) < order(a) ? b : a;
}

}  // namespace quorate::wire
