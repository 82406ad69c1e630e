#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
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
    Database& credentials;  ///< its own, so that what others ask for delays no revocation
    Database& database;     ///< of the audit log
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
    /// Refused calls that go into the audit log: so many at once and a second, of all whom we don't
    /// know and of each credential. The others are counted alone, so that nobody can fill the disk,
    /// nor hide behind another's.
    static constexpr double kUnknownBurst = 100;
    static constexpr double kUnknownPerS = 1;
    static constexpr double kKnownBurst = 20;
    static constexpr double kKnownPerS = 0.1;
    /// Those who call too often: one a minute.
    static constexpr double kBusyPerS = 1.0 / 60;

    Access(const asio::any_io_executor& executor, AccessContext context, AccessOptions options);

    /// Reads the credentials until cancelled; waits where Postgres is away.
    Task<> follow();
    /// Reads them now, as one was made or revoked; where that fails `follow` does it later.
    Task<> take_change();
    /// One was revoked: it is of no more use from now on, whatever is being read.
    void revoked(std::int64_t credential);
    /// From now on; credentials stay known.
    void set_options(AccessOptions options) { options_ = std::move(options); }
    /// Names of certificates that the config makes admins.
    const std::vector<std::string>& admins() const { return options_.admins; }

    /// The caller of `method`. Throws AccessRefused; PostgresUnavailable where the credentials were
    /// never read.
    Caller admit(std::string_view method, const Presented& presented);
    /// Whether who was admitted would still be: for calls that last.
    bool still_valid(const Caller& caller) const;

    /// A row of the audit log that is to be written.
    struct RefusedCall {
        Actor actor;
        AuditEntry entry;
    };
    /// Counts a refused call and logs it. @return its row; nothing: there were too many.
    std::optional<RefusedCall> note_refusal(const std::string& method,
                                            const Presented& presented,
                                            const AccessRefused& refusal);
    /// Throws nothing but cancellation: where Postgres is away it stands in the log alone.
    Task<> write_refusal(RefusedCall call);

private:
    /// Tokens that come back with time.
    struct Bucket {
        double tokens = 0;
        SteadyTime filled;
        bool take(SteadyTime now, double per_s, double burst);
    };
    /// What one credential, or all whom we don't know, may still do.
    struct Account {
        std::optional<std::int64_t> credential;  ///< goes with it
        Bucket calls;
        Bucket refusals;
        Bucket busy{1, {}};
        std::uint64_t left_out = 0;  ///< refusals that are not in the audit log
    };

    Task<> refresh();
    Caller identify(const Presented& presented) const;
    Caller by_token(std::string_view token, const std::string& reason) const;
    Caller by_certificate(const Presented& presented) const;
    Caller caller_of(const Credential& credential, std::string shown, std::string reason) const;
    void require_loaded() const;
    Account& account_of(const Caller& caller);

    AccessContext context_;
    AccessOptions options_;
    asio::steady_timer timer_;
    bool loaded_ = false;
    std::unordered_map<std::int64_t, Credential> credentials_;
    std::unordered_map<std::string, std::int64_t> certificates_;
    std::uint64_t reads_ = 0;                  // of the credentials, that were begun
    std::uint64_t stale_ = 0;                  // what these and earlier ones find is out of date
    std::map<std::string, Account> accounts_;  // by what is shown; of known ones, so bounded
    Account unknown_;
};

}  // namespace quorate::coordinator
