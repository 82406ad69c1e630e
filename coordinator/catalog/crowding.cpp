#include "coordinator/catalog/crowding.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "coordinator/planner/politeness.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::size_t kOriginsMax = 5;
constexpr double kRounding = 1e-9;

struct Crowd {
    std::string origin;
    double rate = 0;  ///< probes per second, over all regions
    std::size_t endpoints = 0;
};

}  // namespace

std::vector<std::string> crowded_origins(const std::vector<LivingEndpoint>& living,
                                         const CatalogueDiff& diff,
                                         Window window,
                                         double origin_rate) {
    if (origin_rate <= 0) return {};
    std::map<std::string, Crowd> crowds;
    const auto add = [&](const auto& endpoint) {
        if (endpoint.spec.paused) return;
        auto origin = origin_of(endpoint.spec.url);
        auto& crowd = crowds[origin];
        crowd.origin = std::move(origin);
        const std::chrono::duration<double> every = std::max(endpoint.interval, window.length());
        crowd.rate += static_cast<double>(endpoint.regions.size()) / every.count();
        ++crowd.endpoints;
    };
    std::set<EndpointId> gone;
    for (const auto& endpoint : diff.deleted)
        gone.insert(endpoint.id);
    for (const auto& change : diff.changed) {
        gone.insert(change.before.id);
        add(change.after);
    }
    for (const auto& endpoint : diff.created)
        add(endpoint);
    for (const auto& endpoint : living)
        if (!gone.contains(endpoint.id)) add(endpoint);

    std::vector<Crowd> above;
    for (auto& [origin, crowd] : crowds)
        if (crowd.rate > origin_rate * (1 + kRounding)) above.push_back(std::move(crowd));
    std::ranges::stable_sort(above, std::ranges::greater{}, &Crowd::rate);
    std::vector<std::string> sentences;
    for (const auto& crowd : above) {
        if (sentences.size() == kOriginsMax) {
            sentences.push_back(
                fmt::format("{} more origins have too many endpoints", above.size() - kOriginsMax));
            break;
        }
        sentences.push_back(fmt::format(
            "the {} endpoints of {} ask for {:.1f} probes a second over all regions, and it gets "
            "{:g} (politeness.origin_rate): {:.0f} % of their looks are made, the others are "
            "UNKNOWN(backpressure)",
            crowd.endpoints,
            crowd.origin,
            crowd.rate,
            origin_rate,
            std::max(1.0, 100 * origin_rate / crowd.rate)));
    }
    return sentences;
}

}  // namespace quorate::coordinator
