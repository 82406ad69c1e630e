#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/decision/region_state.hpp"
#include "core/decision/rule_params.hpp"
#include "core/decision/sealed_cell.hpp"
#include "core/incident/transition.hpp"
#include "core/model/decision.hpp"

namespace quorate::testing {

using Regions = std::set<RegionId>;

/// A look at a minute before its seal.
struct SlowLook {
    UtcTime at;
    Regions delivered;  ///< whose cells had come by then, as they are at the seal
};

/// One sealed verdict-minute: a cell per configured region.
struct SlowMinute {
    UtcMinute minute;
    UtcTime decided_at;
    std::vector<SealedCell> cells;
    std::optional<SlowLook> look{};
};

/// One entry of the incident's timeline.
struct SlowTransition {
    TransitionKind kind = TransitionKind::opened;
    std::optional<Severity> from;
    std::optional<Severity> to;
    Severity worst = Severity::p3;
    Scope scope = Scope::none;
    CloseMark mark = CloseMark::none;
    std::uint32_t ordinal = 0;
    std::uint32_t openings = 0;
    Opening opening;
    microseconds mttr_sum{0};
    std::uint32_t flaps = 0;
    bool flapping = false;
    friend bool operator==(const SlowTransition&, const SlowTransition&) = default;
};

/// What the rule says of one minute.
struct SlowAnswer {
    std::map<RegionId, RegionPhase> phases;
    std::size_t regions = 0;  ///< N
    std::size_t quorum = 0;   ///< Q
    Regions voters;           ///< V
    Regions failing;          ///< F
    Regions healthy;          ///< H
    Regions silent;           ///< S
    Regions slow;             ///< of V: slow in at least 3 of the last 5 votes
    int row = 8;
    Decision decision = Decision::ok;
    Scope scope = Scope::none;
    bool single_witness = false;
    std::optional<SlowTransition> early;  ///< before the seal
    std::optional<SlowTransition> transition;
    friend bool operator==(const SlowAnswer&, const SlowAnswer&) = default;
};

/// One vote of a region, of the history that its state is made from.
struct Ballot {
    std::size_t at = 0;            ///< which minute of the history
    bool fail = false;             ///< FAIL; otherwise healthy
    bool slow = false;             ///< a healthy one that was slow
    UtcTime started;               ///< of the probe
    std::uint32_t fails_needed{};  ///< K in that minute
};

/// The incident of the endpoint, between two minutes.
struct SlowIncident {
    bool open = false;
    Severity severity = Severity::p3;
    Severity worst = Severity::p3;
    Scope scope = Scope::none;
    std::uint32_t ordinal = 0;
    std::uint32_t openings = 0;
    std::size_t opened_at = 0;             ///< minute of the history that began this opening
    bool opened_early = false;             ///< before the seal of that minute
    std::optional<std::size_t> closed_at;  ///< minute of the history that closed it
    std::vector<std::size_t> flaps;        ///< minutes of the history that reopened it
    Opening opening;
    microseconds mttr_sum{0};
};

/// The decision rule a second time, from docs alone and slow on purpose: keeps every minute and
/// looks through all of them again for whatever it wants to know of one. See README.md.
class SlowRule {
public:
    explicit SlowRule(const RuleParams& params) : params_{params} {}

    /// Takes the next sealed minute and gives what the rule says of it.
    const SlowAnswer& seal(SlowMinute minute);
    /// Takes a whole history and judges each of its minutes once, by those up to it: what seal()
    /// says of one after the other, in a fraction of the time.
    const std::vector<SlowAnswer>& seal_all(std::vector<SlowMinute> minutes);

    /// Section 10: whether the minute `at` of the history is down; nothing for a minute that is
    /// in neither numerator nor denominator.
    std::optional<bool> is_down(std::size_t at) const;

private:
    // Sections 4 and 5: regions and decision (slow_rule.cpp).
    void judge_all();
    void judge(std::size_t at);
    void take_votes(std::size_t at, SlowAnswer& answer) const;
    void decide(std::size_t at, SlowAnswer& answer) const;
    bool decide_failure(std::size_t at, SlowAnswer& answer) const;
    const SealedCell* cell_of(std::size_t at, RegionId region) const;
    std::size_t quorum_of(std::size_t at) const;
    std::vector<Ballot> all_votes(std::size_t at, RegionId region) const;
    const std::vector<Ballot>& ballots(std::size_t at, RegionId region) const;
    std::vector<Ballot> count_ballots(std::size_t at, RegionId region) const;
    RegionPhase phase_at_vote(std::size_t at, RegionId region) const;
    bool is_forgotten(std::size_t vote, std::size_t at) const;
    std::size_t failing_now(const SlowAnswer& answer) const;
    bool every_vote_fails(std::size_t at, const SlowAnswer& answer) const;
    bool is_older(std::size_t from, std::size_t to, milliseconds age) const;
    bool is_covered(std::size_t at, RegionId region) const;

    // Section 6: the incident (slow_incident.cpp).
    std::optional<SlowTransition> move_early(std::size_t at);
    Regions certain(std::size_t at) const;
    UtcTime first_fail(std::size_t at, const Regions& regions) const;
    std::optional<SlowTransition> move_incident(std::size_t at);
    SlowTransition open(std::size_t at, Severity severity, const Opening& opening);
    std::optional<SlowTransition> change(std::size_t at, Severity severity);
    std::optional<Severity> lower_severity(std::size_t at) const;
    std::optional<CloseMark> closes(std::size_t at) const;
    SlowTransition close(std::size_t at, CloseMark mark);
    SlowTransition told(std::size_t at, TransitionKind kind) const;
    bool is_clean(std::size_t at) const;
    bool is_witnessed(std::size_t at) const;
    std::vector<std::size_t> run_of(std::size_t at, bool witnessed) const;
    bool is_flapping(std::size_t at) const;
    bool is_still_slow(std::size_t at) const;
    UtcTime started(std::size_t at) const;
    UtcTime recovered(std::size_t at, std::size_t first_clean) const;
    std::optional<UtcTime> came_back(std::size_t at, RegionId region, bool fast) const;
    Regions contributed(std::size_t at, bool by_slowness) const;
    bool is_configured(RegionId region, std::size_t from, std::size_t to) const;

    RuleParams params_;
    std::vector<SlowMinute> history_;
    std::vector<SlowAnswer> answers_;
    /// What was counted already, as it is asked for again and again; the one thing done for speed.
    mutable std::map<std::pair<std::size_t, RegionId>, std::vector<Ballot>> ballots_;
    SlowIncident incident_;
};

}  // namespace quorate::testing
