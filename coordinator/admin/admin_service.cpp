#include "coordinator/admin/admin_service.hpp"

#include <algorithm>
#include <utility>

#include "coordinator/access/secret.hpp"
#include "coordinator/admin/field_mask.hpp"
#include "coordinator/admin/micros.hpp"
#include "coordinator/admin/presented.hpp"
#include "coordinator/catalog/reports.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::size_t kErrorsMax = 10'000;

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
        out.add_warnings(warning.file.empty() ? warning.message : format_errors({warning}));
    out.mutable_created()->Assign(outcome.created.begin(), outcome.created.end());
    out.mutable_changed()->Assign(outcome.changed.begin(), outcome.changed.end());
    out.mutable_unchanged()->Assign(outcome.unchanged.begin(), outcome.unchanged.end());
    out.mutable_deleted()->Assign(outcome.deleted.begin(), outcome.deleted.end());
    for (const auto& change : outcome.changes) {
        auto& told = *out.add_changes();
        told.set_endpoint(change.target);
        told.set_before(change.before);
        told.set_after(change.after);
    }
    if (outcome.in_force_from) out.set_in_force_from_us(us(outcome.in_force_from->start()));
}

/// To others than its tenant's there is no such incident.
void require_reach(const Caller& caller, const v1::Incident& incident) {
    if (!caller.may_reach(incident.tenant()))
        throw NotFound{"there is no incident " + std::to_string(incident.id())};
}

}  // namespace

namespace {

template <class Request>
concept Masked = requires(const Request& request) {
    request.read_mask();
};

/// Throws BadRequest where it is no key.
IdempotencyKey once(const Presented& presented) {
    const auto& key = presented.idempotency_key;
    if (key.empty()) return {};
    const auto plain = [](char c) { return c > ' ' && c <= '~'; };
    if (key.size() > IdempotencyKey::kBytesMax || !std::ranges::all_of(key, plain))
        throw BadRequest{"an idempotency key has 1 to 64 printable characters, and no spaces",
                         "quorate-idempotency-key"};
    return {key, presented.request_sha256, random_secret().substr(0, 16)};
}

}  // namespace

