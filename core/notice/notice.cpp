#include "core/notice/notice.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <functional>
#include <set>
#include <utility>

namespace quorate {
namespace {

namespace chrono = std::chrono;

constexpr std::uint16_t kVotesRemembered = 0x3FF;  // ten
constexpr int kFailsOfIntermittent = 3;
constexpr std::uint8_t kRunToTell = 5;  // of UNKNOWN, of 429, of minutes that nobody could decide
constexpr chrono::minutes kDisagreement{30};
constexpr chrono::hours kTold{24};  // how long a change stays a notice
constexpr chrono::hours kAgain{1};  // after which a further change of a tool list is told

struct CertificateLevel {
    int days_left;
    std::int32_t level;
};
constexpr std::array kCertificateLevels{
    CertificateLevel{1, 3}, CertificateLevel{7, 2}, CertificateLevel{21, 1}};
/// How bad a drift is. What is not known to be harmless may be anything but breaking for sure.
enum ToolLevel : std::int32_t {
    kTexts = 1,
    kAdditive = 2,
    kTightening = 3,
    kContract = 4,
    kBreaking = 5
};

ToolLevel level_of(ChangeKind kind) {
    switch (kind) {
        case ChangeKind::breaking:
            return kBreaking;
        case ChangeKind::tightening:
            return kTightening;
        case ChangeKind::additive:
            return kAdditive;
        case ChangeKind::text:
            return kTexts;
    }
    return kContract;
}

/// What became of the list that all regions agreed on.
struct ToolDrift {
    ToolLevel level = kTexts;
    std::string detail;
};

void count_up(std::uint8_t& run) {
    if (run < UINT8_MAX) ++run;
}

void remember(RegionMemory& region, const Cell& cell) {
    switch (cell.verdict) {
        case Verdict::maint:
            return;
        case Verdict::unknown:
            // A region that is not believed is told by a notice of its own.
            if (cell.reason != Reason::region_fault) count_up(region.unknown_run);
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
    if (!cell.semantic_hash.empty()) region.semantic = front_of_hash(cell.semantic_hash);
    if (!cell.full_hash.empty()) region.full = front_of_hash(cell.full_hash);
    const bool has_details = !cell.semantic_hash.empty();
    if (cell.certificate_not_after)
        region.certificate =
            std::min(*cell.certificate_not_after,
                     cell.certificate_earliest_not_after.value_or(*cell.certificate_not_after));
    else if (has_details)
        region.certificate.reset();  // the URL is another, without TLS
}

/// What is remembered of a region that is silent for long says nothing of now.
bool is_current(const RegionMemory& region) {
    return region.unknown_run < kRunToTell;
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
        if (minute_.maintenance) {
            note_era();
            return {};
        }
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
        tell_what_nobody_knows();
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
              std::string detail,
              bool notify) {
        changes_.push_back(
            {change, kind, minute_.decided_at, std::move(regions), std::move(detail), notify});
    }

    /// Whether people are told of this minute.
    bool tells() const { return minute_.in_time && !minute_.silenced; }

    /// Whether a change gets a row for notifiers: one that is marked in a silence, else where
    /// people know of what changes.
    bool notifies(const OpenNotice& known) const {
        return minute_.in_time && (minute_.silenced || known.told != Told::nothing);
    }

    /// Notes what people know after a change of which `notifies` says whether they hear of it.
    void note_told(OpenNotice& known) const {
        if (known.told != Told::nothing) known.told = tells() ? Told::all : Told::of_before;
    }

    /// Nobody hears of the end of what nobody heard of.
    void close(NoticeKind kind) {
        const auto* known = open(kind);
        if (known == nullptr) return;
        const bool notify = notifies(*known);
        if (!tells() && known->told != Told::nothing)
            state_.untold_closes.push_back({kind, minute_.decided_at});
        std::erase_if(state_.open, [kind](const OpenNotice& each) { return each.kind == kind; });
        tell(NoticeChange::Kind::closed, kind, {}, "", notify);
    }

    /// Opens the notice. Where it is open: tells it anew where the level is higher, and keeps what
    /// the sentence and the regions are now. A level is never lowered.
    void raise(NoticeKind kind,
               std::vector<RegionId> regions,
               std::string detail,
               std::int32_t level = 0) {
        auto* known = open(kind);
        if (known == nullptr) {
            state_.open.push_back(
                {kind, now(), level, regions, tells() ? Told::all : Told::nothing});
            tell(NoticeChange::Kind::opened,
                 kind,
                 std::move(regions),
                 std::move(detail),
                 minute_.in_time);
            return;
        }
        const bool worse = level > known->level;
        if (!worse && regions == known->regions) return;
        known->regions = regions;
        if (worse) {
            known->level = level;
            known->since = now();
        }
        tell(NoticeChange::Kind::changed,
             kind,
             std::move(regions),
             std::move(detail),
             worse && notifies(*known));
        if (worse) note_told(*known);
    }

    /// Tells a further change of the same kind, where the last one is some time ago.
    void raise_again(NoticeKind kind, std::string detail) {
        auto* known = open(kind);
        if (known == nullptr || now() - known->since < kAgain) return;
        known->since = now();
        tell(
            NoticeChange::Kind::changed, kind, known->regions, std::move(detail), notifies(*known));
        note_told(*known);
    }

    void tell_what_nobody_knows() {
        if (!tells()) return;
        for (const auto& closed : std::exchange(state_.untold_closes, {}))
            changes_.push_back(
                {NoticeChange::Kind::told_closed, closed.kind, closed.closed_at, {}, "", true});
        for (auto& notice : state_.open) {
            const auto told = std::exchange(notice.told, Told::all);
            if (told == Told::nothing)
                tell(NoticeChange::Kind::told, notice.kind, notice.regions, "", true);
            if (told == Told::of_before)
                tell(NoticeChange::Kind::told_worse, notice.kind, notice.regions, "", true);
        }
    }

    /// Not when it was decided: an hour that is caught up in a second is an hour.
    UtcTime now() const { return minute_.minute.start(); }

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
        auto regions =
            where([run](const RegionMemory& each) { return each.*run > 0 && is_current(each); });
        if (regions.empty()) {
            close(kind);
            return;
        }
        const bool twice = std::ranges::any_of(
            state_.regions, [run](const auto& each) { return each.*run > 1 && is_current(each); });
        if (open(kind) != nullptr || twice ||
            regions.size() >= std::min<std::size_t>(2, state_.regions.size()))
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
            if (is_current(region) && region.certificate &&
                (!first || *region.certificate < *first))
                first = region.certificate;
        const auto level = std::ranges::find_if(kCertificateLevels, [&](const auto& each) {
            return first && *first - now() <= chrono::hours{24 * each.days_left};
        });
        if (level == kCertificateLevels.end()) {
            close(NoticeKind::certificate_expiry);
            return;
        }
        auto regions =
            where([first](const RegionMemory& each) { return each.certificate == first; });
        raise(NoticeKind::certificate_expiry,
              std::move(regions),
              "The first certificate of the chain to expire does so at " + to_rfc3339(*first),
              level->level);
    }

