#include "coordinator/catalog/diff.hpp"

#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace quorate::coordinator {

CatalogueDiff diff_catalogue(const std::vector<LivingEndpoint>& living,
                             std::vector<WantedEndpoint> wanted,
                             bool prune) {
    std::map<std::string, const LivingEndpoint*> by_name;
    for (const auto& endpoint : living)
        by_name.emplace(full_name(endpoint.spec), &endpoint);
    CatalogueDiff diff;
    for (auto& endpoint : wanted) {
        auto name = full_name(endpoint.spec);
        const auto before = by_name.find(name);
        if (before == by_name.end()) {
            diff.created.push_back(std::move(endpoint));
            continue;
        }
        const auto& old = *before->second;
        by_name.erase(before);
        if (old.spec == endpoint.spec && old.regions == endpoint.regions &&
            old.interval == endpoint.interval)
            diff.unchanged.push_back(std::move(name));
        else
            diff.changed.push_back({old, std::move(endpoint)});
    }
    if (!prune) return diff;
    for (const auto& [name, endpoint] : by_name)
        diff.deleted.push_back(*endpoint);
    return diff;
}

std::vector<std::string> large_deletions(const std::vector<LivingEndpoint>& living,
                                         const CatalogueDiff& diff) {
    struct Count {
        std::size_t all = 0;
        std::size_t deleted = 0;
    };
    std::map<std::string, Count> tenants;
    for (const auto& endpoint : living)
        ++tenants[endpoint.spec.tenant].all;
    for (const auto& endpoint : diff.deleted)
        ++tenants[endpoint.spec.tenant].deleted;
    std::vector<std::string> sentences;
    for (const auto& [tenant, count] : tenants)
        if (count.deleted * 5 > count.all)
            sentences.push_back(fmt::format(
                "would delete {} of {} endpoints of tenant {}, more than 20 %; repeat with --yes",
                count.deleted,
                count.all,
                tenant));
    return sentences;
}

}  // namespace quorate::coordinator
