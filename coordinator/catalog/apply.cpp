#include "coordinator/catalog/apply.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "coordinator/audit/refused.hpp"
#include "coordinator/catalog/catalog_store.hpp"
#include "coordinator/catalog/crowding.hpp"
#include "coordinator/catalog/sql.hpp"

namespace quorate::coordinator {
namespace {

/// The transaction took so long that its change would come too early for planners.
struct TooSlow {};

constexpr int kAttemptsMax = 4;

/// What one attempt runs with.
struct Attempt {
    const Clock& clock;
    Deployment deployment;
    int number;  ///< from 0

    /// How long the transaction may take.
    milliseconds allowance(std::size_t endpoints) const {
        const auto expected = milliseconds{200} + endpoints * microseconds{500};
        return std::chrono::ceil<milliseconds>(expected) * (1 << (2 * number));
    }
    /// The first verdict-minute that begins `lead` from now or later.
    UtcMinute first_minute_after(milliseconds lead) const {
        const auto earliest = clock.utc_now() + lead;
        const auto minute = UtcMinute::containing(earliest, deployment.window);
        return minute.start() >= earliest ? minute : minute.plus(1, deployment.window);
    }

    /// Writes the diff so that it takes effect late enough. @return the minute it is in force from
    UtcMinute write(pqxx::work& work,
                    const CatalogueDiff& diff,
                    const std::string& principal) const {
        const auto count = diff.created.size() + diff.changed.size() + diff.deleted.size();
        const auto from = write_diff(work,
                                     diff,
                                     principal,
                                     first_minute_after(kChangeLead + allowance(count)),
                                     deployment.shards,
                                     deployment.window);
        require_lead(from);
        return from;
    }
    /// Throws TooSlow where it is too late for that minute; the commit itself is still to come.
    void require_lead(UtcMinute from) const {
        if (clock.utc_now() + kChangeLead + milliseconds{50} > from.start()) throw TooSlow{};
    }
};

/// The spec with the defaults of the deployment filled in. Drained regions are left out.
WantedEndpoint wanted(EndpointSpec spec, const std::vector<Region>& regions, Window window) {
    WantedEndpoint endpoint;
    for (const auto& region : regions)  // they are sorted by name
        if (region.active() &&
            (spec.regions.empty() ||
             std::binary_search(spec.regions.begin(), spec.regions.end(), region.name)))
            endpoint.regions.push_back(region.id);
    endpoint.interval = spec.interval.value_or(window.length());
    endpoint.spec = std::move(spec);
    return endpoint;
}

/// One sentence per endpoint that would be watched from nowhere.
std::vector<std::string> unwatched(const CatalogueDiff& diff) {
    std::vector<std::string> sentences;
    const auto look = [&](const WantedEndpoint& endpoint) {
        if (endpoint.regions.empty())
            sentences.push_back(full_name(endpoint.spec) +
                                " would be watched from no region: its regions are drained");
    };
    for (const auto& endpoint : diff.created)
        look(endpoint);
    for (const auto& change : diff.changed)
        look(change.after);
    std::ranges::sort(sentences);
    return sentences;
}

void list(const CatalogueDiff& diff, ApplyOutcome& outcome) {
    for (const auto& endpoint : diff.created)
        outcome.created.push_back(full_name(endpoint.spec));
    for (const auto& change : diff.changed)
        outcome.changed.push_back(full_name(change.after.spec));
    outcome.unchanged = diff.unchanged;
    for (const auto& endpoint : diff.deleted)
        outcome.deleted.push_back(full_name(endpoint.spec));
    for (auto* names : {&outcome.created, &outcome.changed, &outcome.unchanged, &outcome.deleted})
        std::sort(names->begin(), names->end());
}

std::vector<AuditChange> spec_changes(const CatalogueDiff& diff) {
    std::vector<AuditChange> changes;
    for (const auto& endpoint : diff.created)
        changes.push_back({full_name(endpoint.spec), "", wire::to_yaml_item(endpoint.spec)});
    for (const auto& change : diff.changed)
        changes.push_back({full_name(change.after.spec),
                           wire::to_yaml_item(change.before.spec),
                           wire::to_yaml_item(change.after.spec)});
    for (const auto& endpoint : diff.deleted)
        changes.push_back({full_name(endpoint.spec), wire::to_yaml_item(endpoint.spec), ""});
    std::ranges::sort(changes, {}, &AuditChange::target);
    return changes;
}

/// The regions of what changed: a spec that names none says nothing of them.
std::vector<AuditChange> region_changes(const CatalogueDiff& diff,
                                        const std::vector<Region>& regions) {
    const auto text = [&regions](const std::vector<RegionId>& ids) {
        std::string names;
        for (const auto& region : regions)
            if (std::ranges::find(ids, region.id) != ids.end())
                names += (names.empty() ? "" : ", ") + region.name;
        return "regions: [" + names + "]\n";
    };
    std::vector<AuditChange> changes;
    for (const auto& change : diff.changed)
        changes.push_back({full_name(change.after.spec),
                           text(change.before.regions),
                           text(change.after.regions)});
    std::ranges::sort(changes, {}, &AuditChange::target);
    return changes;
}

/// A row of the audit log about endpoints.
AuditEntry audit_entry(std::string method, std::vector<AuditChange> changes) {
    AuditEntry entry;
    entry.method = std::move(method);
    entry.changes = std::move(changes);
    std::set<std::string> tenants;
    for (const auto& change : entry.changes)
        tenants.insert(change.target.substr(0, change.target.find('/')));
    entry.tenants = {tenants.begin(), tenants.end()};
    entry.target = entry.changes.front().target;
    if (entry.changes.size() > 1)
        entry.target = std::to_string(entry.changes.size()) + " endpoints";
    return entry;
}

/// Throws AccessRefused where the order reaches further than whoever gives it.
void require_reach(const ApplyOrder& order, const wire::EndpointFiles& files) {
    if (!order.tenants) return;
    // Whose tenant can't be read has the default one, which nobody may have meant.
    const auto of_tenant = [](const ConfigError& error) { return error.key.ends_with(".tenant"); };
    if (std::ranges::any_of(files.errors, of_tenant)) return;
    for (const auto& spec : files.specs)
        if (!order.tenants->contains(spec.tenant))
            throw AccessRefused{AccessRefused::Why::denied,
                                order.actor.principal + " may not reach the tenant " + spec.tenant};
}

/// Throws AccessRefused where a tenant would be made by who may not.
void require_known_tenants(pqxx::work& work,
                           const ApplyOrder& order,
                           const std::set<std::string>& tenants) {
    using enum AccessRefused::Why;
    if (order.new_tenants) return;
    const auto missing = work.exec_params(
        "SELECT wanted FROM unnest($1::text[]) AS wanted"
        " WHERE NOT EXISTS (SELECT FROM quorate.tenant WHERE name = wanted) ORDER BY wanted",
        sql::array(std::vector<std::string>{tenants.begin(), tenants.end()}));
    if (!missing.empty())
        throw AccessRefused{denied,
                            std::string{"there is no tenant "} + missing[0][0].c_str() +
                                ": an admin's first apply makes it"};
}

ApplyOutcome apply_once(pqxx::work& work, const ApplyOrder& order, const Attempt& attempt) {
    if (!order.dry_run) lock_catalogue(work);
    const auto regions = load_regions(work);
    wire::EndpointRules rules{
        attempt.deployment.window, {}, load_secret_names(work, order.tenants)};
    for (const auto& region : regions)
        rules.regions.push_back(region.name);
    auto files = wire::parse_endpoint_files(order.files, rules);
    require_reach(order, files);  // before anything is told of what the files name
    ApplyOutcome outcome;
    outcome.errors = std::move(files.errors);
    outcome.warnings = std::move(files.warnings);
    if (!outcome.errors.empty()) return outcome;

    std::set<std::string> tenants;
    std::vector<WantedEndpoint> endpoints;
    for (auto& spec : files.specs) {
        tenants.insert(spec.tenant);
        endpoints.push_back(wanted(std::move(spec), regions, attempt.deployment.window));
    }
    if (tenants.empty()) return outcome;  // no tenant occurs, so nothing can be pruned either
    require_known_tenants(work, order, tenants);
    const auto living = load_living(work, {tenants.begin(), tenants.end()});
    const auto diff = diff_catalogue(living, std::move(endpoints), order.prune);
    for (auto& sentence : unwatched(diff))
        outcome.errors.push_back({"", 0, "", std::move(sentence)});
    if (!order.yes && !order.dry_run)
        for (auto& sentence : large_deletions(living, diff))
            outcome.errors.push_back({"", 0, "", std::move(sentence)});
    if (!outcome.errors.empty()) return outcome;
    for (auto& sentence :
         crowded_origins(living, diff, attempt.deployment.window, order.origin_rate))
        outcome.warnings.push_back({"", 0, "", std::move(sentence)});
    list(diff, outcome);
    if (order.with_changes) outcome.changes = spec_changes(diff);
    if (diff.empty() || order.dry_run) return outcome;
    write_audit(work, order.actor, audit_entry("Apply", spec_changes(diff)));
    outcome.in_force_from = attempt.write(work, diff, order.actor.principal);
    return outcome;
}

/// Gives endpoints the regions that they are to be watched from by now. `in_force_from` is nothing
/// where all had them already.
RegionsChanged fit_to_regions(pqxx::work& work,
                              const Attempt& attempt,
                              const char* method,
                              const Actor& actor) {
    const auto regions = load_regions(work);
    const auto living = load_living(work, {});
    std::vector<WantedEndpoint> endpoints;
    for (const auto& endpoint : living)
        endpoints.push_back(wanted(endpoint.spec, regions, attempt.deployment.window));
    const auto diff = diff_catalogue(living, std::move(endpoints), false);
    if (const auto sentences = unwatched(diff); !sentences.empty())
        throw RegionRefused{sentences.front() +
                            (sentences.size() == 1
                                 ? ""
                                 : fmt::format(", as would {} others", sentences.size() - 1)) +
                            "; name other regions for them first"};
    if (diff.empty()) return {};
    write_audit(work, actor, audit_entry(method, region_changes(diff, regions)));
    return {diff.changed.size(), attempt.write(work, diff, actor.principal)};
}

RegionsChanged set_region_state_once(pqxx::work& work,
                                     const RegionChange& change,
                                     const Attempt& attempt) {
    lock_catalogue(work);
    const auto before = set_region_state(work, change.region, change.state);
    if (before == change.state) return {};
    if (change.state == RegionState::removed)
        require_unused(work, change.region, attempt.clock.utc_now());
    const auto text = [](RegionState state) {
        return "state: " + std::string{name_of(state)} + "\n";
    };
    write_audit(work,
                change.actor,
                {.method = change.method,
                 .target = change.region,
                 .changes = {{change.region, text(before), text(change.state)}}});
    auto changed = fit_to_regions(work, attempt, change.method, change.actor);
    changed.changed = true;
    if (!changed.in_force_from) {
        changed.in_force_from = attempt.first_minute_after(kChangeLead + attempt.allowance(1));
        attempt.require_lead(*changed.in_force_from);
    }
    date_region_state(work, change.region, *changed.in_force_from);
    return changed;
}

/// Runs `once(work, attempt)` in a transaction, again with more time where it was too slow.
template <class Once>
auto in_time(Database& database, const Clock& clock, Deployment deployment, Once once)
    -> Task<std::invoke_result_t<Once&, pqxx::work&, const Attempt&>> {
    for (int number = 0; number < kAttemptsMax; ++number) {
        auto transaction = [&once, &clock, deployment, number](pqxx::work& work) {
            return once(work, Attempt{clock, deployment, number});
        };
        try {
            co_return co_await database.transact(std::move(transaction));
        } catch (const TooSlow&) {  // rolled back
        }
    }
    throw PostgresUnavailable{"the catalogue's transaction takes too long"};
}

}  // namespace

Task<ApplyOutcome> apply(Database& database,
                         const Clock& clock,
                         Deployment deployment,
                         ApplyOrder order) {
    auto once = [&order](pqxx::work& work, const Attempt& attempt) {
        return apply_once(work, order, attempt);
    };
    co_return co_await in_time(database, clock, deployment, std::move(once));
}

Task<std::optional<UtcMinute>> set_paused(Database& database,
                                          const Clock& clock,
                                          Deployment deployment,
                                          EndpointName endpoint,
                                          bool paused,
                                          Actor actor) {
    auto once = [&](pqxx::work& work, const Attempt& attempt) -> std::optional<UtcMinute> {
        lock_catalogue(work);
        const std::vector living{load_living_one(work, endpoint)};
        WantedEndpoint wanted{living[0].spec, living[0].regions, living[0].interval};
        wanted.spec.paused = paused;
        const auto diff = diff_catalogue(living, {wanted}, false);
        if (diff.empty()) return std::nullopt;
        write_audit(work, actor, audit_entry("SetPaused", spec_changes(diff)));
        return attempt.write(work, diff, actor.principal);
    };
    co_return co_await in_time(database, clock, deployment, std::move(once));
}

Task<> change_in_time(Database& database,
                      const Clock& clock,
                      Deployment deployment,
                      TimedChange change) {
    auto once = [&change](pqxx::work& work, const Attempt& attempt) {
        const auto from = attempt.first_minute_after(kChangeLead + attempt.allowance(1));
        change(work, from);
        attempt.require_lead(from);
        return from;
    };
    co_await in_time(database, clock, deployment, std::move(once));
}

Task<std::size_t> extend_to_new_regions(Database& database,
                                        const Clock& clock,
                                        Deployment deployment,
                                        Actor actor) {
    auto once = [&actor](pqxx::work& work, const Attempt& attempt) {
        lock_catalogue(work);
        return fit_to_regions(work, attempt, "AddRegion", actor).endpoints;
    };
    co_return co_await in_time(database, clock, deployment, std::move(once));
}

Task<RegionsChanged> set_region_state(Database& database,
                                      const Clock& clock,
                                      Deployment deployment,
                                      RegionChange change) {
    auto once = [&change](pqxx::work& work, const Attempt& attempt) {
        return set_region_state_once(work, change, attempt);
    };
    co_return co_await in_time(database, clock, deployment, std::move(once));
}

}  // namespace quorate::coordinator
