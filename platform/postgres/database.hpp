#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <pqxx/pqxx>

#include "core/time/time.hpp"
#include "platform/postgres/errors.hpp"
#include "platform/runtime/blocking_pool.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

namespace detail {
class DatabaseConnection;
class Watchdog;
}  // namespace detail

struct DatabaseOptions {
    std::string conninfo;          // libpq connection string
    std::string application_name;  // as pg_stat_activity shows it
    std::size_t connections = 4;   // and threads, at least 1
    std::size_t queued_max = 256;  // transactions that may wait for a connection
    milliseconds statement_timeout{10'000};
    /// Called when Postgres becomes reachable or unreachable, and after the first attempt; from any
    /// thread. For the readiness reason `postgres_unreachable`.
    std::function<void(bool reachable)> on_reachable = {};
    /// For daemons: asks Postgres every two seconds, over one more connection, whether it is there.
    /// Where it goes silent all transactions under way end with PostgresUnavailable, within some
    /// 12 s.
    bool watched = false;
};

/// A small pool of connections, each used by one thread of a BlockingPool at a time. Connections
/// are opened when first needed and replaced when they break. Thread-safe.
class Database {
public:
    /// Connects to nothing yet.
    explicit Database(DatabaseOptions options);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs `function(pqxx::work&)` in a transaction (read committed) on a thread of the pool,
    /// commits, and returns what it returned. A serialization failure or deadlock runs it again, at
    /// most `kAttemptsMax` times in all, so it must have no effect outside of the transaction.
    /// Throws PostgresUnavailable, PostgresError, Overloaded (more than `queued_max` waiting), or
    /// what `function` threw, after a roll-back. Cancellation: as BlockingPool::run.
    template <class F>
    Task<std::invoke_result_t<F&, pqxx::work&>> transact(F function) {
        auto job = [this, function = std::move(function)]() mutable {
            return transact_blocking(function);
        };
        co_return co_await pool_.run(std::move(job));
    }

    /// As `transact`, on the calling thread: for start-up, command-line flags and tests.
    template <class F>
    std::invoke_result_t<F&, pqxx::work&> transact_blocking(F&& function) {
        using T = std::invoke_result_t<F&, pqxx::work&>;
        if constexpr (std::is_void_v<T>) {
            perform([&function](pqxx::work& work) { function(work); });
        } else {
            std::optional<T> result;
            perform([&](pqxx::work& work) { result.emplace(function(work)); });
            return std::move(*result);
        }
    }

    /// Listens on `channel` until cancelled and calls `wake(payload)` for each notification, on the
    /// caller's executor; also, with an empty payload, after each (re)connect, as some may have
    /// been missed. Waits out an unreachable Postgres. `wake` must not throw. Cancelled: throws
    /// `operation_aborted`.
    Task<> listen(std::string channel, std::function<void(std::string_view payload)> wake);

    static constexpr int kAttemptsMax = 5;

private:
    class Lease;  // a connection taken out of the pool
    void perform(const std::function<void(pqxx::work&)>& function);
    void report(bool reachable);
    void abort_transactions();

    struct State;
    DatabaseOptions options_;
    std::unique_ptr<State> state_;
    std::unique_ptr<detail::Watchdog> watchdog_;  // outlives the pool, whose threads it frees
    BlockingPool pool_;                           // last: its threads end before what they use
};

/// Keys of the advisory locks of a deployment's database, in one place so that they differ.
enum class AdvisoryLock : std::int64_t {
    migrations = 0x71756f7201,
    archiver = 0x71756f7203,         // of archivers before leases alone; ours share it
    region_decision = 0x71756f7204,  // of a transaction: whether regions are believed
    credentials = 0x71756f7205,      // of a transaction: one token is made at a time
    forget = 0x71756f7206,           // of a transaction that forgets, for as long as that takes
};

}  // namespace quorate
