#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "platform/postgres/database.hpp"
#include "platform/postgres/session.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate {
namespace {

using detail::PostgresSession;

/// The lock's session, opened where there is none; `held` says whether it has the lock.
struct LockAttempt {
    std::shared_ptr<PostgresSession> session;
    bool held = false;
};

LockAttempt try_lock(std::shared_ptr<PostgresSession> session,
                     const std::string& conninfo,
                     std::int64_t key) {
    try {
        if (!session) session = std::make_shared<PostgresSession>(conninfo);
        const auto answer =
            session->exec("SELECT pg_try_advisory_lock(" + std::to_string(key) + ")");
        return {std::move(session), answer == "t"};
    } catch (const PostgresUnavailable&) {
        return {};
    }
}

/// Returns when the session that holds the lock broke.
Task<> watch(BlockingPool& pool, std::shared_ptr<PostgresSession> session) {
    for (;;) {
        co_await sleep_for(Database::kLeadInterval);
        auto ask = [session] {
            try {
                session->exec("SELECT 1");
                return true;
            } catch (const PostgresUnavailable&) {
                return false;
            }
        };
        try {
            if (!co_await pool.run(std::move(ask))) co_return;
        } catch (const Overloaded&) {  // asked again at the next interval
        }
    }
}

bool was_cancelled(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
        return error.code() == asio::error::operation_aborted;
    } catch (const PostgresUnavailable&) {
        return true;  // the same loss, seen by the work
    } catch (...) {
        return false;
    }
}

/// @return true if the lock was lost, false if the work returned.
Task<bool> lost_while(Task<> watching, Task<> working) {
    auto executor = co_await asio::this_coro::executor;
    auto group = asio::experimental::make_parallel_group(
        asio::co_spawn(executor, std::move(watching), asio::deferred),
        asio::co_spawn(executor, std::move(working), asio::deferred));
    auto [order, watch_thrown, work_thrown] = co_await std::move(group).async_wait(
        asio::experimental::wait_for_one(), asio::use_awaitable);
    const bool watch_first = order[0] == 0;
    if (watch_first && watch_thrown) std::rethrow_exception(watch_thrown);
    if (work_thrown && !(watch_first && was_cancelled(work_thrown)))
        std::rethrow_exception(work_thrown);
    co_return watch_first&& work_thrown;
}

}  // namespace

Task<> Database::lead(std::int64_t key,
                      std::function<void(bool)> on_change,
                      std::function<Task<>()> work) {
    on_change(false);
    std::shared_ptr<PostgresSession> session;
    for (;;) {
        auto attempt = [session = std::move(session), conninfo = options_.conninfo, key]() mutable {
            return try_lock(std::move(session), conninfo, key);
        };
        auto [attempted, held] = co_await pool_.run(std::move(attempt));
        session = std::move(attempted);
        if (!held) {
            co_await sleep_for(kLeadInterval);
            continue;
        }
        on_change(true);
        auto watching = watch(pool_, session);
        auto working = work();
        const bool lost = co_await lost_while(std::move(watching), std::move(working));
        session.reset();
        if (!lost) co_return;
        on_change(false);
    }
}

}  // namespace quorate
