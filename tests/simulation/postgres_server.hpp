#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "core/base/ids.hpp"
#include "platform/postgres/errors.hpp"
#include "platform/runtime/task.hpp"
#include "tests/simulation/host.hpp"
#include "tests/simulation/world.hpp"

namespace quorate::simulation {

/// What a transaction is to others.
struct TransactionTerms {
    std::set<ShardId> locks;        ///< rows that it keeps to itself until it ends
    milliseconds patience{15'000};  ///< for these
    bool writes = true;
};

/// How one ended, as its client learns it.
enum class TransactionEnd : std::uint8_t { committed, lost, lock_timeout, failed };

/// A model Postgres behind a network: who holds locks, when transactions commit, and what clients
/// learn of it. What they read and write is theirs to say: a function that is called when the
/// commit takes place, and not at all where it does not.
class PostgresServer {
public:
    explicit PostgresServer(World& world) : world_{world} {}

    /// Starts one. @param body at the commit. @param done with what the client learns; both may be
    /// called after the client is gone
    void transact(Host& host,
                  const std::shared_ptr<Process*>& client,
                  TransactionTerms terms,
                  std::function<void()> body,
                  std::function<void(TransactionEnd)> done);
    /// Ends those that keep these locked. @return how many there were
    std::size_t end_holders(const std::set<ShardId>& locks);

    bool up() const { return up_; }
    /// All that is under way is rolled back.
    void stop();
    void start() { up_ = true; }

    bool read_only = false;
    bool answers_lost = false;     ///< of commits
    milliseconds commit_delay{0};  ///< a slow disk

    World& world() { return world_; }

private:
    struct Transaction {
        Host* host = nullptr;
        std::weak_ptr<Process*> client;
        TransactionTerms terms;
        std::function<void()> body;
        std::function<void(TransactionEnd)> done;
        bool locked = false;
        bool over = false;
    };
    using Transactions = std::list<std::shared_ptr<Transaction>>;

    void begin(const std::shared_ptr<Transaction>& transaction);
    void try_lock(const std::shared_ptr<Transaction>& transaction, SteadyTime give_up);
    void finish(const std::shared_ptr<Transaction>& transaction);
    void end(const std::shared_ptr<Transaction>& transaction, TransactionEnd how);
    bool is_free(const Transaction& transaction) const;

    World& world_;
    bool up_ = true;
    Transactions transactions_;  // that have begun and not ended
};

/// A process's way to it.
class PostgresClient {
public:
    PostgresClient(PostgresServer& server, Host& host, Process& process)
        : server_{server},
          host_{host},
          process_{process},
          alive_{std::make_shared<Process*>(&process)} {}

    /// Runs `body` as a transaction. Throws PostgresUnavailable, what `body` throws, and
    /// PostgresError with SQLSTATE 55P03 where locks could not be had in time.
    template <class T>
    Task<T> transact(TransactionTerms terms, std::function<T()> body) {
        struct Outcome {
            explicit Outcome(const asio::any_io_executor& executor) : timer{executor} {}
            asio::steady_timer timer;
            std::optional<TransactionEnd> end;
            std::optional<T> value;
            std::exception_ptr thrown;
        };
        if (process_.dead()) throw PostgresUnavailable{"the process is dead"};
        const auto outcome = std::make_shared<Outcome>(process_.executor());
        outcome->timer.expires_at(asio::steady_timer::time_point::max());
        const std::weak_ptr<Outcome> told = outcome;
        // The body refers to what the caller owns: it runs only while the caller waits.
        auto run = [told, body = std::move(body)] {
            const auto of = told.lock();
            if (!of) return;
            try {
                of->value = body();
            } catch (...) {
                of->thrown = std::current_exception();
            }
        };
        auto done = [told, alive = std::weak_ptr{alive_}](TransactionEnd end) {
            const auto of = told.lock();
            const auto process = alive.lock();
            if (!of || !process) return;
            of->end = end;
            of->timer.cancel();
            (*process)->wake();
        };
        server_.transact(host_, alive_, std::move(terms), std::move(run), std::move(done));
        while (!outcome->end) {
            co_await outcome->timer.async_wait(asio::as_tuple(asio::use_awaitable));
            if (!outcome->end && process_.dead())
                throw boost::system::system_error{asio::error::operation_aborted};
        }
        if (on_reachable) on_reachable(*outcome->end != TransactionEnd::lost);
        if (*outcome->end == TransactionEnd::lock_timeout)
            throw PostgresError{"canceling statement due to lock timeout", "55P03"};
        if (*outcome->end == TransactionEnd::failed && server_.read_only)
            throw PostgresError{"cannot execute in a read-only transaction", "25006"};
        if (*outcome->end != TransactionEnd::committed)
            throw PostgresUnavailable{"the connection to the server was lost"};
        if (outcome->thrown) std::rethrow_exception(outcome->thrown);
        co_return *std::move(outcome->value);
    }

    /// Told at the end of each transaction whether the server was there.
    std::function<void(bool reachable)> on_reachable;

    PostgresServer& server() { return server_; }
    Process& process() { return process_; }

private:
    PostgresServer& server_;
    Host& host_;
    Process& process_;
    std::shared_ptr<Process*> alive_;
};

}  // namespace quorate::simulation
