// Looks on an operator's order, as the admin API has them.
#include <utility>

#include "coordinator/admin/admin_service.hpp"
#include "coordinator/admin/micros.hpp"
#include "coordinator/admin/presented.hpp"
#include "core/model/protocol.hpp"
#include "core/model/warning.hpp"

namespace quorate::coordinator {
namespace {

void fill(v1::LookTimings& out, const PhaseTimings& timings) {
    const auto tell = [&out](PhaseTimings::Us us, void (v1::LookTimings::*set)(double)) {
        if (us) (out.*set)(*us / 1000.0);
    };
    tell(timings.dns, &v1::LookTimings::set_dns);
    tell(timings.tcp, &v1::LookTimings::set_connect);
    tell(timings.tls, &v1::LookTimings::set_tls);
    tell(timings.first_byte, &v1::LookTimings::set_first_byte);
    tell(timings.discover, &v1::LookTimings::set_discover);
    tell(timings.sse_open, &v1::LookTimings::set_sse_open);
    tell(timings.initialize, &v1::LookTimings::set_initialize);
    tell(timings.initialized, &v1::LookTimings::set_initialized);
    tell(timings.tools_list, &v1::LookTimings::set_tools_list);
    tell(timings.tools_call, &v1::LookTimings::set_tools_call);
    tell(timings.cleanup, &v1::LookTimings::set_cleanup);
    tell(timings.total, &v1::LookTimings::set_total);
}

void fill(v1::RegionLook& out, const Cell& cell) {
    out.set_agent(cell.agent);
    out.set_verdict(std::string{name_of(cell.verdict)});
    if (cell.reason) out.set_reason(std::string{name_of(*cell.reason)});
    if (cell.phase) out.set_phase(std::string{name_of(*cell.phase)});
    out.set_detail(cell.detail);
    if (cell.started) out.set_started_us(us(*cell.started));
    fill(*out.mutable_timings_ms(), cell.timings);
    out.set_retried(cell.retried);
    out.set_slow(cell.slow);
    if (cell.http_status) out.set_http_status(*cell.http_status);
    out.set_peer_address(cell.peer_address);
    if (cell.era) out.set_era(std::string{name_of(*cell.era)});
    out.set_protocol_version(cell.protocol_version);
    out.set_server_name(cell.server_name);
    out.set_server_version(cell.server_version);
    if (cell.tool_count) out.set_tool_count(*cell.tool_count);
    for (const auto& row : kWarningNames)
        if (cell.warnings.has(row.value)) out.add_warnings(std::string{row.name});
    if (cell.certificate_not_after)
        out.set_certificate_not_after_us(us(*cell.certificate_not_after));
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::RunNow(grpc::CallbackServerContext* context,
                                               const v1::RunNowRequest* request,
                                               v1::RunNowResponse* response) {
    return unary(context, "RunNow", *request, [=, this](Caller caller) -> Task<> {
        narrowed(caller, *request);
        auto name = parse_endpoint_name(request->endpoint());
        if (!context_.catalogue.complete_until() || !context_.vault.ready())
            throw RpcError{grpc::UNAVAILABLE,
                           "the coordinator has not loaded the catalogue and its secrets yet"};
        const auto result = co_await context_.runs.run(std::move(name), std::move(caller.actor));
        response->set_tenant(result.spec.tenant);
        response->set_endpoint(result.spec.name);
        response->set_url(result.spec.url);
        for (const auto& look : result.looks) {
            auto& out = *response->add_looks();
            out.set_region(look.region);
            out.set_unanswered(look.unanswered);
            if (look.cell) fill(out, *look.cell);
        }
    });
}

}  // namespace quorate::coordinator
