// The part of the admin API that plans maintenance windows and silences.
#include <utility>

#include "coordinator/admin/admin_service.hpp"
#include "coordinator/admin/presented.hpp"

namespace quorate::coordinator {
namespace {

template <class Request>
WindowQuery query_of(const Caller& caller, const Request& request) {
    const auto asked = narrowed(caller, request);
    return {asked.tenant(), asked.with_past(), asked.page_size(), asked.page_token()};
}

template <class Response>
void fill(Response& out, CreatedWindow created) {
    *out.mutable_window() = std::move(created.window);
    out.set_endpoints_matched(created.endpoints_matched);
}

template <class Response>
void fill(Response& out, WindowPage page) {
    for (auto& window : page.windows)
        *out.add_windows() = std::move(window);
    out.set_next_page_token(std::move(page.next_page_token));
}

template <class Response>
void fill(Response& out, EndedWindow ended) {
    out.set_changed(ended.changed);
    *out.mutable_window() = std::move(ended.window);
}

const char* name_of(WindowKind kind) {
    return kind == WindowKind::maintenance ? "maintenance" : "silence";
}

}  // namespace

Task<CreatedWindow> AdminService::order_window(WindowKind kind,
                                               v1::PlannedWindow asked,
                                               Caller caller) {
    CreatedWindow created;
    TimedChange change = [&](pqxx::work& work, UtcMinute from) {
        created = create_window(work, kind, asked, caller, context_.clock.utc_now(), from);
    };
    co_await change_in_time(
        context_.database, context_.clock, context_.deployment, std::move(change));
    log_event(context_.log,
              LogLevel::info,
              "window.created",
              kv("principal", caller.actor.principal),
              kv("kind", name_of(kind)),
              kv("window", created.window.id()),
              kv("endpoints", created.endpoints_matched));
    co_return created;
}

Task<WindowPage> AdminService::find_windows(WindowKind kind, WindowQuery query, Caller caller) {
    auto find = [&](pqxx::work& work) {
        return list_windows(work, kind, query, caller, context_.clock.utc_now());
    };
    co_return co_await context_.database.transact(std::move(find));
}

Task<EndedWindow> AdminService::order_end(WindowKind kind, std::uint64_t id, Caller caller) {
    EndedWindow ended;
    TimedChange change = [&](pqxx::work& work, UtcMinute from) {
        ended = end_window(work, kind, id, caller, context_.clock.utc_now(), from);
    };
    co_await change_in_time(
        context_.database, context_.clock, context_.deployment, std::move(change));
    if (ended.changed)
        log_event(context_.log,
                  LogLevel::info,
                  "window.ended",
                  kv("principal", caller.actor.principal),
                  kv("kind", name_of(kind)),
                  kv("window", id));
    co_return ended;
}

grpc::ServerUnaryReactor* AdminService::CreateMaintenance(
    grpc::CallbackServerContext* context,
    const v1::CreateMaintenanceRequest* request,
    v1::CreateMaintenanceResponse* response) {
    return unary(context, "CreateMaintenance", *request, [=, this](Caller caller) -> Task<> {
        auto asked = request->window();
        auto created =
            co_await order_window(WindowKind::maintenance, std::move(asked), std::move(caller));
        fill(*response, std::move(created));
    });
}

grpc::ServerUnaryReactor* AdminService::ListMaintenance(grpc::CallbackServerContext* context,
                                                        const v1::ListMaintenanceRequest* request,
                                                        v1::ListMaintenanceResponse* response) {
    return unary(context, "ListMaintenance", *request, [=, this](Caller caller) -> Task<> {
        auto query = query_of(caller, *request);
        auto page =
            co_await find_windows(WindowKind::maintenance, std::move(query), std::move(caller));
        fill(*response, std::move(page));
    });
}

grpc::ServerUnaryReactor* AdminService::EndMaintenance(grpc::CallbackServerContext* context,
                                                       const v1::EndMaintenanceRequest* request,
                                                       v1::EndMaintenanceResponse* response) {
    return unary(context, "EndMaintenance", *request, [=, this](Caller caller) -> Task<> {
        auto ended = co_await order_end(WindowKind::maintenance, request->id(), std::move(caller));
        fill(*response, std::move(ended));
    });
}

grpc::ServerUnaryReactor* AdminService::CreateSilence(grpc::CallbackServerContext* context,
                                                      const v1::CreateSilenceRequest* request,
                                                      v1::CreateSilenceResponse* response) {
    return unary(context, "CreateSilence", *request, [=, this](Caller caller) -> Task<> {
        auto asked = request->window();
        auto created =
            co_await order_window(WindowKind::silence, std::move(asked), std::move(caller));
        fill(*response, std::move(created));
    });
}

grpc::ServerUnaryReactor* AdminService::ListSilences(grpc::CallbackServerContext* context,
                                                     const v1::ListSilencesRequest* request,
                                                     v1::ListSilencesResponse* response) {
    return unary(context, "ListSilences", *request, [=, this](Caller caller) -> Task<> {
        auto query = query_of(caller, *request);
        auto page = co_await find_windows(WindowKind::silence, std::move(query), std::move(caller));
        fill(*response, std::move(page));
    });
}

grpc::ServerUnaryReactor* AdminService::EndSilence(grpc::CallbackServerContext* context,
                                                   const v1::EndSilenceRequest* request,
                                                   v1::EndSilenceResponse* response) {
    return unary(context, "EndSilence", *request, [=, this](Caller caller) -> Task<> {
        auto ended = co_await order_end(WindowKind::silence, request->id(), std::move(caller));
        fill(*response, std::move(ended));
    });
}

}  // namespace quorate::coordinator