    /// A list that all regions agree on and that is another than before is a drift; regions that
    /// differ for long are a disagreement. Names and schemas are one thing, texts another: these
    /// may differ between regions for ever.
    void settle_tools() {
        std::set<std::uint64_t> contracts;
        std::set<std::uint64_t> texts;
        for (const auto& region : state_.regions) {
            if (region.semantic == 0 || !is_current(region)) continue;
            contracts.insert(region.semantic);
            texts.insert(region.full);
        }
        settle_disagreement(contracts.size() > 1);
        const bool contract =
            contracts.size() == 1 && state_.semantic != 0 && state_.semantic != *contracts.begin();
        const bool text = !contract && texts.size() == 1 && contracts.size() == 1 &&
                          state_.full != 0 && state_.full != *texts.begin();
        if (contract || text) {
            const auto now = texts.size() == 1 ? *texts.begin() : 0;
            auto drift = drift_to(now, contract);
            if (contract) raise_again(NoticeKind::tool_drift, drift.detail);
            raise(NoticeKind::tool_drift, {}, std::move(drift.detail), drift.level);
        }
        if (contracts.size() == 1) state_.semantic = *contracts.begin();
        if (texts.size() == 1) state_.full = *texts.begin();
        if (!contract && !text) close_when_told(NoticeKind::tool_drift);
    }

