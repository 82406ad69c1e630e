#pragma once

#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate {

/// Settles the notices of credentials that expire.
class ExpiryWork {
public:
    static constexpr milliseconds kEvery{60'000};

    ExpiryWork(Database& database, const Clock& clock, Logger& log)
        : database_{database}, clock_{clock}, log_{log} {}

    /// One transaction, if it is due. Throws as Database::transact.
    Task<> step();

private:
    Database& database_;
    const Clock& clock_;
    Logger& log_;
    SteadyTime due_{};
};

}  // namespace quorate
