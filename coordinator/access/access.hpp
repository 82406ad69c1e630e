#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "coordinator/access/caller.hpp"
#include "coordinator/access/credentials.hpp"
#include "coordinator/coordinator_metrics.hpp"
#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate::coordinator {

/// What a coordinator's config says of it.
struct AccessOptions {
    bool tls = false;                 ///< without it everybody who reaches us is `local`, an admin
    std::vector<std::string> admins;  ///< names of client certificates
    double calls_per_s = 100;         ///< of one principal, on average over 10 s; 0: no limit
};

/// What it works with; everything outlives it.
struct AccessContext {
    Database& database;
    const Clock& clock;
    Logger& log;
    CoordinatorMetrics& metrics;
};

/// Who calls, and what they may. Credentials are kept in memory and read again every kEvery, so a
/// revoked one ends on all coordinators within that time, and who is known stays known while
/// Postgres is away. All on one executor.
class Access {
public:
    static constexpr milliseconds kEvery{2000};
    static constexpr double kBurstS = 10;
    /// Refused calls that go into the audit log: so many at once and a second; the others are only
    /// counted, so that nobody can fill the disk.
    static constexpr double kRefusalsBurst = 100;
    static constexpr double kRefusalsPerS = 1;

    Access(const asio::any_io_executor& executor, AccessContext context, AccessOptions options);

    /// Reads the credentials until cancelled; waits where Postgres is away.
    Task<> follow();
    /// Reads them now, as one was made or revoked; where that fails `follow` does it later.
    Task<> take_change();

    /// The caller of `method`. Throws AccessRefused; PostgresUnavailable where the credentials were
    /// never read.
    Caller admit(std::string_view method, const Presented& presented);
    /// Whether who was admitted would still be: for calls that last.
    bool still_valid(const Caller& caller) const;

    /// Writes a refused call into the log and, within bounds, into the audit log. Throws nothing
    /// but cancellation: the caller learns of the refusal alone.
    Task<> note_refusal(std::string method, Presented presented, AccessRefused refusal);

private:
    /// Tokens that come back with time.
    struct Bucket {
        double tokens = 0;
        SteadyTime filled;
        bool take(SteadyTime now, double per_s, double burst);
    };

    Task<> refresh();
    Caller identify(const Presented& presented) const;
    Caller by_token(std::string_view token, const std::string& reason) const;
    Caller by_certificate(const Presented& presented) const;
    Caller caller_of(const Credential& credential, std::string shown, std::string reason) const;
    void require_loaded() const;

    AccessContext context_;
    AccessOptions options_;
    asio::steady_timer timer_;
    bool loaded_ = false;
    std::unordered_map<std::int64_t, Credential> credentials_;
    std::unordered_map<std::string, std::int64_t> certificates_;
    std::map<std::string, Bucket> calls_;  // of known principals, so bounded
    Bucket refusals_{kRefusalsBurst, {}};
};

}  // namespace quorate::coordinator
