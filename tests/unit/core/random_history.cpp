#include "tests/unit/core/random_history.hpp"

#include <algorithm>
#include <array>

namespace quorate::testing {
namespace {

constexpr int kRegionIds = 9;
constexpr std::int64_t kBeginMs = 1'767'225'600'000;  // 2026-01-01, a multiple of every interval

enum class Style { mixed, flapping, witness };

/// Draws one history.
class Generator {
public:
    explicit Generator(std::mt19937_64& random) : random_{random} {}
    RandomHistory history();

private:
    int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
    bool one_in(int count) { return below(count) == 0; }
    template <std::size_t n>
    auto one_of(const std::array<int, n>& values) {
        return values[static_cast<std::size_t>(below(static_cast<int>(n)))];
    }
    Verdict hit_verdict();
    Verdict other_verdict();
    void begin_burst();
    void begin_mixed_burst();
    void begin_flap();
    void begin_witness();
    void churn();
    SealedCell cell(RegionId region, UtcMinute minute);
    SlowLook look(const SlowMinute& sealed);

    std::mt19937_64& random_;
    std::vector<RegionId> regions_;
    Style style_ = Style::mixed;
    bool calm_ = true;
    int noise_percent_ = 0;
    int burst_left_ = 0;
    unsigned hit_ = 0;  ///< the regions that a burst hits, as bits
    Verdict hit_verdict_ = Verdict::up;
    Verdict other_verdict_ = Verdict::up;
};

Verdict Generator::hit_verdict() {
    constexpr std::array verdicts{Verdict::fail,
                                  Verdict::fail,
                                  Verdict::fail,
                                  Verdict::slow,
                                  Verdict::slow,
                                  Verdict::unknown,
                                  Verdict::maint,
                                  Verdict::auth,
                                  Verdict::degraded,
                                  Verdict::up};
    return verdicts[static_cast<std::size_t>(below(static_cast<int>(verdicts.size())))];
}

Verdict Generator::other_verdict() {
    constexpr std::array verdicts{Verdict::up,
                                  Verdict::up,
                                  Verdict::up,
                                  Verdict::up,
                                  Verdict::up,
                                  Verdict::up,
                                  Verdict::unknown,
                                  Verdict::unknown,
                                  Verdict::fail,
                                  Verdict::slow,
                                  Verdict::maint};
    return verdicts[static_cast<std::size_t>(below(static_cast<int>(verdicts.size())))];
}

void Generator::begin_burst() {
    calm_ = !calm_;
    if (style_ == Style::mixed) begin_mixed_burst();
    if (style_ == Style::flapping) begin_flap();
    if (style_ == Style::witness) begin_witness();
}

void Generator::begin_mixed_burst() {
    burst_left_ = 1 + below(one_of(std::array{1, 2, 3, 6, 15}));
    hit_verdict_ = hit_verdict();
    other_verdict_ = other_verdict();
    const auto some = static_cast<unsigned>(random_());
    const auto spared = 1U << below(kRegionIds + 1);
    hit_ = std::array{0U,
                      some,
                      some & static_cast<unsigned>(random_()),
                      ~0U,
                      ~spared,
                      spared}[static_cast<std::size_t>(below(6))];
}

/// Short failures and short calms, so that an incident opens again and again.
void Generator::begin_flap() {
    burst_left_ = calm_ ? 2 + below(one_in(4) ? 12 : 3) : 1 + below(4);
    hit_ = calm_ ? 0U : one_in(2) ? ~0U : static_cast<unsigned>(random_());
    hit_verdict_ = one_in(4) ? Verdict::slow : Verdict::fail;
    other_verdict_ = Verdict::up;
}

/// A failure, or slowness, and then long minutes in which few regions still look.
void Generator::begin_witness() {
    burst_left_ = calm_ ? 5 + below(15) : 1 + below(5);
    const auto witness = static_cast<unsigned>(regions_.front().value());
    hit_ = calm_ ? 1U << witness : ~0U;
    hit_verdict_ = calm_ ? Verdict::up : one_in(3) ? Verdict::slow : Verdict::fail;
    other_verdict_ = one_in(4) ? Verdict::maint : Verdict::unknown;
}

void Generator::churn() {
    const RegionId region{1 + static_cast<unsigned>(below(kRegionIds))};
    const auto found = std::find(regions_.begin(), regions_.end(), region);
    if (found != regions_.end() && regions_.size() > 1)
        regions_.erase(found);
    else if (found == regions_.end() && regions_.size() < 7)
        regions_.push_back(region);
}

SealedCell Generator::cell(RegionId region, UtcMinute minute) {
    SealedCell cell;
    cell.region = region;
    cell.verdict = other_verdict_;
    if ((hit_ >> region.value() & 1U) != 0) cell.verdict = hit_verdict_;
    if (below(100) < noise_percent_) cell.verdict = static_cast<Verdict>(below(7));
    cell.slow = cell.verdict == Verdict::slow;
    if (cell.verdict == Verdict::degraded || cell.verdict == Verdict::auth) cell.slow = one_in(3);
    if (cell.verdict == Verdict::unknown)
        cell.reason = one_in(2) ? Reason::agent_dead : Reason::not_reported;
    if (!one_in(30)) cell.started = minute.start() + milliseconds{below(4000)};
    return cell;
}

/// Before the seal, when most cells have come.
SlowLook Generator::look(const SlowMinute& sealed) {
    SlowLook look{sealed.minute.start() + milliseconds{below(5000)}, {}};
    for (const auto& cell : sealed.cells)
        if (!one_in(4)) look.delivered.insert(cell.region);
    return look;
}

RandomHistory Generator::history() {
    RandomHistory history;
    auto& params = history.params;
    params.window = *Window::of(std::chrono::seconds{one_in(2) ? 60 : 5});
    params.p1_quorum = static_cast<P1Quorum>(below(3));
    const auto windows = one_of(std::array{0, 1, 1, 1, 2, 3, 5});  // 0 says the window, too
    params.interval = windows * params.window.length();
    const std::int64_t step = std::max(windows, 1);

    std::vector<RegionId> ids;
    for (unsigned id = 1; id <= kRegionIds; ++id)
        ids.emplace_back(id);
    std::shuffle(ids.begin(), ids.end(), random_);
    regions_.assign(ids.begin(), ids.begin() + 1 + below(7));
    noise_percent_ = one_of(std::array{0, 3, 10, 40});
    style_ = static_cast<Style>(one_of(std::array{0, 0, 0, 0, 1, 2}));
    const bool churns = one_in(8);
    const bool has_gaps = one_in(4);

    auto minute = UtcMinute::from_epoch_ms(kBeginMs);
    for (auto left = 1 + below(60); left > 0; --left) {
        if (burst_left_-- <= 0) begin_burst();
        if (churns && one_in(20)) churn();
        SlowMinute sealed{.minute = minute, .decided_at = minute.end(params.window), .cells = {}};
        sealed.decided_at += milliseconds{below(5000)};
        for (const auto region : regions_)
            sealed.cells.push_back(cell(region, minute));
        std::shuffle(sealed.cells.begin(), sealed.cells.end(), random_);
        if (one_in(2)) sealed.look = look(sealed);
        history.minutes.push_back(std::move(sealed));
        const auto skipped = has_gaps && one_in(20) ? 1 + below(15) : 0;
        minute = minute.plus(step * (1 + skipped), params.window);
    }
    return history;
}

char letter_of(const SealedCell& cell) {
    switch (cell.verdict) {
        case Verdict::unknown:
            return 'u';
        case Verdict::up:
            return cell.slow ? 'S' : '.';
        case Verdict::slow:
            return 's';
        case Verdict::degraded:
            return cell.slow ? 'D' : 'd';
        case Verdict::auth:
            return cell.slow ? 'A' : 'a';
        case Verdict::fail:
            return 'F';
        case Verdict::maint:
            return 'm';
    }
    return '?';
}

}  // namespace

RandomHistory random_history(std::mt19937_64& random) {
    return Generator{random}.history();
}

std::string letters(const RandomHistory& history) {
    const auto window = history.params.window;
    Regions all;
    for (const auto& minute : history.minutes)
        for (const auto& cell : minute.cells)
            all.insert(cell.region);
    std::string text = "window " + std::to_string(window.length().count()) + " ms, interval " +
                       std::to_string(history.params.interval.count()) + " ms, p1_quorum " +
                       std::string{name_of(history.params.p1_quorum)} + "\n";
    for (const auto& minute : history.minutes) {
        text += "window " + std::to_string(minute.minute.index(window) -
                                           history.minutes.front().minute.index(window));
        text += ": ";
        for (const auto region : all) {
            char letter = '-';
            for (const auto& cell : minute.cells)
                if (cell.region == region) letter = letter_of(cell);
            text += letter;
            text += ' ';
        }
        text.back() = '\n';
    }
    return text;
}

}  // namespace quorate::testing
