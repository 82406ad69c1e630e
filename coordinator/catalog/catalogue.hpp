#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "coordinator/catalog/catalogue_source.hpp"
#include "coordinator/planner/planner.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate::coordinator {

/// The catalogue in memory, kept up to date: woken by each change's notification, and once a second
/// whether woken or not. Everything on one executor.
class Catalogue {
public:
    static constexpr milliseconds kPoll{1000};
    static constexpr milliseconds kErasEvery{15'000};
    static constexpr milliseconds kBaselinesEvery{60'000};
    /// What was asked for longer ago than this is not current any more.
    static constexpr milliseconds kCurrentFor{2500};

    Catalogue(asio::any_io_executor executor,
              CatalogueSource& source,
              Window window,
              const Clock& clock,
              Logger& log,
              PolitenessLimits limits = {});

    /// Follows its source until cancelled; waits where that is away.
    Task<> follow();
    /// Looks for changes at once.
    void wake();

    Planner& planner() { return planner_; }
    const std::vector<Region>& regions() const { return regions_; }
    Learned learned(EndpointId endpoint, RegionId region) const;
    /// Generation of the last change that is in.
    std::int64_t generation() const { return generation_.value_or(0); }
    /// Every change that was committed before this time is in; nothing before the first load.
    std::optional<UtcTime> complete_until() const { return complete_until_; }
    /// Postgres answers: what was loaded is, but for the last moment, all that there is.
    bool current() const;

    /// Tells that nobody could change the catalogue before this time, so that it is still complete
    /// although Postgres can't be asked.
    void no_change_before(UtcTime time);
    /// Our clock was set: what was known until some time of it is known until the same moment.
    void clock_was_set(microseconds by);
    /// As `complete_until`, with what `no_change_before` told.
    std::optional<UtcTime> known_until() const {
        return complete_until_ ? std::max(complete_until_, unchanged_until_) : std::nullopt;
    }

private:
    Task<> load();
    void take(CatalogueAnswer loaded);
    void take(BaselineChanges changes);

    CatalogueSource& source_;
    const Clock& clock_;
    Logger& log_;
    Window window_;
    Planner planner_;
    std::vector<Region> regions_;
    std::unordered_map<EndpointId, Era> eras_;
    std::optional<SteadyTime> eras_at_;
    std::unordered_map<EndpointId, std::vector<std::pair<RegionId, Baseline>>> baselines_;
    std::optional<SteadyTime> baselines_at_;
    std::int64_t baselines_until_us_ = 0;  // as of Postgres: later changes are not in
    std::optional<std::int64_t> generation_;
    std::optional<UtcTime> complete_until_;
    std::optional<UtcTime> unchanged_until_;
    std::optional<SteadyTime> asked_at_;  // when the last load that succeeded began
    asio::steady_timer timer_;
    bool woken_ = false;
};

}  // namespace quorate::coordinator
