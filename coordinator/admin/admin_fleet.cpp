// The part of the admin API that is about regions, their queues and agents, and the coordinators.
#include <algorithm>
#include <utility>

#include "coordinator/admin/admin_service.hpp"
#include "coordinator/admin/micros.hpp"
#include "coordinator/dispatch/dispatcher.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/job_queue.hpp"
#include "platform/redis/peers.hpp"

namespace quorate::coordinator {
namespace {

constexpr const char* kNotLoaded =
    "the coordinator has not loaded the catalogue yet: it is starting, or can't reach Postgres";

/// An agent is alive while its last heartbeat is younger than this.
constexpr std::chrono::seconds kAliveFor{45};

bool alive(const Heartbeat& heartbeat, UtcTime redis_now) {
    return redis_now - heartbeat.at < kAliveFor;
}

/// Milliseconds from one time to a later one; none where it is not later.
double since(UtcTime from, UtcTime until) {
    return std::max(0.0, std::chrono::duration<double, std::milli>(until - from).count());
}

/// Adds a living agent to its region.
void add(v1::Region& out, const Heartbeat& heartbeat) {
    out.set_agents_alive(out.agents_alive() + 1);
    out.set_in_flight(out.in_flight() + heartbeat.in_flight);
    out.set_missed_total(out.missed_total() + heartbeat.missed_total);
    out.set_duplicates_total(out.duplicates_total() + heartbeat.duplicates_total);
    out.set_held_back_total(out.held_back_total() + heartbeat.held_back_total);
    out.set_spooled(out.spooled() + heartbeat.spooled);
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
    const auto queues = co_await read_queues(context_.redis, names);
    for (std::size_t i = 0; i < regions.size(); ++i) {
        auto& out = *response->add_regions();
        out.set_name(regions[i].name);
        out.set_state(regions[i].state);
        const auto& queue = queues[i];
        for (const auto& why : {queue.unavailable, heartbeats[i].unavailable})
            if (!why.empty()) out.set_unavailable(why);
        for (const auto& heartbeat : heartbeats[i].agents)
            if (alive(heartbeat, now)) add(out, heartbeat);
        out.set_queue_depth(queue.depth.entries);
        out.set_pending(queue.depth.pending);
        out.set_unplanned_total(queue.missed);
        if (queue.oldest) out.set_oldest_age_ms(since(*queue.oldest, now));
        if (!queue.planned_until) continue;
        out.set_planned_until_us(us(*queue.planned_until));
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
    const auto added = co_await context_.regions.add(std::move(order));
    response->set_created(added.created);
    response->set_redis_user(added.redis_user);
    response->set_redis_password(added.redis_password);
    response->set_endpoints_changed(static_cast<std::uint32_t>(added.endpoints_changed));
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
    std::vector<std::string> names;
    for (auto& name : names_of(context_.catalogue.regions()))
        if (request->region().empty() || request->region() == name)
            names.push_back(std::move(name));
    if (names.empty() && !request->region().empty())
        throw NotFound{"there is no region " + request->region()};
    const auto now = co_await redis_time(context_.redis);
    const auto heartbeats = co_await read_heartbeats(context_.redis, names);
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
    }
}

}  // namespace quorate::coordinator