    /// From the list that all agreed on last to this one (0: their texts differ). Where one of them
    /// is not at hand the hashes say what they can.
    ToolDrift drift_to(std::uint64_t now, bool contract) const {
        if (minute_.lists != nullptr)
            if (const auto change = minute_.lists->change(state_.full, now))
                return {level_of(change->kind),
                        "The tool list changed, " + std::string{name_of(change->kind)} + ": " +
                            change->summary};
        if (contract) return {kContract, "The tool list changed in names or schemas"};
        return {kTexts, "The tool list changed in its texts alone"};
    }

    void settle_disagreement(bool differ) {
        if (!differ) {
            state_.disagree_since.reset();
            close(NoticeKind::region_disagreement);
            return;
        }
        if (!state_.disagree_since) state_.disagree_since = now();
        if (now() - *state_.disagree_since > kDisagreement)
            raise(NoticeKind::region_disagreement, {}, "Regions are given different tool lists");
    }

    void settle_era() {
        bool changed = false;
        for (const auto& cell : minute_.cells) {
            if (!cell.era || !cell.warnings.has(Warning::era_changed)) continue;
            changed = changed || (state_.era && *state_.era != *cell.era);
            state_.era = cell.era;
        }
        if (changed) {
            const auto detail = "The server speaks another era of the protocol than before: " +
                                std::string{name_of(*state_.era)};
            raise_again(NoticeKind::era_change, detail);
            raise(NoticeKind::era_change, {}, detail);
        }
        if (!state_.era)
            for (const auto& cell : minute_.cells)
                if (cell.era) state_.era = cell.era;
        if (!changed) close_when_told(NoticeKind::era_change);
    }

    /// A change of era in maintenance is no notice, and the next one is compared with it.
    void note_era() {
        for (const auto& cell : minute_.cells)
            if (cell.era && (!state_.era || cell.warnings.has(Warning::era_changed)))
                state_.era = cell.era;
    }

    /// What happened once is a notice for a day.
    void close_when_told(NoticeKind kind) {
        const auto* known = open(kind);
        if (known != nullptr && now() - known->since >= kTold) close(kind);
    }

    NoticeState& state_;
    const NoticeMinute& minute_;
    std::vector<NoticeChange> changes_;
};

}  // namespace

const RegionMemory* NoticeState::region(RegionId id) const {
    const auto found = std::ranges::find(regions, id, &RegionMemory::region);
    return found == regions.end() ? nullptr : &*found;
}

std::vector<NoticeChange> step_notices(NoticeState& state, const NoticeMinute& minute) {
    return Step{state, minute}.run();
}

std::vector<NoticeChange> close_notices(NoticeState& state, UtcTime at) {
    std::vector<NoticeChange> changes;
    for (const auto& closed : std::exchange(state.untold_closes, {}))
        changes.push_back(
            {NoticeChange::Kind::told_closed, closed.kind, closed.closed_at, {}, "", true});
    for (const auto& notice : std::exchange(state.open, {}))
        changes.push_back(
            {NoticeChange::Kind::closed, notice.kind, at, {}, "", notice.told != Told::nothing});
    return changes;
}

}  // namespace quorate
