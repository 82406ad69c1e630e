#include "core/notice/notice_codec.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/big_endian.hpp"
#include "core/base/varint.hpp"

namespace quorate {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kHashSize = 8;
constexpr std::uint64_t kListsMax = 33;       // one of each region, and the one agreed on
constexpr std::uint64_t kRegionsAtMost = 32;  // as a cell's mask
// Behind those of `Told`: an untold close. Who does not know it takes it for a notice that is open,
// and closes that.
constexpr std::uint64_t kUntoldClose = 3;

using ToolList = std::pair<std::uint64_t, std::uint64_t>;  // semantic, full

[[noreturn]] void refuse(const char* what) {
    throw std::invalid_argument{std::string{"notice state: "} + what};
}

std::int64_t us(UtcTime time) {
    return time.time_since_epoch().count();
}

/// 1 and on: the place in `lists`, to which a new one is added; 0: no list.
std::uint64_t place(std::vector<ToolList>& lists, std::uint64_t semantic, std::uint64_t full) {
    const ToolList list{semantic, full};
    if (list == ToolList{}) return 0;
    auto found = std::ranges::find(lists, list);
    if (found == lists.end()) found = lists.insert(lists.end(), list);
    return static_cast<std::uint64_t>(found - lists.begin()) + 1;
}

/// Numbers of a region that are mostly 0, behind a mask of those that are not. Times are told by
/// their distance to the one before.
struct RegionNumbers {
    std::array<std::uint64_t, 5> runs{};
    std::optional<UtcTime> certificate;
    static constexpr unsigned kCertificateBit = 5;

    void append(UtcTime& certificate_before, std::string& bytes) const {
        std::uint64_t mask = 0;
        for (std::size_t i = 0; i < runs.size(); ++i)
            if (runs[i] != 0) mask |= 1U << i;
        if (certificate) mask |= 1U << kCertificateBit;
        append_varint(mask, bytes);
        for (const auto run : runs)
            if (run != 0) append_varint(run, bytes);
        if (!certificate) return;
        append_signed_varint(us(*certificate) - us(certificate_before), bytes);
        certificate_before = *certificate;
    }

    static RegionNumbers take(UtcTime& certificate_before, std::string_view& bytes) {
        RegionNumbers numbers;
        const auto mask = take_varint(bytes);
        if (mask >> (kCertificateBit + 1) != 0) refuse("unknown fields of a region");
        for (std::size_t i = 0; i < numbers.runs.size(); ++i)
            if ((mask >> i & 1U) != 0) numbers.runs[i] = take_varint(bytes);
        if ((mask >> kCertificateBit & 1U) == 0) return numbers;
        certificate_before += microseconds{take_signed_varint(bytes)};
        numbers.certificate = certificate_before;
        return numbers;
    }
};

template <class T>
T in_range(std::uint64_t number) {
    if (number > std::numeric_limits<T>::max()) refuse("a number is out of range");
    return static_cast<T>(number);
}

void append_open(const OpenNotice& notice, std::string& bytes) {
    append_varint(static_cast<std::uint64_t>(notice.kind), bytes);
    append_signed_varint(us(notice.since), bytes);
    append_signed_varint(notice.level, bytes);
    append_varint(static_cast<std::uint64_t>(notice.told), bytes);
    append_varint(notice.regions.size(), bytes);
    for (const auto region : notice.regions)
        append_varint(region.value(), bytes);
}

void append_untold(const UntoldClose& closed, std::string& bytes) {
    append_varint(static_cast<std::uint64_t>(closed.kind), bytes);
    append_signed_varint(us(closed.closed_at), bytes);
    append_signed_varint(0, bytes);  // level
    append_varint(kUntoldClose, bytes);
    append_varint(0, bytes);  // regions
}

/// Takes an open notice, or an untold close.
void take_notice(std::string_view& bytes, NoticeState& into) {
    OpenNotice notice;
    notice.kind = static_cast<NoticeKind>(in_range<std::uint8_t>(take_varint(bytes)));
    if (name_of(notice.kind).empty()) refuse("no such kind");
    notice.since = UtcTime{microseconds{take_signed_varint(bytes)}};
    const auto level = take_signed_varint(bytes);
    if (!std::in_range<std::int32_t>(level)) refuse("a number is out of range");
    notice.level = static_cast<std::int32_t>(level);
    const auto told = take_varint(bytes);
    if (told > kUntoldClose) refuse("a notice that is told in an unknown way");
    const auto regions = take_varint(bytes);
    if (regions > kRegionsAtMost) refuse("too many regions");
    for (std::uint64_t i = 0; i < regions; ++i)
        notice.regions.emplace_back(take_varint(bytes));
    if (told == kUntoldClose) {
        into.untold_closes.push_back({notice.kind, notice.since});
        return;
    }
    notice.told = static_cast<Told>(told);
    into.open.push_back(std::move(notice));
}

std::uint64_t take_hash(std::string_view& bytes) {
    if (bytes.size() < kHashSize) refuse("a hash is cut off");
    const auto hash = big_endian(bytes.substr(0, kHashSize));
    bytes.remove_prefix(kHashSize);
    return hash;
}

std::vector<ToolList> take_lists(std::string_view& bytes) {
    const auto count = take_varint(bytes);
    if (count > kListsMax) refuse("too many tool lists");
    std::vector<ToolList> lists{{}};
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto semantic = take_hash(bytes);
        lists.emplace_back(semantic, take_hash(bytes));
    }
    return lists;
}

}  // namespace

