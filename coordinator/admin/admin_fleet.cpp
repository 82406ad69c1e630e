// The part of the admin API that is about regions, their queues and agents, and the coordinators.
#include <algorithm>
#include <utility>

#include "coordinator/admin/admin_service.hpp"
#include "coordinator/admin/micros.hpp"
#include "coordinator/catalog/cordon_store.hpp"
#include "coordinator/catalog/tenant_store.hpp"
#include "coordinator/dispatch/dispatcher.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/job_queue.hpp"
#include "platform/redis/peers.hpp"

namespace quorate::coordinator {
namespace {

constexpr const char* kNotLoaded =
    "the coordinator has not loaded the catalogue yet: it is starting, or can't reach Postgres";

/// Milliseconds from one time to a later one; none where it is not later.
double since(UtcTime from, UtcTime until) {
    return std::max(0.0, std::chrono::duration<double, std::milli>(until - from).count());
}

/// Adds an agent to its region: what it counted also where it is silent.
void add(v1::Region& out, const Heartbeat& heartbeat, bool living) {
    out.set_missed_total(out.missed_total() + heartbeat.missed_total);
    out.set_duplicates_total(out.duplicates_total() + heartbeat.duplicates_total);
    out.set_held_back_total(out.held_back_total() + heartbeat.held_back_total);
    if (!living) return;
    out.set_agents_alive(out.agents_alive() + 1);
    out.set_in_flight(out.in_flight() + heartbeat.in_flight);
    out.set_spooled(out.spooled() + heartbeat.spooled);
}

template <class Response>
void fill(Response& out, const RegionsChanged& changed) {
    out.set_changed(changed.changed);
    out.set_endpoints_changed(static_cast<std::uint32_t>(changed.endpoints));
    if (changed.in_force_from) out.set_in_force_from_us(us(changed.in_force_from->start()));
}

/// A drained region is draining until nothing of it is queued or probed any more.
std::string state_text(const Region& region, const v1::Region& counted, UtcTime now) {
    if (region.active()) return region.state;
    const bool begun = !region.in_force_from || region.in_force_from->start() <= now;
    // Planning that is behind may still put jobs of before the drain into the queue.
    const bool planned =
        !region.in_force_from || (counted.has_planned_until_us() &&
                                  counted.planned_until_us() >= us(region.in_force_from->start()));
    const bool empty = counted.unavailable().empty() && counted.queue_depth() == 0 &&
                       counted.in_flight() == 0 && counted.spooled() == 0;
    return begun && planned && empty ? region.state : "draining";
}

/// Says of an agent that it is cordoned; one that is gone has a row for that alone.
void mark(v1::ListAgentsResponse& out, const std::string& region, const Cordon& cordon) {
    v1::Agent* agent = nullptr;
    for (auto& each : *out.mutable_agents())
        if (each.region() == region && each.name() == cordon.agent) agent = &each;
    if (agent == nullptr) {
        agent = out.add_agents();
        agent->set_name(cordon.agent);
        agent->set_region(region);
    }
    agent->set_cordoned(true);
    agent->set_cordon_reason(cordon.reason);
    agent->set_cordoned_by(cordon.by);
}

std::vector<std::string> names_of(const std::vector<Region>& regions) {
    std::vector<std::string> names;
    for (const auto& region : regions)
        names.push_back(region.name);
    return names;
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::ListRegions(grpc::CallbackServerContext* context,
                                                    const v1::ListRegionsRequest* request,
                                                    v1::ListRegionsResponse* response) {
    return unary(context, "ListRegions", *request, [=, this](const Caller&) {
        return list_regions(response);
    });
}

Task<> AdminService::list_regions(v1::ListRegionsResponse* response) {
    if (!context_.catalogue.complete_until()) throw RpcError{grpc::UNAVAILABLE, kNotLoaded};
    const auto regions = context_.catalogue.regions();
    const auto names = names_of(regions);
    const auto now = co_await redis_time(context_.redis);
    const auto heartbeats = co_await read_heartbeats(context_.redis, names);
    const auto gone = co_await read_counts(context_.redis, names);
    const auto queues = co_await read_queues(context_.redis, names);
    for (std::size_t i = 0; i < regions.size(); ++i) {
        auto& out = *response->add_regions();
        out.set_name(regions[i].name);
        out.set_credentials_key(context_.vault.region_key(regions[i].id));
        const auto& queue = queues[i];
        for (const auto& why : {queue.unavailable, heartbeats[i].unavailable})
            if (!why.empty()) out.set_unavailable(why);
        out.set_missed_total(gone[i].missed);
        out.set_duplicates_total(gone[i].duplicates);
        out.set_held_back_total(gone[i].held_back);
        for (const auto& heartbeat : heartbeats[i].agents)
            add(out, heartbeat, alive(heartbeat, now));
        out.set_queue_depth(queue.depth.entries);
        out.set_pending(queue.depth.pending);
        out.set_unplanned_total(queue.missed);
        if (queue.planned_until) out.set_planned_until_us(us(*queue.planned_until));
        out.set_state(state_text(regions[i], out, now));
        if (regions[i].in_force_from)
            out.set_in_force_from_us(us(regions[i].in_force_from->start()));
        if (queue.oldest) out.set_oldest_age_ms(since(*queue.oldest, now));
        if (!queue.planned_until) continue;
        out.set_planning_lag_ms(since(*queue.planned_until, now + Dispatcher::kAhead));
    }
    co_await list_coordinators(response);
}

/// Their heartbeats stand on one node of a cluster: where it is away the regions are told all the
/// same.
Task<> AdminService::list_coordinators(v1::ListRegionsResponse* response) {
    try {
        const auto view = co_await read_peers(context_.redis, SharedWork::planning);
        for (const auto& beat : view.beats) {
            auto& out = *response->add_coordinators();
            out.set_name(beat.name);
            out.set_version(beat.version);
            out.set_alive(view.alive(beat));
            out.set_last_seen_us(us(beat.at));
            out.set_shards_held(view.alive(beat) ? beat.shards : 0);
            out.set_catalogue_generation(beat.generation.value_or(0));
            out.set_catalogue_current(beat.current);
        }
    } catch (const RedisUnavailable& error) {
        response->set_coordinators_unavailable(error.what());
    }
}

grpc::ServerUnaryReactor* AdminService::AddRegion(grpc::CallbackServerContext* context,
                                                  const v1::AddRegionRequest* request,
                                                  v1::AddRegionResponse* response) {
    return unary(context, "AddRegion", *request, [=, this](Caller caller) {
        return add_region(request, response, std::move(caller));
    });
}

Task<> AdminService::add_region(const v1::AddRegionRequest* request,
                                v1::AddRegionResponse* response,
                                Caller caller) {
    AddRegionOrder order;
    order.actor = std::move(caller.actor);
    order.name = request->name();
    order.redis_user = !request->without_redis_user();
    order.new_password = request->new_password();
    order.public_key = request->public_key();
    const auto added = co_await context_.regions.add(std::move(order));
    response->set_created(added.created);
    response->set_redis_user(added.redis_user);
    response->set_redis_password(added.redis_password);
    response->set_endpoints_changed(static_cast<std::uint32_t>(added.endpoints_changed));
    response->set_credentials_key(added.credentials_key);
    response->set_credentials_key_changed(added.credentials_key_changed);
}

grpc::ServerUnaryReactor* AdminService::DrainRegion(grpc::CallbackServerContext* context,
                                                    const v1::DrainRegionRequest* request,
                                                    v1::DrainRegionResponse* response) {
    return unary(context, "DrainRegion", *request, [=, this](Caller caller) -> Task<> {
        const auto changed =
            co_await context_.regions.drain(request->name(), std::move(caller.actor));
        fill(*response, changed);
    });
}

grpc::ServerUnaryReactor* AdminService::ResumeRegion(grpc::CallbackServerContext* context,
                                                     const v1::ResumeRegionRequest* request,
                                                     v1::ResumeRegionResponse* response) {
    return unary(context, "ResumeRegion", *request, [=, this](Caller caller) -> Task<> {
        const auto changed =
            co_await context_.regions.resume(request->name(), std::move(caller.actor));
        fill(*response, changed);
    });
}

grpc::ServerUnaryReactor* AdminService::RemoveRegion(grpc::CallbackServerContext* context,
                                                     const v1::RemoveRegionRequest* request,
                                                     v1::RemoveRegionResponse* response) {
    return unary(context, "RemoveRegion", *request, [=, this](Caller caller) -> Task<> {
        const auto changed =
            co_await context_.regions.remove(request->name(), std::move(caller.actor));
        response->set_changed(changed.changed);
    });
}

grpc::ServerUnaryReactor* AdminService::CordonAgent(grpc::CallbackServerContext* context,
                                                    const v1::CordonAgentRequest* request,
                                                    v1::CordonAgentResponse* response) {
    return unary(context, "CordonAgent", *request, [=, this](Caller caller) -> Task<> {
        CordonOrder order{request->agent(), request->region(), true, std::move(caller.actor)};
        auto done = co_await context_.regions.cordon(std::move(order));
        response->set_changed(done.changed);
        response->set_region(std::move(done.region));
    });
}

grpc::ServerUnaryReactor* AdminService::UncordonAgent(grpc::CallbackServerContext* context,
                                                      const v1::UncordonAgentRequest* request,
                                                      v1::UncordonAgentResponse* response) {
    return unary(context, "UncordonAgent", *request, [=, this](Caller caller) -> Task<> {
        CordonOrder order{request->agent(), request->region(), false, std::move(caller.actor)};
        auto done = co_await context_.regions.cordon(std::move(order));
        response->set_changed(done.changed);
        response->set_region(std::move(done.region));
    });
}

grpc::ServerUnaryReactor* AdminService::GetConfig(grpc::CallbackServerContext* context,
                                                  const v1::GetConfigRequest* request,
                                                  v1::GetConfigResponse* response) {
    return unary(context, "GetConfig", *request, [=, this](const Caller&) -> Task<> {
        auto running = context_.running_config();
        response->set_daemon("quorate-coordinator");
        response->set_name(std::move(running.name));
        response->set_version(context_.version);
        for (auto& [key, value] : running.values) {
            auto& entry = *response->add_entries();
            entry.set_key(std::move(key));
            entry.set_value(std::move(value));
        }
        for (auto& key : running.restart_needed)
            response->add_restart_needed(std::move(key));
        co_return;
    });
}

grpc::ServerUnaryReactor* AdminService::ListTenants(grpc::CallbackServerContext* context,
                                                    const v1::ListTenantsRequest* request,
                                                    v1::ListTenantsResponse* response) {
    return unary(context, "ListTenants", *request, [=, this](Caller caller) -> Task<> {
        auto list = [&](pqxx::work& work) { return list_tenants(work, *request, caller.tenants); };
        *response = co_await context_.database.transact(std::move(list));
    });
}

grpc::ServerUnaryReactor* AdminService::SetTenant(grpc::CallbackServerContext* context,
                                                  const v1::SetTenantRequest* request,
                                                  v1::SetTenantResponse* response) {
    return unary(context, "SetTenant", *request, [=, this](Caller caller) -> Task<> {
        auto set = [&](pqxx::work& work) { return set_tenant(work, *request, caller.actor); };
        *response = co_await context_.database.transact(std::move(set));
    });
}

grpc::ServerUnaryReactor* AdminService::ListAgents(grpc::CallbackServerContext* context,
                                                   const v1::ListAgentsRequest* request,
                                                   v1::ListAgentsResponse* response) {
    return unary(context, "ListAgents", *request, [=, this](const Caller&) {
        return list_agents(request, response);
    });
}

Task<> AdminService::list_agents(const v1::ListAgentsRequest* request,
                                 v1::ListAgentsResponse* response) {
    if (!context_.catalogue.complete_until()) throw RpcError{grpc::UNAVAILABLE, kNotLoaded};
    auto regions = context_.catalogue.regions();
    if (!request->region().empty())
        std::erase_if(regions, [&](const auto& each) { return each.name != request->region(); });
    if (regions.empty() && !request->region().empty())
        throw NotFound{"there is no region " + request->region()};
    const auto names = names_of(regions);
    const auto now = co_await redis_time(context_.redis);
    const auto heartbeats = co_await read_heartbeats(context_.redis, names);
    auto load = [](pqxx::work& work) { return load_cordons(work); };
    const auto cordons = co_await context_.database.transact(std::move(load));
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (!heartbeats[i].unavailable.empty()) {
            auto& out = *response->add_unavailable();
            out.set_region(names[i]);
            out.set_detail(heartbeats[i].unavailable);
        }
        for (const auto& heartbeat : heartbeats[i].agents) {
            auto& out = *response->add_agents();
            out.set_name(heartbeat.agent);
            out.set_region(names[i]);
            out.set_version(heartbeat.version);
            out.set_alive(alive(heartbeat, now));
            out.set_last_seen_us(us(heartbeat.at));
            out.set_started_at_us(us(heartbeat.started_at));
            out.set_in_flight(heartbeat.in_flight);
            out.set_lag_ms(static_cast<double>(heartbeat.lag.count()));
            out.set_clock_offset_ms(static_cast<double>(heartbeat.clock_offset.count()));
            out.set_probes_total(heartbeat.probes_total);
            out.set_load(heartbeat.load);
            out.set_state(std::string{name_of(heartbeat.state)});
            out.set_missed_total(heartbeat.missed_total);
            out.set_duplicates_total(heartbeat.duplicates_total);
            out.set_held_back_total(heartbeat.held_back_total);
            out.set_spooled(heartbeat.spooled);
        }
        for (const auto& cordon : cordons)
            if (cordon.region == regions[i].id) mark(*response, names[i], cordon);
    }
}

}  // namespace quorate::coordinator
