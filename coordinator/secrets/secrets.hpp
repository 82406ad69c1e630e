#pragma once

#include <functional>
#include <string>

#include "coordinator/access/caller.hpp"
#include "coordinator/secrets/data_keys.hpp"
#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"

#include "quorate/v1/admin.pb.h"

namespace quorate::coordinator {

/// What `Secrets` works with; everything outlives it.
struct SecretsContext {
    Database& database;
    DataKeys& keys;
    const Clock& clock;
    Logger& log;
    std::function<void()> changed;  ///< after a change
};

/// What operators order of secrets. Requests are narrowed to the caller's tenants already; no value
/// comes back, and none is in an error, a log line or the audit log. All on one executor.
///
/// All but `list` throw SecretsLocked, BadRequest, NotFound, AccessRefused; else as
/// Database::transact.
class Secrets {
public:
    static constexpr std::size_t kValueMin = 8;
    static constexpr std::size_t kHeaderValueMax = 8192;
    static constexpr std::size_t kPemMax = 65'536;
    static constexpr std::size_t kSecretsMax = 1000;  ///< of one tenant

    explicit Secrets(SecretsContext context) : context_{std::move(context)} {}

    /// The request's value is wiped on the way out, as far as it is ours.
    Task<v1::SetSecretResponse> set(v1::SetSecretRequest request, Caller caller);
    Task<> remove(v1::DeleteSecretRequest request, Caller caller);
    Task<v1::RotateSecretsResponse> rotate(v1::RotateSecretsRequest request, Caller caller);

private:
    Task<std::size_t> renew_data_key(std::string tenant, Caller caller);
    Task<> wrap_anew(std::string tenant, Caller caller);

    SecretsContext context_;
};

/// What is wrong with a value, in a sentence that does not repeat it; empty: nothing.
std::string problem_of_secret(std::string_view value);

}  // namespace quorate::coordinator
