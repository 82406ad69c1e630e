#include "region-agent/outbox/manifest_shelf.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "platform/redis/reply.hpp"

namespace quorate::agent {
namespace {

constexpr std::chrono::minutes kMinute{1};
constexpr std::chrono::hours kHour{1};

}  // namespace

ManifestShelf::ManifestShelf(RedisClient& redis,
                             const AgentMetrics& metrics,
                             std::string region,
                             ManifestLimits limits)
    : redis_{&redis},
      metrics_{&metrics},
      region_{std::move(region)},
      limits_{limits},
      known_{limits.lists_max},
      endpoints_{limits.endpoints_max} {}

bool ManifestShelf::has_room(SteadyTime now) {
    if (now - minute_ >= kMinute) {
        minute_ = now;
        taken_ = 0;
    }
    return taken_ < limits_.bytes_a_minute && bytes_ < limits_.bytes_a_minute;
}

bool ManifestShelf::has_turn(EndpointId endpoint, SteadyTime now) {
    const auto* taken = endpoints_.find(endpoint);
    return taken == nullptr || taken->lists < limits_.lists_an_hour || now - taken->since >= kHour;
}

void ManifestShelf::owe(EndpointId endpoint, bool owed) {
    const auto* known = endpoints_.find(endpoint);
    if (known == nullptr && !owed) return;
    auto taken = known == nullptr ? Taken{} : *known;
    taken.owed = owed;
    endpoints_.put(endpoint, taken);
}

bool ManifestShelf::wants(EndpointId endpoint, std::string_view full_hash, SteadyTime now) {
    const std::string hash{full_hash};
    if (const auto* taken_at = known_.find(hash)) {
        if (now - *taken_at < limits_.remembered_for) return false;
        known_.erase(hash);
    }
    if (!has_room(now) || !has_turn(endpoint, now)) {
        defer(endpoint);
        return false;
    }
    const auto* known = endpoints_.find(endpoint);
    auto taken = known == nullptr || now - known->since >= kHour ? Taken{now} : *known;
    ++taken.lists;
    taken.owed = true;  // until it is put: the look may come to nothing
    endpoints_.put(endpoint, taken);
    return true;
}

bool ManifestShelf::owes(EndpointId endpoint, SteadyTime now) {
    const auto* known = endpoints_.find(endpoint);
    return known != nullptr && known->owed && has_room(now) && has_turn(endpoint, now);
}

void ManifestShelf::defer(EndpointId endpoint) {
    metrics_->manifests.with({"deferred"}).add();
    owe(endpoint, true);
}

void ManifestShelf::put(EndpointId endpoint, const std::string& full_hash, std::string text) {
    owe(endpoint, false);
    if (known_.find(full_hash) != nullptr) return;
    if (text.size() > kManifestBytesMax) {
        known_.put(full_hash, minute_);
        metrics_->manifests.with({"too_large"}).add();
        return;
    }
    // Others may have been taken since it was asked for.
    const auto most = std::max(bytes_, taken_) + text.size();
    if (most > limits_.bytes_a_minute) {
        defer(endpoint);
        return;
    }
    known_.put(full_hash, minute_);
    bytes_ += text.size();
    taken_ += text.size();
    waiting_.push_back({endpoint, {full_hash, std::move(text)}});
}

void ManifestShelf::withhold(EndpointId endpoint, const std::string& full_hash) {
    owe(endpoint, false);
    known_.put(full_hash, minute_);
    metrics_->manifests.with({"withheld"}).add();
}

Task<> ManifestShelf::write() {
    if (waiting_.empty()) co_return;
    auto writing = std::exchange(waiting_, {});
    std::vector<ManifestContent> lists;
    for (const auto& each : writing)
        lists.push_back(each.list);
    bool refused = false;
    try {
        co_await put_manifests(*redis_, region_, std::move(lists));
    } catch (const RedisUnavailable&) {  // readiness tells
        waiting_.insert(waiting_.begin(), writing.begin(), writing.end());
        co_return;
    } catch (const RedisError&) {  // it has no room, or does not let us: cells are more to it
        refused = true;
    }
    metrics_->manifests.with({refused ? "refused" : "written"})
        .add(static_cast<double>(writing.size()));
    for (const auto& [endpoint, list] : writing) {
        bytes_ -= list.text.size();
        if (!refused) continue;
        known_.erase(list.full_hash);
        owe(endpoint, true);
    }
}

}  // namespace quorate::agent