/// A call of a credential, among those under way while it lives.
class AdminService::Running {
public:
    Running(std::multiset<std::string>& all, const Actor& actor) : all_{all} {
        if (all_.count(actor.credential) >= kCallsOfOneMax)
            throw AccessRefused{AccessRefused::Why::busy,
                                actor.principal + " has " + std::to_string(kCallsOfOneMax) +
                                    " calls under way already: wait for one to end"};
        place_ = all_.insert(actor.credential);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { all_.erase(place_); }

private:
    std::multiset<std::string>& all_;
    std::multiset<std::string>::iterator place_;
};

AdminService::AdminService(AdminContext context, Calls& calls)
    : context_{std::move(context)},
      calls_{calls},
      watch_hub_{calls.executor(), context_.database, context_.metrics} {}

grpc::ServerUnaryReactor* AdminService::unary(grpc::CallbackServerContext* context,
                                              const char* rpc,
                                              const google::protobuf::Message& request,
                                              Work work) {
    auto* reactor = context->DefaultReactor();
    auto task = [this, rpc, presented = presented_by(*context, request), work = std::move(work)] {
        return admitted(rpc, presented, work);
    };
    calls_.start(rpc, *context, std::move(task), [reactor](const grpc::Status& status) {
        reactor->Finish(status);
    });
    return reactor;
}

Task<> AdminService::admitted(std::string rpc, Presented presented, Work work) {
    std::optional<AccessRefused> refusal;
    try {
        auto caller = context_.access.admit(rpc, presented);
        std::optional<Running> running;  // a watcher has a seat
        if (rpc != "Watch") running.emplace(running_, caller.actor);
        if (!presented.bad_time.empty())
            throw BadRequest{"the time is before 1970 or after the year 9999", presented.bad_time};
        caller.actor.once = once(presented);
        if (!caller.actor.once.key.empty()) {
            auto look = [actor = caller.actor, rpc](pqxx::work& transaction) {
                require_not_done(transaction, actor, rpc);
            };
            co_await context_.database.transact(std::move(look));
        }
        co_await work(std::move(caller));
    } catch (const AccessRefused& error) {
        refusal = error;
    }
    if (!refusal) co_return;
    // Its caller need not wait, nor may end it by a short deadline.
    if (auto row = context_.access.note_refusal(rpc, presented, *refusal))
        calls_.start_aside("refusal", context_.access.write_refusal(std::move(*row)));
    throw AccessRefused{*refusal};
}

template <class Request, class Response, class Read>
grpc::ServerUnaryReactor* AdminService::query(grpc::CallbackServerContext* context,
                                              const char* rpc,
                                              const Request* request,
                                              Response* response,
                                              Read read) {
    return unary(context, rpc, *request, [this, request, response, read](Caller caller) -> Task<> {
        auto asked = narrowed(caller, *request);
        if constexpr (Masked<Request>) check_read_mask(asked.read_mask(), *Response::descriptor());
        auto transaction = [&asked, &caller, &read](auto& work) {
            auto found = [&] {
                if constexpr (std::is_invocable_v<Read, pqxx::work&, const Request&, const Caller&>)
                    return read(work, asked, caller);
                else
                    return read(work, asked);
            }();
            if constexpr (Masked<Request>) keep_fields(asked.read_mask(), found);
            return found;
        };
        *response = co_await context_.database.transact(std::move(transaction));
    });
}

grpc::ServerUnaryReactor* AdminService::Apply(grpc::CallbackServerContext* context,
                                              const v1::ApplyRequest* request,
                                              v1::ApplyResponse* response) {
    return unary(context, "Apply", *request, [=, this](Caller caller) {
        return apply_files(request, response, std::move(caller));
    });
}

Task<> AdminService::apply_files(const v1::ApplyRequest* request,
                                 v1::ApplyResponse* response,
                                 Caller caller) {
    ApplyOrder order;
    for (const auto& file : request->files())
        order.files.push_back({file.name(), file.content()});
    order.prune = request->prune();
    order.yes = request->yes();
    order.dry_run = request->dry_run();
    order.with_changes = request->with_changes();
    order.new_tenants = caller.role == Role::admin;
    order.origin_rate = context_.catalogue.planner().limits().origin;
    order.tenants = std::move(caller.tenants);
    order.actor = std::move(caller.actor);
    const auto principal = order.actor.principal;
    if (!order.dry_run) co_await context_.before_change();
    auto outcome =
        co_await apply(context_.database, context_.clock, context_.deployment, std::move(order));
    fill(*response, outcome);
    if (!outcome.in_force_from) co_return;
    context_.catalogue.wake();
    log_event(context_.log,
              LogLevel::info,
              "catalogue.changed",
              kv("principal", principal),
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
                     auto out = explain(work, asked, window);
                     const auto at = UtcMinute::from_epoch_ms(out.minute_us() / 1000);
                     const EndpointName name{out.tenant(), out.endpoint()};
                     for (auto& held : windows_at(work, name, at, window))
                         *out.add_windows() = std::move(held);
                     return out;
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
    return query(context,
                 "GetIncident",
                 request,
                 response,
                 [](auto& work, const auto& asked, const Caller& caller) {
                     auto found = get_incident(work, asked);
                     require_reach(caller, found.incident());
                     return found;
                 });
}

grpc::ServerUnaryReactor* AdminService::AckIncident(grpc::CallbackServerContext* context,
                                                    const v1::AckIncidentRequest* request,
                                                    v1::AckIncidentResponse* response) {
    return query(context,
                 "AckIncident",
                 request,
                 response,
                 [](auto& work, const auto& asked, const Caller& caller) {
                     v1::GetIncidentRequest which;
                     which.set_id(asked.id());
                     require_reach(caller, get_incident(work, which).incident());
                     return ack_incident(work, asked, caller.actor);
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
    return unary(context, "Forget", *request, [=, this](Caller caller) -> Task<> {
        const auto asked = narrowed(caller, *request);
        auto everything = [&](auto& work) {
            auto forgotten = forget(work, asked, caller.actor);
            // They reach nothing any more, until there is another tenant of that name.
            if (asked.endpoint().empty()) revoke_tokens_of(work, asked.tenant(), caller.actor);
            return forgotten;
        };
        *response = co_await context_.forgets.transact(std::move(everything));
        co_await context_.access.take_change();
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
                     auto out = describe_endpoint(work, asked, window);
                     if (!out.status().has_last_minute_us()) return out;
                     const auto at = UtcMinute::from_epoch_ms(out.status().last_minute_us() / 1000);
                     const EndpointName name{out.status().tenant(), out.status().endpoint()};
                     for (auto& held : windows_at(work, name, at, window))
                         *out.add_windows() = std::move(held);
                     return out;
                 });
}

grpc::ServerUnaryReactor* AdminService::SetPaused(grpc::CallbackServerContext* context,
                                                  const v1::SetPausedRequest* request,
                                                  v1::SetPausedResponse* response) {
    return unary(context, "SetPaused", *request, [=, this](Caller caller) {
        return pause(request, response, std::move(caller));
    });
}

Task<> AdminService::pause(const v1::SetPausedRequest* request,
                           v1::SetPausedResponse* response,
                           Caller caller) {
    narrowed(caller, *request);
    auto name = parse_endpoint_name(request->endpoint());
    const auto full_name = name.tenant + "/" + name.name;
    co_await context_.before_change();
    const auto from = co_await set_paused(context_.database,
                                          context_.clock,
                                          context_.deployment,
                                          std::move(name),
                                          request->paused(),
                                          caller.actor);
    if (!from) co_return;
    response->set_changed(true);
    response->set_in_force_from_us(us(from->start()));
    context_.catalogue.wake();
    log_event(context_.log,
              LogLevel::info,
              "endpoint.paused",
              kv("principal", caller.actor.principal),
              kv("endpoint", full_name),
              kv("paused", request->paused()),
              kv("minute", *from));
}

grpc::ServerUnaryReactor* AdminService::GetVersion(grpc::CallbackServerContext* context,
                                                   const v1::GetVersionRequest* request,
                                                   v1::GetVersionResponse* response) {
    return unary(context, "GetVersion", *request, [this, response](const Caller&) -> Task<> {
        response->set_version(context_.version);
        co_return;
    });
}

namespace {

/// Counts a watcher while it lives.
class Seat {
public:
    Seat(std::multiset<std::string>& taken, const std::string& credential, const Gauge& gauge)
        : taken_{taken}, gauge_{gauge} {
        if (taken_.size() >= AdminService::kWatchersMax)
            throw RpcError{grpc::RESOURCE_EXHAUSTED, "too many watchers at the same time"};
        if (taken_.count(credential) >= AdminService::kWatchersOfOneMax)
            throw RpcError{grpc::RESOURCE_EXHAUSTED,
                           "too many watchers of " + credential + " at the same time"};
        seat_ = taken_.insert(credential);
        gauge_.set(static_cast<double>(taken_.size()));
    }
    ~Seat() {
        taken_.erase(seat_);
        gauge_.set(static_cast<double>(taken_.size()));
    }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

private:
    std::multiset<std::string>& taken_;
    std::multiset<std::string>::iterator seat_;
    const Gauge& gauge_;
};

constexpr std::size_t kWatchRequestBytesMax = 4096;

/// What the bytes of a Watch's request say. Throws RpcError where they are none.
v1::WatchRequest watch_request(const grpc::ByteBuffer& bytes) {
    v1::WatchRequest request;
    if (bytes.Length() > kWatchRequestBytesMax)
        throw RpcError{grpc::INVALID_ARGUMENT, "the request is too long"};
    grpc::ByteBuffer copy{bytes};
    if (!grpc::SerializationTraits<v1::WatchRequest>::Deserialize(&copy, &request).ok())
        throw RpcError{grpc::INVALID_ARGUMENT, "the request is no WatchRequest"};
    request.DiscardUnknownFields();  // they would tell apart what asks for the same
    return request;
}

}  // namespace

Task<> AdminService::stop() {
    return watch_hub_.stop();
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* AdminService::Watch(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
    auto stream = WatchStream::open(calls_.executor(), *context);
    auto* reactor = stream.get();
    v1::WatchRequest asked;
    try {
        asked = watch_request(*request);
    } catch (const RpcError& error) {
        reactor->Finish({error.code(), error.what()});
        return reactor;
    }
    Work work = [this, asked, stream](Caller caller) -> Task<> {
        const Seat seat{watchers_, caller.actor.credential, context_.metrics.watchers};
        auto narrow = narrowed(caller, asked);
        auto check = [this, caller] {
            if (!context_.access.still_valid(caller))
                throw AccessRefused{AccessRefused::Why::unknown,
                                    caller.actor.credential + " has expired or was revoked"};
        };
        auto owner = caller.actor.credential;
        co_await watch_hub_.serve(std::move(narrow), std::move(owner), stream, std::move(check));
    };
    auto task = [this, presented = presented_by(*context, asked), work = std::move(work)] {
        return admitted("Watch", presented, work);
    };
    calls_.start_stream(
        "Watch", std::move(task), [stream](const grpc::Status& status) { stream->Finish(status); });
    return reactor;
}

grpc::ServerUnaryReactor* AdminService::CreateToken(grpc::CallbackServerContext* context,
                                                    const v1::CreateTokenRequest* request,
                                                    v1::CreateTokenResponse* response) {
    return unary(context, "CreateToken", *request, [=, this](Caller caller) -> Task<> {
        // A copy: a reload may change them while the database's thread reads.
        auto create = [&, admins = context_.access.admins()](auto& work) {
            return create_token(work, *request, caller, context_.clock.utc_now(), admins);
        };
        *response = co_await context_.database.transact(std::move(create));
        co_await context_.access.take_change();
    });
}

grpc::ServerUnaryReactor* AdminService::ListTokens(grpc::CallbackServerContext* context,
                                                   const v1::ListTokensRequest* request,
                                                   v1::ListTokensResponse* response) {
    return query(context, "ListTokens", request, response, list_tokens);
}

grpc::ServerUnaryReactor* AdminService::RevokeToken(grpc::CallbackServerContext* context,
                                                    const v1::RevokeTokenRequest* request,
                                                    v1::RevokeTokenResponse* response) {
    return unary(context, "RevokeToken", *request, [=, this](Caller caller) -> Task<> {
        auto revoke = [&, admins = context_.access.admins()](auto& work) {
            return revoke_token(work, *request, caller, admins);
        };
        *response = co_await context_.database.transact(std::move(revoke));
        context_.access.revoked(static_cast<std::int64_t>(request->id()));
        co_await context_.access.take_change();
    });
}

grpc::ServerUnaryReactor* AdminService::ListAudit(grpc::CallbackServerContext* context,
                                                  const v1::ListAuditRequest* request,
                                                  v1::ListAuditResponse* response) {
    return query(context, "ListAudit", request, response, list_audit);
}

}  // namespace quorate::coordinator
