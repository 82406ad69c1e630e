#pragma once

#include <string>

#include <grpcpp/server_context.h>

#include "coordinator/access/caller.hpp"
#include "coordinator/catalog/listing.hpp"

namespace quorate::coordinator {

/// What came with a call to say who makes it: names of a verified client certificate (its SANs,
/// where there are none its CN), the metadata `authorization` and `quorate-reason-bin`.
Presented presented_by(const grpc::CallbackServerContext& context);

/// The request, narrowed to what the caller may reach. Throws AccessRefused, BadRequest.
template <class Request>
Request narrowed(const Caller& caller, Request request) {
    constexpr bool kHasTenant = requires {
        request.set_tenant(std::string{});
    };
    constexpr bool kHasEndpoint = requires {
        request.endpoint();
    };
    if constexpr (kHasTenant || kHasEndpoint) {
        std::string named;
        if constexpr (kHasTenant) named = request.tenant();
        if constexpr (kHasEndpoint) {
            // Where both are there, each must be theirs: whoever answers may go by either.
            const auto& endpoint = request.endpoint();
            const bool names_tenant = endpoint.find('/') != std::string::npos;
            if (names_tenant || (named.empty() && !endpoint.empty())) {
                if (!named.empty()) narrowed_tenant(caller, named);
                named = parse_endpoint_name(endpoint).tenant;
            }
        }
        const auto tenant = narrowed_tenant(caller, named);
        if constexpr (kHasTenant)
            if (named.empty()) request.set_tenant(tenant);
    }
    return request;
}

}  // namespace quorate::coordinator