void pack(const NoticeState& state, std::string& bytes) {
    std::vector<ToolList> lists;
    std::string body;
    append_varint(place(lists, state.semantic, state.full), body);
    append_varint(state.disagree_since ? 1 : 0, body);
    if (state.disagree_since) append_signed_varint(us(*state.disagree_since), body);
    append_varint(state.era ? static_cast<std::uint64_t>(*state.era) + 1 : 0, body);
    append_varint(state.regions.size(), body);
    UtcTime certificate{};
    for (const auto& region : state.regions) {
        append_varint(region.region.value(), body);
        append_varint(place(lists, region.semantic, region.full), body);
        RegionNumbers{{region.fails,
                       region.unknown_run,
                       region.limited_run,
                       region.auth_run,
                       region.degraded_run},
                      region.certificate}
            .append(certificate, body);
    }
    append_varint(state.open.size() + state.untold_closes.size(), body);
    for (const auto& notice : state.open)
        append_open(notice, body);
    for (const auto& closed : state.untold_closes)
        append_untold(closed, body);

    append_varint(kVersion, bytes);
    append_varint(lists.size(), bytes);
    for (const auto& [semantic, full] : lists) {
        append_big_endian(semantic, kHashSize, bytes);
        append_big_endian(full, kHashSize, bytes);
    }
    bytes += body;
}

NoticeState unpack_notice_state(std::string_view& bytes) {
    if (take_varint(bytes) != kVersion) refuse("a version that this program does not read");
    const auto lists = take_lists(bytes);
    const auto list = [&]() -> const ToolList& {
        const auto at = take_varint(bytes);
        if (at >= lists.size()) refuse("no such tool list");
        return lists[at];
    };
    NoticeState state;
    std::tie(state.semantic, state.full) = list();
    if (take_varint(bytes) != 0)
        state.disagree_since = UtcTime{microseconds{take_signed_varint(bytes)}};
    if (const auto era = take_varint(bytes); era != 0) {
        state.era = static_cast<Era>(in_range<std::uint8_t>(era - 1));
        if (name_of(*state.era).empty()) refuse("no such era");
    }
    const auto regions = take_varint(bytes);
    if (regions > kRegionsAtMost) refuse("too many regions");
    UtcTime certificate{};
    for (std::uint64_t i = 0; i < regions; ++i) {
        auto& region = state.regions.emplace_back();
        region.region = RegionId{take_varint(bytes)};
        std::tie(region.semantic, region.full) = list();
        const auto numbers = RegionNumbers::take(certificate, bytes);
        region.fails = in_range<std::uint16_t>(numbers.runs[0]);
        region.unknown_run = in_range<std::uint8_t>(numbers.runs[1]);
        region.limited_run = in_range<std::uint8_t>(numbers.runs[2]);
        region.auth_run = in_range<std::uint8_t>(numbers.runs[3]);
        region.degraded_run = in_range<std::uint8_t>(numbers.runs[4]);
        region.certificate = numbers.certificate;
    }
    const auto open = take_varint(bytes);
    if (open > 2 * std::size(kNoticeKindNames)) refuse("too many notices");
    for (std::uint64_t i = 0; i < open; ++i)
        take_notice(bytes, state);
    return state;
}

}  // namespace quorate
