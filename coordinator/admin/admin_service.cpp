#include "coordinator/admin/admin_service.hpp"

#include <algorithm>
#include <utility>

#include "coordinator/admin/watch_stream.hpp"
#include "coordinator/catalog/reports.hpp"
#include "coordinator/dispatch/dispatcher.hpp"
#include "platform/redis/coordinators.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/job_queue.hpp"

namespace quorate::coordinator {
namespace {

/// An agent is alive while its last heartbeat is younger than this.
constexpr std::chrono::seconds kAliveFor{45};
constexpr std::size_t kErrorsMax = 10'000;
constexpr const char* kOperator = "operator";  // everybody, as long as nobody is told apart

std::int64_t us(UtcTime time) {
    return time.time_since_epoch().count();
}

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

void fill(v1::FileError& out, const ConfigError& error) {
    out.set_file(error.file);
    out.set_line(static_cast<std::uint32_t>(error.line));
    out.set_key(error.key);
    out.set_message(error.message);
}

void fill(v1::ApplyResponse& out, const ApplyOutcome& outcome) {
    for (const auto& error : outcome.errors) {
        if (static_cast<std::size_t>(out.errors_size()) == kErrorsMax) {
            out.add_errors()->set_message(std::to_string(outcome.errors.size() - kErrorsMax) +
                                          " more errors");
            break;
        }
        fill(*out.add_errors(), error);
    }
    for (const auto& warning : outcome.warnings)
        out.add_warnings(format_errors({warning}));
    out.mutable_created()->Assign(outcome.created.begin(), outcome.created.end());
    out.mutable_changed()->Assign(outcome.changed.begin(), outcome.changed.end());
    out.mutable_unchanged()->Assign(outcome.unchanged.begin(), outcome.unchanged.end());
    out.mutable_deleted()->Assign(outcome.deleted.begin(), outcome.deleted.end());
    for (const auto& change : outcome.changes) {
        auto& told = *out.add_changes();
        told.set_endpoint(change.endpoint);
        told.set_before(change.before);
        told.set_after(change.after);
    }
    if (outcome.in_force_from) out.set_in_force_from_us(us(outcome.in_force_from->start()));
}

std::vector<std::string> names_of(const std::vector<Region>& regions) {
    std::vector<std::string> names;
    for (const auto& region : regions)
        names.push_back(region.name);
    return names;
}

}  // namespace

AdminService::AdminService(AdminContext context, Calls& calls)
    : context_{std::move(context)}, calls_{calls} {}

grpc::ServerUnaryReactor* AdminService::unary(grpc::CallbackServerContext* context,
                                              const char* rpc,
                                              std::function<Task<>()> work) {
    auto* reactor = context->DefaultReactor();
    calls_.start(rpc, *context, std::move(work), [reactor](const grpc::Status& status) {
        reactor->Finish(status);
    });
    return reactor;
}

template <class Request, class Response, class Read>
grpc::ServerUnaryReactor* AdminService::query(grpc::CallbackServerContext* context,
                                              const char* rpc,
                                              const Request* request,
                                              Response* response,
                                              Read read) {
    return unary(context, rpc, [this, request, response, read]() -> Task<> {
        auto transaction = [request, read](auto& work) { return read(work, *request); };
        *response = co_await context_.database.transact(std::move(transaction));
    });
}

grpc::ServerUnaryReactor* AdminService::Apply(grpc::CallbackServerContext* context,
                                              const v1::ApplyRequest* request,
                                              v1::ApplyResponse* response) {
    return unary(context, "Apply", [=, this] { return apply_files(request, response); });
}

Task<> AdminService::apply_files(const v1::ApplyRequest* request, v1::ApplyResponse* response) {
    ApplyOrder order;
    for (const auto& file : request->files())
        order.files.push_back({file.name(), file.content()});
    order.prune = request->prune();
    order.yes = request->yes();
    order.dry_run = request->dry_run();
    order.with_changes = request->with_changes();
    order.principal = kOperator;
    if (!order.dry_run) co_await context_.before_change();
    auto outcome =
        co_await apply(context_.database, context_.clock, context_.deployment, std::move(order));
    fill(*response, outcome);
    if (!outcome.in_force_from) co_return;
    context_.catalogue.wake();
    log_event(context_.log,
              LogLevel::info,
              "catalogue.changed",
              kv("created", outcome.created.size()),
              kv("changed", outcome.changed.size()),
              kv("deleted", outcome.deleted.size()),
              kv("minute", *outcome.in_force_from));
}

grpc::ServerUnaryReactor* AdminService::ExportEndpoints(grpc::CallbackServerContext* context,
                                                        const v1::ExportEndpointsRequest* request,
                                                        v1::ExportEndpointsResponse* response) {
    return query(context, "ExportEndpoints", request, response, export_endpoints);
}

grpc::ServerUnaryReactor* AdminService::ListEndpoints(grpc::CallbackServerContext* context,
                                                      const v1::ListEndpointsRequest* request,
                                                      v1::ListEndpointsResponse* response) {
    return query(context, "ListEndpoints", request, response, list_endpoints);
}

grpc::ServerUnaryReactor* AdminService::Explain(grpc::CallbackServerContext* context,
                                                const v1::ExplainRequest* request,
                                                v1::ExplainResponse* response) {
    return query(context,
                 "Explain",
                 request,
                 response,
                 [window = context_.deployment.window](auto& work, const auto& asked) {
                     return explain(work, asked, window);
                 });
}

grpc::ServerUnaryReactor* AdminService::ListIncidents(grpc::CallbackServerContext* context,
                                                      const v1::ListIncidentsRequest* request,
                                                      v1::ListIncidentsResponse* response) {
    return query(context, "ListIncidents", request, response, list_incidents);
}

grpc::ServerUnaryReactor* AdminService::GetIncident(grpc::CallbackServerContext* context,
                                                    const v1::GetIncidentRequest* request,
                                                    v1::GetIncidentResponse* response) {
    return query(context, "GetIncident", request, response, get_incident);
}

grpc::ServerUnaryReactor* AdminService::AckIncident(grpc::CallbackServerContext* context,
                                                    const v1::AckIncidentRequest* request,
                                                    v1::AckIncidentResponse* response) {
    return query(context, "AckIncident", request, response, [](auto& work, const auto& asked) {
        return ack_incident(work, asked, kOperator);
    });
}

grpc::ServerUnaryReactor* AdminService::Replay(grpc::CallbackServerContext* context,
                                               const v1::ReplayRequest* request,
                                               v1::ReplayResponse* response) {
    return query(context,
                 "Replay",
                 request,
                 response,
                 [window = context_.deployment.window](auto& work, const auto& asked) {
                     return replay(work, asked, window);
                 });
}

grpc::ServerUnaryReactor* AdminService::Forget(grpc::CallbackServerContext* context,
                                               const v1::ForgetRequest* request,
                                               v1::ForgetResponse* response) {
    return query(context, "Forget", request, response, [](auto& work, const auto& asked) {
        return forget(work, asked, kOperator);
    });
}

grpc::ServerUnaryReactor* AdminService::ListUptime(grpc::CallbackServerContext* context,
                                                   const v1::ListUptimeRequest* request,
                                                   v1::ListUptimeResponse* response) {
    return query(context, "ListUptime", request, response, list_uptime);
}

grpc::ServerUnaryReactor* AdminService::DescribeEndpoint(grpc::CallbackServerContext* context,
                                                         const v1::DescribeEndpointRequest* request,
                                                         v1::DescribeEndpointResponse* response) {
    return query(context,
                 "DescribeEndpoint",
                 request,
                 response,
                 [window = context_.deployment.window](auto& work, const auto& asked) {
                     return describe_endpoint(work, asked, window);
                 });
}

grpc::ServerUnaryReactor* AdminService::SetPaused(grpc::CallbackServerContext* context,
                                                  const v1::SetPausedRequest* request,
                                                  v1::SetPausedResponse* response) {
    return unary(context, "SetPaused", [=, this] { return pause(request, response); });
}

Task<> AdminService::pause(const v1::SetPausedRequest* request, v1::SetPausedResponse* response) {
    auto name = parse_endpoint_name(request->endpoint());
    co_await context_.before_change();
    const auto from = co_await set_paused(context_.database,
                                          context_.clock,
                                          context_.deployment,
                                          std::move(name),
                                          request->paused(),
                                          kOperator);
    if (!from) co_return;
    response->set_changed(true);
    response->set_in_force_from_us(us(from->start()));
    context_.catalogue.wake();
    log_event(context_.log,
              LogLevel::info,
              "endpoint.paused",
              kv("endpoint", request->endpoint()),
              kv("paused", request->paused()),
              kv("minute", *from));
}

grpc::ServerUnaryReactor* AdminService::ListRegions(grpc::CallbackServerContext* context,
                                                    const v1::ListRegionsRequest* /*request*/,
                                                    v1::ListRegionsResponse* response) {
    return unary(context, "ListRegions", [=, this] { return list_regions(response); });
}

Task<> AdminService::list_regions(v1::ListRegionsResponse* response) {
    if (!context_.catalogue.complete_until())
        throw PostgresUnavailable{"the catalogue is not loaded yet"};
    const auto regions = context_.catalogue.regions();
    const auto names = names_of(regions);
    const auto now = co_await redis_time(context_.redis);
    const auto heartbeats = co_await read_heartbeats(context_.redis, names);
    const auto depths = co_await read_depths(context_.redis, names);
    const auto oldest = co_await read_oldest(context_.redis, names);
    const auto planned = co_await read_planned(context_.redis, names);
    const auto unplanned = co_await read_missed(context_.redis, names);
    for (std::size_t i = 0; i < regions.size(); ++i) {
        auto& out = *response->add_regions();
        out.set_name(regions[i].name);
        out.set_state(regions[i].state);
        for (const auto& heartbeat : heartbeats[i])
            if (alive(heartbeat, now)) add(out, heartbeat);
        out.set_queue_depth(depths[i].entries);
        out.set_pending(depths[i].pending);
        out.set_unplanned_total(unplanned[i]);
        if (oldest[i]) out.set_oldest_age_ms(since(*oldest[i], now));
        if (!planned[i]) continue;
        out.set_planned_until_us(us(*planned[i]));
        out.set_planning_lag_ms(since(*planned[i], now + Dispatcher::kAhead));
    }
    const auto view = co_await read_coordinators(context_.redis);
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
}

grpc::ServerUnaryReactor* AdminService::AddRegion(grpc::CallbackServerContext* context,
                                                  const v1::AddRegionRequest* request,
                                                  v1::AddRegionResponse* response) {
    return unary(context, "AddRegion", [=, this] { return add_region(request, response); });
}

Task<> AdminService::add_region(const v1::AddRegionRequest* request,
                                v1::AddRegionResponse* response) {
    AddRegionOrder order;
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
    return unary(context, "ListAgents", [=, this] { return list_agents(request, response); });
}

Task<> AdminService::list_agents(const v1::ListAgentsRequest* request,
                                 v1::ListAgentsResponse* response) {
    if (!context_.catalogue.complete_until())
        throw PostgresUnavailable{"the catalogue is not loaded yet"};
    std::vector<std::string> names;
    for (auto& name : names_of(context_.catalogue.regions()))
        if (request->region().empty() || request->region() == name)
            names.push_back(std::move(name));
    if (names.empty() && !request->region().empty())
        throw NotFound{"there is no region " + request->region()};
    const auto now = co_await redis_time(context_.redis);
    const auto heartbeats = co_await read_heartbeats(context_.redis, names);
    for (std::size_t i = 0; i < names.size(); ++i) {
        for (const auto& heartbeat : heartbeats[i]) {
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

grpc::ServerUnaryReactor* AdminService::GetVersion(grpc::CallbackServerContext* context,
                                                   const v1::GetVersionRequest* /*request*/,
                                                   v1::GetVersionResponse* response) {
    return unary(context, "GetVersion", [this, response]() -> Task<> {
        response->set_version(context_.version);
        co_return;
    });
}

namespace {

/// Counts a watcher while it lives.
class Seat {
public:
    Seat(std::size_t& taken, const Gauge& gauge) : taken_{taken}, gauge_{gauge} {
        if (taken_ >= AdminService::kWatchersMax)
            throw RpcError{grpc::RESOURCE_EXHAUSTED, "too many watchers at the same time"};
        gauge_.set(static_cast<double>(++taken_));
    }
    ~Seat() { gauge_.set(static_cast<double>(--taken_)); }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

private:
    std::size_t& taken_;
    const Gauge& gauge_;
};

/// Sends decisions until the caller goes.
Task<> watch(Database& database, v1::WatchRequest request, std::shared_ptr<WatchStream> stream) {
    auto begin = [&request](auto& work) { return start_watch(work, request.resume_token()); };
    auto position = co_await database.transact(std::move(begin));
    // At once, so that a watcher that sees no decision for long can resume too.
    v1::WatchEvent first;
    first.set_resume_token(resume_token(position));
    if (!co_await stream->write(std::move(first))) co_return;
    for (;;) {
        auto next = [&request, &position](auto& work) {
            auto reached = position;  // the transaction may be repeated
            auto found = watch_next(work, request, reached);
            return std::make_pair(std::move(found), reached);
        };
        auto [event, reached] = co_await database.transact(std::move(next));
        position = reached;
        if (event.decisions_size() > 0 && !co_await stream->write(std::move(event))) co_return;
        if (!position.caught_up) continue;
        if (!co_await stream->wait(AdminService::kWatchEvery)) co_return;
    }
}

}  // namespace

grpc::ServerWriteReactor<v1::WatchEvent>* AdminService::Watch(
    grpc::CallbackServerContext* /*context*/, const v1::WatchRequest* request) {
    auto stream = WatchStream::open(calls_.executor());
    auto* reactor = stream.get();
    auto work = [this, request = *request, stream]() -> Task<> {
        const Seat seat{watchers_, context_.metrics.watchers};
        co_await watch(context_.database, request, stream);
    };
    calls_.start_stream(
        "Watch", std::move(work), [stream](const grpc::Status& status) { stream->Finish(status); });
    return reactor;
}

}  // namespace quorate::coordinator
