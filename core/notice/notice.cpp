#include "core/notice/notice.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <functional>
#include <set>

namespace quorate {
namespace {

namespace chrono = std::chrono;

constexpr std::uint16_t kVotesRemembered = 0x3FF;  // ten
constexpr int kFailsOfIntermittent = 3;
constexpr std::uint8_t kRunToTell = 5;  // of UNKNOWN, of 429, of minutes that nobody could decide
constexpr chrono::minutes kDisagreement{30};
constexpr chrono::hours kTold{24};  // how long a change stays a notice
constexpr std::array kDaysLeft{1, 7, 21};

void count_up(std::uint8_t& run) {
    if (run < UINT8_MAX) ++run;
}

/// The first bytes of a hash in hexadecimal digits.
std::uint64_t front_of(const std::string& hash) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 16 && i < hash.size(); ++i) {
        const char digit = hash[i];
        value = value << 4U |
                static_cast<std::uint64_t>(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    return value;
}

void remember(RegionMemory& region, const Cell& cell) {
    switch (cell.verdict) {
        case Verdict::maint:
            return;
        case Verdict::unknown:
            count_up(region.unknown_run);
            if (cell.reason == Reason::rate_limited)
                count_up(region.limited_run);
            else
                region.limited_run = 0;
            return;
        case Verdict::up:
        case Verdict::slow:
            region.auth_run = 0;
            region.degraded_run = 0;
            break;
        case Verdict::degraded:
            region.auth_run = 0;
            count_up(region.degraded_run);
            break;
        case Verdict::auth:
            count_up(region.auth_run);
            break;
        case Verdict::fail:
            break;
    }
    region.unknown_run = 0;
    region.limited_run = 0;
    const unsigned fail = cell.verdict == Verdict::fail ? 1 : 0;
    region.fails = static_cast<std::uint16_t>((region.fails << 1U | fail) & kVotesRemembered);
    if (!cell.semantic_hash.empty()) region.semantic = front_of(cell.semantic_hash);
    if (!cell.full_hash.empty()) region.full = front_of(cell.full_hash);
    if (cell.certificate_not_after)
        region.certificate =
            std::min(*cell.certificate_not_after,
                     cell.certificate_earliest_not_after.value_or(*cell.certificate_not_after));
}

/// Takes over the configured regions, and what their cells say.
void remember_all(NoticeState& state, std::span<const Cell> cells) {
    std::vector<RegionMemory> regions;
    for (const auto& cell : cells) {
        const auto known = std::ranges::find(state.regions, cell.key.region, &RegionMemory::region);
        regions.push_back(known != state.regions.end() ? *known : RegionMemory{cell.key.region});
        remember(regions.back(), cell);
    }
    state.regions = std::move(regions);
}

/// One step over all kinds.
class Step {
public:
    Step(NoticeState& state, const NoticeMinute& minute) : state_{state}, minute_{minute} {}

    std::vector<NoticeChange> run() {
        remember_all(state_, minute_.cells);
        if (minute_.incident_open)  // its FAILs are told already
            for (auto& region : state_.regions)
                region.fails = 0;
        settle_axis(NoticeKind::auth, &RegionMemory::auth_run, Verdict::auth);
        settle_axis(NoticeKind::degraded, &RegionMemory::degraded_run, Verdict::degraded);
        settle_rate_limited();
        settle_visibility();
        settle_intermittent();
        settle_certificate();
        settle_tools();
        settle_era();
        return std::move(changes_);
    }

private:
    std::vector<RegionId> where(const std::function<bool(const RegionMemory&)>& holds) const {
        std::vector<RegionId> regions;
        for (const auto& region : state_.regions)
            if (holds(region)) regions.push_back(region.region);
        return regions;
    }

    OpenNotice* open(NoticeKind kind) {
        const auto found = std::ranges::find(state_.open, kind, &OpenNotice::kind);
        return found == state_.open.end() ? nullptr : &*found;
    }

    void tell(NoticeChange::Kind change,
              NoticeKind kind,
              std::vector<RegionId> regions,
              std::string detail) {
        changes_.push_back(
            {change, kind, minute_.decided_at, std::move(regions), std::move(detail), true});
    }

    void close(NoticeKind kind) {
        if (open(kind) == nullptr) return;
        std::erase_if(state_.open, [kind](const OpenNotice& each) { return each.kind == kind; });
        tell(NoticeChange::Kind::closed, kind, {}, "");
    }

    /// Opens the notice, or tells its change where `level` is another or `anew` says so.
    void raise(NoticeKind kind,
               std::vector<RegionId> regions,
               std::string detail,
               std::int32_t level = 0,
               bool anew = false) {
        auto* known = open(kind);
        if (known != nullptr && known->level == level && !anew) return;
        tell(known == nullptr ? NoticeChange::Kind::opened : NoticeChange::Kind::changed,
             kind,
             std::move(regions),
             std::move(detail));
        if (known == nullptr)
            state_.open.push_back({kind, minute_.decided_at, level});
        else
            *known = {kind, minute_.decided_at, level};
    }

    /// The reason of the first of these regions' cells with this verdict, and its sentence.
    std::string sentence(Verdict verdict) const {
        for (const auto& cell : minute_.cells)
            if (cell.verdict == verdict && cell.reason)
                return std::string{name_of(*cell.reason)} +
                       (cell.detail.empty() ? "" : ": " + cell.detail);
        return {};
    }

    /// Two regions see it, or one twice in a row; it ends when none does.
    void settle_axis(NoticeKind kind, std::uint8_t RegionMemory::*run, Verdict verdict) {
        auto regions = where([run](const RegionMemory& each) { return each.*run > 0; });
        if (regions.empty()) {
            close(kind);
            return;
        }
        const bool twice =
            std::ranges::any_of(state_.regions, [run](const auto& each) { return each.*run > 1; });
        if (twice || regions.size() >= std::min<std::size_t>(2, state_.regions.size()))
            raise(kind, std::move(regions), sentence(verdict));
    }

    void settle_rate_limited() {
        auto told = where([](const RegionMemory& each) { return each.limited_run >= kRunToTell; });
        if (!told.empty())
            raise(NoticeKind::rate_limited,
                  std::move(told),
                  "The server answered 429 five times in a row; it is not measured meanwhile");
        else if (where([](const RegionMemory& each) { return each.limited_run > 0; }).empty())
            close(NoticeKind::rate_limited);
    }

    void settle_visibility() {
        auto unseen =
            where([](const RegionMemory& each) { return each.unknown_run >= kRunToTell; });
        const bool blind = minute_.blind_run >= kRunToTell;
        if (unseen.empty() && !blind) {
            close(NoticeKind::visibility);
            return;
        }
        auto detail = sentence(Verdict::unknown);
        if (minute_.unconfirmed)
            detail =
                "Only one region sees the endpoint, and it sees a failure; the others: " + detail;
        raise(NoticeKind::visibility,
              std::move(unseen),
              std::move(detail),
              minute_.unconfirmed ? 1 : 0);
    }

    void settle_intermittent() {
        auto regions = where([](const RegionMemory& each) {
            return std::popcount(each.fails) >= kFailsOfIntermittent;
        });
        if (regions.empty())
            close(NoticeKind::intermittent);
        else
            raise(NoticeKind::intermittent,
                  std::move(regions),
                  "At least three of the last ten probes failed");
    }

    void settle_certificate() {
        std::optional<UtcTime> first;
        for (const auto& region : state_.regions)
            if (region.certificate && (!first || *region.certificate < *first))
                first = region.certificate;
        if (!first) return;
        const auto left = *first - minute_.decided_at;
        const auto level = std::ranges::find_if(
            kDaysLeft, [left](int days) { return left <= chrono::hours{24 * days}; });
        if (level == kDaysLeft.end()) {
            close(NoticeKind::certificate_expiry);
            return;
        }
        auto regions =
            where([first](const RegionMemory& each) { return each.certificate == first; });
        raise(NoticeKind::certificate_expiry,
              std::move(regions),
              "The first certificate of the chain to expire does so at " + to_rfc3339(*first),
              *level);
    }

    /// A list that all regions agree on and that is another than before is a drift; regions that
    /// differ for long are a disagreement.
    void settle_tools() {
        std::set<std::pair<std::uint64_t, std::uint64_t>> lists;
        for (const auto& region : state_.regions)
            if (region.semantic != 0) lists.emplace(region.semantic, region.full);
        std::set<std::uint64_t> contracts;
        for (const auto& [semantic, full] : lists)
            contracts.insert(semantic);
        const auto now = minute_.decided_at;
        if (contracts.size() > 1) {
            if (!state_.disagree_since) state_.disagree_since = now;
            if (now - *state_.disagree_since > kDisagreement)
                raise(
                    NoticeKind::region_disagreement, {}, "Regions are given different tool lists");
        } else {
            state_.disagree_since.reset();
            close(NoticeKind::region_disagreement);
        }
        bool drifted = false;
        if (lists.size() == 1) {
            const auto [semantic, full] = *lists.begin();
            drifted = state_.semantic != 0 && (state_.semantic != semantic || state_.full != full);
            if (drifted)
                raise(NoticeKind::tool_drift,
                      {},
                      state_.semantic != semantic ? "The tool list changed in names or schemas"
                                                  : "The tool list changed in its texts alone",
                      0,
                      true);
            state_.semantic = semantic;
            state_.full = full;
        }
        close_when_told(NoticeKind::tool_drift, drifted);
    }

    void settle_era() {
        bool changed = false;
        for (const auto& cell : minute_.cells) {
            if (!cell.era || !cell.warnings.has(Warning::era_changed)) continue;
            changed = changed || (state_.era && *state_.era != *cell.era);
            state_.era = cell.era;
        }
        if (changed)
            raise(NoticeKind::era_change,
                  {},
                  "The server speaks another era of the protocol than before: " +
                      std::string{name_of(*state_.era)},
                  0,
                  true);
        if (!state_.era)
            for (const auto& cell : minute_.cells)
                if (cell.era) state_.era = cell.era;
        close_when_told(NoticeKind::era_change, changed);
    }

    /// What happened once is a notice for a day.
    void close_when_told(NoticeKind kind, bool again) {
        const auto* known = open(kind);
        if (known != nullptr && !again && minute_.decided_at - known->since >= kTold) close(kind);
    }

    NoticeState& state_;
    const NoticeMinute& minute_;
    std::vector<NoticeChange> changes_;
};

}  // namespace

std::vector<NoticeChange> step_notices(NoticeState& state, const NoticeMinute& minute) {
    return Step{state, minute}.run();
}

}  // namespace quorate
