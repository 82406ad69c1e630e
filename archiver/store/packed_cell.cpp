#include "archiver/store/packed_cell.hpp"

#include <algorithm>
#include <stdexcept>

#include "archiver/store/short_number.hpp"
#include "core/base/big_endian.hpp"

namespace quorate {
namespace {

constexpr microseconds kTimeUnit{10};
constexpr milliseconds kLagUnit{4};  // as on the wire
constexpr microseconds kOldLagUnit{100};
constexpr std::uint32_t kNone8 = 0xFF;
constexpr std::uint32_t kNone16 = 0xFFFF;
constexpr std::uint32_t kNone24 = 0xFFFFFF;
constexpr std::uint32_t kStatusMax = 0x3FF;
/// Stands before cells of 19 bytes; those of 28 begin with a region's id, which is never 0.
constexpr char kMark = '\0';
constexpr std::size_t kOldSize = 28;

std::uint32_t code_of(std::optional<microseconds> time) {
    if (!time) return ShortNumber::kNone;
    const auto units = std::max<std::int64_t>(*time / kTimeUnit, 0);
    return ShortNumber::code_of(static_cast<std::uint64_t>(units));
}

std::optional<microseconds> time_of(std::uint32_t code) {
    if (code == ShortNumber::kNone) return std::nullopt;
    return kTimeUnit * static_cast<std::int64_t>(ShortNumber::number_of(code));
}

std::uint32_t lag_code(std::optional<microseconds> lag) {
    if (!lag) return kNone8;
    const auto units = std::chrono::ceil<milliseconds>(*lag).count() + kLagUnit.count() - 1;
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(units / kLagUnit.count(), 0, kNone8 - 1));
}

template <class Unit>
std::optional<Unit> unless(std::uint32_t none, std::uint32_t value, Unit unit) {
    if (value == none) return std::nullopt;
    return unit * value;
}

template <class Enum>
std::optional<Enum> enum_of(std::uint32_t value) {
    if (value == 0) return std::nullopt;
    return static_cast<Enum>(value);
}

std::optional<std::uint16_t> status_of(std::uint32_t value) {
    if (value == 0) return std::nullopt;
    return static_cast<std::uint16_t>(value);
}

std::uint32_t flags_of(const PackedCell& cell) {
    return (cell.retried ? 1U : 0U) | (cell.late ? 2U : 0U) | (cell.slow ? 4U : 0U) |
           (cell.credential_sent ? 8U : 0U) | static_cast<std::uint32_t>(cell.region_state) << 4U |
           (cell.silent ? 64U : 0U) | (cell.absent ? 128U : 0U);
}

void set_flags(PackedCell& cell, std::uint32_t flags) {
    cell.retried = (flags & 1U) != 0;
    cell.late = (flags & 2U) != 0;
    cell.slow = (flags & 4U) != 0;
    cell.credential_sent = (flags & 8U) != 0;
    cell.region_state = static_cast<RegionPhase>(flags >> 4U & 3U);
    cell.silent = (flags & 64U) != 0;
    cell.absent = (flags & 128U) != 0;
}

class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_{bytes} {}
    std::uint32_t take(std::size_t bytes) {
        const auto value = big_endian(bytes_.substr(at_, bytes));
        at_ += bytes;
        return static_cast<std::uint32_t>(value);
    }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
};

PackedCell read_cell(Reader& reader) {
    PackedCell cell;
    cell.region = RegionId{reader.take(1)};
    const auto outcome = reader.take(2);
    cell.verdict = static_cast<Verdict>(outcome >> 13U);
    cell.own_verdict = static_cast<Verdict>(outcome >> 10U & 7U);
    cell.http_status = status_of(outcome & kStatusMax);
    cell.reason = enum_of<Reason>(reader.take(1));
    cell.phase = enum_of<Phase>(reader.take(1));
    set_flags(cell, reader.take(1));
    cell.start_offset = unless(kNone16, reader.take(2), milliseconds{1});
    for (auto* time : {&cell.total, &cell.connect, &cell.tls, &cell.initialize, &cell.tools_list})
        *time = time_of(reader.take(2));
    cell.agent_lag = unless(kNone8, reader.take(1), kLagUnit);
    return cell;
}

