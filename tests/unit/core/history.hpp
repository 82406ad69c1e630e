#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/incident/advance.hpp"
#include "core/incident/endpoint_rule.hpp"
#include "core/schedule/schedule.hpp"

namespace quorate::test {

/// Minute `number` of the histories below, counted from 0, one window each.
inline UtcMinute minute_at(int number, Window window = Window::minute()) {
    return UtcMinute::from_epoch_ms(1'800'000'000'000).plus(number, window);
}

/// When the probe of region `index` starts in these histories: 1 s after the region before it.
inline UtcTime probe_at(int number, std::size_t index = 0, Window window = Window::minute()) {
    return minute_at(number, window).start() + std::chrono::seconds{index};
}

/// F fail, u unknown, d unknown because of a dead agent, . healthy, s slow, a AUTH,
/// g DEGRADED, m MAINT.
inline SealedCell cell_of(char letter, RegionId region, UtcTime started) {
    const std::map<char, SealedCell> kinds{
        {'F', {region, Verdict::fail, false, started, Reason::connection_refused}},
        {'.', {region, Verdict::up, false, started, std::nullopt}},
        {'s', {region, Verdict::slow, true, started, Reason::slow}},
        {'a', {region, Verdict::auth, false, started, Reason::auth_required}},
        {'g', {region, Verdict::degraded, false, started, Reason::schema_drift}},
        {'m', {region, Verdict::maint, false, started, std::nullopt}},
        {'u', {region, Verdict::unknown, false, std::nullopt, Reason::not_reported}},
        {'d', {region, Verdict::unknown, false, std::nullopt, Reason::agent_dead}},
    };
    return kinds.at(letter);
}

/// One letter per region; blanks are skipped. Regions are numbered from 1.
inline std::vector<SealedCell> cells_of(std::string_view letters,
                                        int number,
                                        Window window = Window::minute()) {
    std::vector<SealedCell> cells;
    for (const char letter : letters)
        if (letter != ' ')
            cells.push_back(cell_of(
                letter, RegionId{cells.size() + 1}, probe_at(number, cells.size(), window)));
    return cells;
}

/// Drives one endpoint through minutes written as letters.
class History {
public:
    explicit History(RuleParams params = {}) : params_{params} {}

    /// Steps the next minute; sealed right at its watermark, or later by `lateness`.
    const StepResult& minute(std::string_view letters, milliseconds lateness = {}) {
        const auto cells = cells_of(letters, next_, params_.window);
        return sealed(cells, lateness);
    }
    const StepResult& sealed(std::span<const SealedCell> cells, milliseconds lateness = {}) {
        const auto now = at(next_);
        ++next_;
        const auto decided_at = watermark(now, params_.window) + lateness;
        result_ = step(state, {now, decided_at, cells, silenced}, params_);
        for (const auto& transition : result_.transitions)
            timeline.push_back(transition);
        return result_;
    }
    const StepResult& times(int count, std::string_view letters) {
        for (int i = 0; i < count; ++i)
            minute(letters);
        return result_;
    }
    void skip(int minutes) { next_ += minutes; }
    int next() const { return next_; }
    UtcMinute at(int number) const { return minute_at(number, params_.window); }
    const StepResult& last() const { return result_; }
    const RuleParams& params() const { return params_; }
    const RegionState& region(std::size_t index) const { return state.states.at(index); }

    EndpointState state;
    std::vector<Transition> timeline;
    bool silenced = false;  ///< the minutes from now on

private:
    RuleParams params_;
    int next_ = 0;
    StepResult result_;
};

/// `opened P2, escalated P1 partial, closed`: what a reader of the timeline sees.
inline std::string text_of(const std::vector<Transition>& timeline) {
    std::string text;
    for (const auto& entry : timeline) {
        if (!text.empty()) text += ", ";
        text += name_of(entry.kind);
        if (entry.to) text += " " + std::string{name_of(*entry.to)};
        if (entry.to && entry.scope != Scope::none) text += " " + std::string{name_of(entry.scope)};
    }
    return text;
}

}  // namespace quorate::test
