#pragma once

#include <string>
#include <type_traits>

#include <grpcpp/server_context.h>

#include "coordinator/access/caller.hpp"
#include "coordinator/catalog/listing.hpp"

#include "quorate/v1/admin.pb.h"

namespace quorate::coordinator {

/// What came with a call to say who makes it: names of a verified client certificate (its SANs,
/// where there are none its CN), the metadata `authorization`, `quorate-reason-bin` and
/// `quorate-idempotency-key`.
/// And what is asked for, for the audit log: the request's endpoint, tenants or other name; and
/// which of its times (fields `…_us`) lies outside of 1970 to 9999.
Presented presented_by(const grpc::CallbackServerContext& context,
                       const google::protobuf::Message& request);

/// The request, narrowed to what the caller may reach. Throws AccessRefused, BadRequest.
template <class Request>
Request narrowed(const Caller& caller, Request request) {
    constexpr bool kHasTenant = requires {
        request.set_tenant(std::string{});
    };
    constexpr bool kHasEndpoint = requires {
        request.endpoint();
    };
    // Forget has the endpoint's name alone, beside its tenant.
    constexpr bool kOfTenant = kHasEndpoint && !std::is_same_v<Request, v1::ForgetRequest>;
    std::string tenant;
    if constexpr (kHasTenant)
        if (!request.tenant().empty()) tenant = narrowed_tenant(caller, request.tenant());
    // Whoever answers may go by either, so they must agree.
    if constexpr (kOfTenant)
        if (!request.endpoint().empty()) tenant = filter_of(tenant, request.endpoint()).tenant;
    if constexpr (kHasTenant || kHasEndpoint) tenant = narrowed_tenant(caller, tenant);
    if constexpr (kHasTenant) request.set_tenant(tenant);
    return request;
}

}  // namespace quorate::coordinator