/// A cell of 28 bytes, as they were: every field a number of its own.
PackedCell read_old_cell(Reader& reader) {
    PackedCell cell;
    cell.region = RegionId{reader.take(1)};
    cell.verdict = static_cast<Verdict>(reader.take(1));
    cell.reason = enum_of<Reason>(reader.take(1));
    cell.phase = enum_of<Phase>(reader.take(1));
    set_flags(cell, reader.take(1));
    cell.own_verdict = static_cast<Verdict>(reader.take(1));
    cell.http_status = status_of(reader.take(2));
    cell.start_offset = unless(kNone24, reader.take(3), milliseconds{1});
    for (auto* time : {&cell.total, &cell.connect, &cell.tls, &cell.initialize, &cell.tools_list})
        *time = unless(kNone24, reader.take(3), kTimeUnit);
    cell.agent_lag = unless(kNone16, reader.take(2), kOldLagUnit);
    return cell;
}

/// What the seal writes where nothing came; agents write neither reason.
bool is_silence(Verdict verdict, std::optional<Reason> reason) {
    return verdict == Verdict::unknown &&
           (reason == Reason::not_reported || reason == Reason::agent_dead);
}

std::optional<microseconds> to_us(const PhaseTimings::Us& us) {
    if (!us) return std::nullopt;
    return microseconds{*us};
}

}  // namespace

PackedCell packed_cell(const Cell& cell, bool maintenance) {
    PackedCell packed;
    packed.region = cell.key.region;
    packed.verdict = maintenance ? Verdict::maint : cell.verdict;
    packed.reason = cell.reason;
    packed.phase = cell.phase;
    packed.retried = cell.retried;
    packed.slow = cell.slow;
    packed.credential_sent = cell.credential_sent;
    packed.own_verdict = cell.verdict;
    packed.http_status = cell.http_status;
    if (cell.started)
        packed.start_offset = std::clamp(
            std::chrono::floor<milliseconds>(*cell.started - UtcTime{cell.key.minute.start()}),
            milliseconds{0},
            milliseconds{kNone16 - 1});
    packed.total = to_us(cell.timings.total);
    packed.connect = to_us(cell.timings.tcp);
    packed.tls = to_us(cell.timings.tls);
    packed.initialize = to_us(cell.timings.initialize);
    packed.tools_list = to_us(cell.timings.tools_list);
    // A plain UP may come without its details, the agent's name among them.
    if (!cell.agent.empty() || cell.attempt > 0) packed.agent_lag = microseconds{cell.agent_lag_us};
    return packed;
}

void append_packed(const PackedCell& cell, std::string& bytes) {
    if (bytes.empty()) bytes.push_back(kMark);
    const auto put = [&bytes](std::uint64_t value, std::size_t size) {
        append_big_endian(value, size, bytes);
    };
    put(cell.region.value(), 1);
    put(static_cast<std::uint32_t>(cell.verdict) << 13U |
            static_cast<std::uint32_t>(cell.own_verdict) << 10U |
            std::min<std::uint32_t>(cell.http_status.value_or(0), kStatusMax),
        2);
    put(cell.reason ? static_cast<std::uint32_t>(*cell.reason) : 0, 1);
    put(cell.phase ? static_cast<std::uint32_t>(*cell.phase) : 0, 1);
    put(flags_of(cell), 1);
    put(cell.start_offset ? static_cast<std::uint64_t>(cell.start_offset->count()) : kNone16, 2);
    for (const auto& time : {cell.total, cell.connect, cell.tls, cell.initialize, cell.tools_list})
        put(code_of(time), 2);
    put(lag_code(cell.agent_lag), 1);
}

std::vector<PackedCell> unpack_cells(std::string_view bytes) {
    const bool is_old = !bytes.starts_with(kMark);
    if (!is_old) bytes.remove_prefix(1);
    const auto size = is_old ? kOldSize : PackedCell::kSize;
    if (bytes.size() % size != 0)
        throw std::invalid_argument{"packed cells: a length that is no multiple of a cell's"};
    std::vector<PackedCell> cells;
    cells.reserve(bytes.size() / size);
    Reader reader{bytes};
    for (std::size_t at = 0; at < bytes.size(); at += size)
        cells.push_back(is_old ? read_old_cell(reader) : read_cell(reader));
    return cells;
}

bool made_at_seal(const PackedCell& cell) {
    return !cell.late && is_silence(cell.own_verdict, cell.reason);
}

bool made_at_seal(const Cell& cell) {
    return is_silence(cell.verdict, cell.reason);
}

}  // namespace quorate
