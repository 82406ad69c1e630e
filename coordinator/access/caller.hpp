#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/access/role.hpp"
#include "coordinator/audit/audit.hpp"
#include "coordinator/audit/refused.hpp"

namespace quorate::coordinator {

/// What came with a call, not yet believed.
struct Presented {
    std::vector<std::string> certificate_names;  ///< of a client certificate that gRPC verified
    std::string authorization;                   ///< the header, such as `Bearer qt_3_…`
    std::string reason;                          ///< fit for a log, at most kReasonMax bytes
    std::string idempotency_key;                 ///< as it came
    std::string request_sha256;                  ///< where it came with a key; no secret counts
    std::string bad_time;                        ///< which of the request no calendar has
    std::string peer;                            ///< gRPC's text of the caller's address
    std::string target;                          ///< what is asked for, in the request's words
    std::vector<std::string> tenants;            ///< whose that is
};

/// Somebody whom we know.
struct Caller {
    Actor actor;
    Role role = Role::viewer;
    std::optional<std::set<std::string>> tenants;  ///< theirs alone; nothing: all
    std::optional<std::int64_t> credential;        ///< the stored one; nothing: none is needed

    bool may_reach(const std::string& tenant) const {
        return !tenants || tenants->contains(tenant);
    }
};

/// The tenant that a request of this caller is about, as it names one, or nothing: it is narrowed
/// to the caller's, where that is one alone. Throws AccessRefused; BadRequest where none can have
/// that name.
std::string narrowed_tenant(const Caller& caller, const std::string& named);

}  // namespace quorate::coordinator
