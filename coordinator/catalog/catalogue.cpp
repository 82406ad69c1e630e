#include "coordinator/catalog/catalogue.hpp"

#include <map>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace quorate::coordinator {

Catalogue::Catalogue(asio::any_io_executor executor,
                     CatalogueSource& source,
                     Window window,
                     const Clock& clock,
                     Logger& log,
                     PolitenessLimits limits)
    : source_{source},
      clock_{clock},
      log_{log},
      window_{window},
      planner_{window, limits},
      timer_{std::move(executor)} {}

Task<> Catalogue::follow() {
    bool failed = false;
    for (;;) {
        woken_ = false;
        try {
            co_await load();
            failed = false;
        } catch (const PostgresUnavailable&) {  // readiness tells
        } catch (const Overloaded&) {           // tried again
        } catch (const PostgresError& error) {
            if (!std::exchange(failed, true))
                log_event(
                    log_, LogLevel::error, "catalogue.load_failed", kv("detail", error.what()));
        }
        if (woken_) continue;
        timer_.expires_after(kPoll);
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

void Catalogue::wake() {
    woken_ = true;
    timer_.cancel();
}

Learned Catalogue::learned(EndpointId endpoint, RegionId region) const {
    Learned learned;
    if (const auto era = eras_.find(endpoint); era != eras_.end()) learned.era = era->second;
    if (const auto known = baselines_.find(endpoint); known != baselines_.end())
        for (const auto& [id, baseline] : known->second)
            if (id == region) learned.baseline = baseline;
    return learned;
}

bool Catalogue::current() const {
    return asked_at_ && clock_.steady_now() - *asked_at_ <= kCurrentFor;
}

void Catalogue::no_change_before(UtcTime time) {
    unchanged_until_ = std::max(unchanged_until_, std::optional{time});
}

void Catalogue::clock_was_set(microseconds by) {
    if (complete_until_) *complete_until_ += by;
    if (unchanged_until_) *unchanged_until_ += by;
}

Task<> Catalogue::load() {
    const auto asked_at = clock_.utc_now();
    const auto asked = clock_.steady_now();
    const bool with_eras = !eras_at_ || asked - *eras_at_ >= kErasEvery;
    const bool with_baselines = !baselines_at_ || asked - *baselines_at_ >= kBaselinesEvery;
    // Jobs of windows that ended are not planned any more.
    const auto horizon = asked_at - Planner::kept_after_end(window_);
    CatalogueQuestion question{
        generation_, horizon, with_eras, with_baselines, baselines_until_us_};
    auto loaded = co_await source_.load(std::move(question));
    if (loaded.eras) eras_at_ = clock_.steady_now();
    if (loaded.baselines) baselines_at_ = clock_.steady_now();
    take(std::move(loaded));
    complete_until_ = asked_at;
    asked_at_ = asked;
}

void Catalogue::take(CatalogueAnswer loaded) {
    std::map<EndpointId, std::vector<EndpointVersion>> versions;
    for (const auto endpoint : loaded.update.endpoints)
        versions[endpoint];
    for (auto& version : loaded.update.versions)
        versions[version.endpoint].push_back(std::move(version));
    for (const auto& [endpoint, of_endpoint] : versions)
        planner_.set(endpoint, of_endpoint);
    regions_ = std::move(loaded.regions);
    planner_.set_tiers(std::move(loaded.tiers));
    if (loaded.eras) {
        eras_.clear();
        for (const auto& [endpoint, era] : *loaded.eras)
            eras_.emplace(endpoint, era);
    }
    if (loaded.baselines) take(*std::move(loaded.baselines));
    if (generation_ != loaded.update.generation)
        log_event(log_,
                  LogLevel::info,
                  "catalogue.loaded",
                  kv("generation", loaded.update.generation),
                  kv("endpoints_changed", versions.size()));
    generation_ = loaded.update.generation;
}

void Catalogue::take(BaselineChanges changes) {
    baselines_until_us_ = changes.until_us;
    for (auto& [endpoint, region, baseline] : changes.baselines) {
        auto& known = baselines_[endpoint];
        std::erase_if(known, [id = region](const auto& each) { return each.first == id; });
        if (baseline) known.emplace_back(region, *baseline);
        if (known.empty()) baselines_.erase(endpoint);
    }
}

}  // namespace quorate::coordinator
