#include "archiver/store/packed_cell.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/base/big_endian.hpp"

namespace quorate {
namespace {

constexpr std::uint32_t kNone16 = 0xFFFF;
constexpr std::uint32_t kNone24 = 0xFFFFFF;
constexpr std::int64_t kTimeUnitUs = 10;
constexpr std::int64_t kLagUnitUs = 100;

void put_time(std::optional<microseconds> time, std::string& out) {
    const auto units = time ? std::clamp<std::int64_t>(time->count() / kTimeUnitUs, 0, kNone24 - 1)
                            : static_cast<std::int64_t>(kNone24);
    append_big_endian(static_cast<std::uint32_t>(units), 3, out);
}

void put_lag(std::optional<microseconds> lag, std::string& out) {
    const auto units = lag ? std::clamp<std::int64_t>(lag->count() / kLagUnitUs, 0, kNone16 - 1)
                           : static_cast<std::int64_t>(kNone16);
    append_big_endian(static_cast<std::uint32_t>(units), 2, out);
}

class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_{bytes} {}
    std::uint32_t take(std::size_t bytes) {
        const auto value = big_endian(bytes_.substr(at_, bytes));
        at_ += bytes;
        return static_cast<std::uint32_t>(value);
    }
    template <class Enum>
    std::optional<Enum> take_enum() {
        const auto value = take(1);
        if (value == 0) return std::nullopt;
        return static_cast<Enum>(value);
    }
    std::optional<microseconds> take_time() {
        const auto units = take(3);
        if (units == kNone24) return std::nullopt;
        return microseconds{units * kTimeUnitUs};
    }
    std::optional<microseconds> take_lag() {
        const auto units = take(2);
        if (units == kNone16) return std::nullopt;
        return microseconds{units * kLagUnitUs};
    }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
};

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
            milliseconds{kNone24 - 1});
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
    append_big_endian(static_cast<std::uint32_t>(cell.region.value()), 1, bytes);
    append_big_endian(static_cast<std::uint32_t>(cell.verdict), 1, bytes);
    append_big_endian(cell.reason ? static_cast<std::uint32_t>(*cell.reason) : 0, 1, bytes);
    append_big_endian(cell.phase ? static_cast<std::uint32_t>(*cell.phase) : 0, 1, bytes);
    const auto state = static_cast<std::uint32_t>(cell.region_state) << 4;
    append_big_endian((cell.retried ? 1U : 0U) | (cell.late ? 2U : 0U) | (cell.slow ? 4U : 0U) |
                          (cell.credential_sent ? 8U : 0U) | state | (cell.silent ? 64U : 0U) |
                          (cell.absent ? 128U : 0U),
                      1,
                      bytes);
    append_big_endian(static_cast<std::uint32_t>(cell.own_verdict), 1, bytes);
    append_big_endian(cell.http_status.value_or(0), 2, bytes);
    append_big_endian(
        cell.start_offset ? static_cast<std::uint32_t>(cell.start_offset->count()) : kNone24,
        3,
        bytes);
    for (const auto& time : {cell.total, cell.connect, cell.tls, cell.initialize, cell.tools_list})
        put_time(time, bytes);
    put_lag(cell.agent_lag, bytes);
}

std::vector<PackedCell> unpack_cells(std::string_view bytes) {
    if (bytes.size() % PackedCell::kSize != 0)
        throw std::invalid_argument{"packed cells: a length that is no multiple of 28"};
    std::vector<PackedCell> cells;
    Reader reader{bytes};
    for (std::size_t at = 0; at < bytes.size(); at += PackedCell::kSize) {
        PackedCell cell;
        cell.region = RegionId{reader.take(1)};
        cell.verdict = static_cast<Verdict>(reader.take(1));
        cell.reason = reader.take_enum<Reason>();
        cell.phase = reader.take_enum<Phase>();
        const auto flags = reader.take(1);
        cell.retried = (flags & 1U) != 0;
        cell.late = (flags & 2U) != 0;
        cell.slow = (flags & 4U) != 0;
        cell.credential_sent = (flags & 8U) != 0;
        cell.region_state = static_cast<RegionPhase>(flags >> 4 & 3U);
        cell.silent = (flags & 64U) != 0;
        cell.absent = (flags & 128U) != 0;
        cell.own_verdict = static_cast<Verdict>(reader.take(1));
        if (const auto status = reader.take(2); status != 0)
            cell.http_status = static_cast<std::uint16_t>(status);
        if (const auto offset = reader.take(3); offset != kNone24)
            cell.start_offset = milliseconds{offset};
        for (auto* time :
             {&cell.total, &cell.connect, &cell.tls, &cell.initialize, &cell.tools_list})
            *time = reader.take_time();
        cell.agent_lag = reader.take_lag();
        cells.push_back(cell);
    }
    return cells;
}

bool made_at_seal(const PackedCell& cell) {
    return !cell.late && is_silence(cell.own_verdict, cell.reason);
}

bool made_at_seal(const Cell& cell) {
    return is_silence(cell.verdict, cell.reason);
}

}  // namespace quorate
