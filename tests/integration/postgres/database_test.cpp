#include "platform/postgres/database.hpp"

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "platform/runtime/clock.hpp"
#include "tests/integration/postgres/cluster.hpp"
#include "tests/integration/postgres/run_task.hpp"
#include "tests/integration/postgres/silent_port.hpp"

// libpqxx 6.4 loses one PGresult (about 2 kB) where the server ends a connection within a
// transaction. LeakSanitizer calls this where it is linked in.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libpqxx-6.4.so";
}

namespace quorate {
namespace {

using testing::cluster;
using testing::fresh_database;
using testing::name_of_database;
using testing::PostgresCluster;
using testing::run_task;

int one(pqxx::work& work) {
    return work.exec1("SELECT 1")[0].as<int>();
}

TEST(Database, RunsATransactionOnAPoolThreadAndCommitsIt) {
    const auto conninfo = fresh_database();
    Database database{{.conninfo = conninfo, .application_name = "test"}};
    auto create = [](pqxx::work& work) {
        work.exec("CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
        return work.exec1("SELECT current_setting('statement_timeout')")[0].as<std::string>();
    };
    EXPECT_EQ(run_task(database.transact(create)), "10s");
    EXPECT_EQ(cluster().sql(name_of_database(conninfo), "SELECT n FROM t"), "7");
}

TEST(Database, RollsBackWhatAThrowingFunctionWrote) {
    const auto conninfo = fresh_database();
    Database database{{.conninfo = conninfo, .application_name = "test"}};
    database.transact_blocking([](pqxx::work& work) { work.exec("CREATE TABLE t (n int)"); });
    const auto fail = [](pqxx::work& work) {
        work.exec("INSERT INTO t VALUES (1)");
        throw std::logic_error{"mine"};
    };
    EXPECT_THROW(database.transact_blocking(fail), std::logic_error);
    EXPECT_EQ(cluster().sql(name_of_database(conninfo), "SELECT count(*) FROM t"), "0");
}

TEST(Database, TellsARefusedStatementByItsSqlstate) {
    Database database{{.conninfo = fresh_database(), .application_name = "test"}};
    try {
        database.transact_blocking([](pqxx::work& work) { work.exec("SELECT * FROM nowhere"); });
        FAIL() << "not refused";
    } catch (const PostgresError& error) {
        EXPECT_EQ(error.sqlstate(), "42P01");
    }
}

TEST(Database, ASerializationFailureRunsTheFunctionAgain) {
    const auto conninfo = fresh_database();
    Database database{{.conninfo = conninfo, .application_name = "test"}};
    database.transact_blocking(
        [](pqxx::work& work) { work.exec("CREATE TABLE t (n int); INSERT INTO t VALUES (0)"); });
    int runs = 0;
    database.transact_blocking([&](pqxx::work& work) {
        work.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
        work.exec("SELECT n FROM t");
        // Another transaction changes the row that this one has a snapshot of, the first time.
        if (++runs == 1) cluster().sql(name_of_database(conninfo), "UPDATE t SET n = n + 10");
        work.exec("UPDATE t SET n = n + 1");
    });
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(cluster().sql(name_of_database(conninfo), "SELECT n FROM t"), "11");
}

TEST(Database, AStatementThatTakesTooLongIsRefused) {
    Database database{{.conninfo = fresh_database(),
                       .application_name = "test",
                       .statement_timeout = milliseconds{50}}};
    try {
        database.transact_blocking([](pqxx::work& work) { work.exec("SELECT pg_sleep(30)"); });
        FAIL() << "not refused";
    } catch (const PostgresError& error) {
        EXPECT_EQ(error.sqlstate(), "57014");
    }
}

TEST(Database, AServerThatIsAwayIsUnavailableAndComesBackByItself) {
    const auto conninfo = fresh_database();
    std::vector<bool> changes;  // of this thread alone: everything runs on it
    Database database{{.conninfo = conninfo,
                       .application_name = "test",
                       .on_reachable = [&changes](bool is) { changes.push_back(is); }}};
    EXPECT_EQ(database.transact_blocking(one), 1);
    cluster().kill();
    EXPECT_THROW(database.transact_blocking(one), PostgresUnavailable);
    EXPECT_THROW(database.transact_blocking(one), PostgresUnavailable);
    cluster().start();
    EXPECT_EQ(database.transact_blocking(one), 1);
    EXPECT_EQ(changes, (std::vector<bool>{true, false, true}));
}

TEST(Database, AConnectionCutWithinATransactionIsUnavailableAndWritesNothing) {
    const auto conninfo = fresh_database();
    Database database{{.conninfo = conninfo, .application_name = "test"}};
    database.transact_blocking([](pqxx::work& work) { work.exec("CREATE TABLE t (n int)"); });
    const auto cut = [](pqxx::work& work) {
        work.exec("INSERT INTO t VALUES (1)");
        const auto backend = work.exec1("SELECT pg_backend_pid()")[0].as<std::string>();
        cluster().sql("postgres", "SELECT pg_terminate_backend(" + backend + ", 5000)");
        work.exec("INSERT INTO t VALUES (2)");
    };
    EXPECT_THROW(database.transact_blocking(cut), PostgresUnavailable);
    EXPECT_EQ(database.transact_blocking(one), 1);
    EXPECT_EQ(cluster().sql(name_of_database(conninfo), "SELECT count(*) FROM t"), "0");
}

TEST(Database, AnIdleConnectionThatTheServerEndedIsReplacedUnseen) {
    Database database{{.conninfo = fresh_database(), .application_name = "test"}};
    EXPECT_EQ(database.transact_blocking(one), 1);
    cluster().restart();
    EXPECT_EQ(database.transact_blocking(one), 1);
}

/// What a Database says of Postgres; from any thread.
struct Reachable {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<bool> told;

    void tell(bool reachable) {
        {
            const std::lock_guard lock{mutex};
            told.push_back(reachable);
        }
        changed.notify_all();
    }
    /// False where nothing of that sort comes within half a minute.
    bool becomes(bool reachable) {
        std::unique_lock lock{mutex};
        return changed.wait_for(lock, std::chrono::seconds{30}, [&] {
            return !told.empty() && told.back() == reachable;
        });
    }
};

TEST(Database, AServerThatGoesSilentIsNoticedAndWhatWaitsForItEnds) {
    PostgresCluster own;
    const auto conninfo = own.create_database("silent");
    Reachable reachable;
    Database database{{.conninfo = conninfo,
                       .application_name = "test",
                       .connections = 2,
                       .on_reachable = [&](bool is) { reachable.tell(is); },
                       .watched = true}};
    EXPECT_EQ(database.transact_blocking(one), 1);
    EXPECT_TRUE(reachable.becomes(true));
    const auto in_the_midst = [&](pqxx::work& work) {
        work.exec("SELECT 1");
        own.pause();
        work.exec("SELECT 2");
    };
    EXPECT_THROW(database.transact_blocking(in_the_midst), PostgresUnavailable);
    EXPECT_TRUE(reachable.becomes(false));
    // While it is silent what begins ends as well: on a connection that was idle, or a new one.
    EXPECT_THROW(database.transact_blocking(one), PostgresUnavailable);
    EXPECT_THROW(database.transact_blocking(one), PostgresUnavailable);
    own.resume();
    EXPECT_TRUE(reachable.becomes(true));
    EXPECT_EQ(database.transact_blocking(one), 1);
}

TEST(Database, OfAServerThatStopsAndComesBackNobodyNeedsToAskToBeTold) {
    PostgresCluster own;
    Reachable reachable;
    Database database{{.conninfo = own.create_database("quiet"),
                       .application_name = "test",
                       .on_reachable = [&](bool is) { reachable.tell(is); },
                       .watched = true}};
    EXPECT_TRUE(reachable.becomes(true));
    own.stop();
    EXPECT_TRUE(reachable.becomes(false));
    own.start();
    EXPECT_TRUE(reachable.becomes(true));
}

TEST(Database, AServerThatTakesConnectionsAndSaysNothingIsGivenUpInEitherNotation) {
    const testing::SilentPort port;
    const SystemClock clock;
    const auto keywords = "host=127.0.0.1 dbname=x user=y port=" + port.number();
    const auto uri = "postgresql://y@127.0.0.1:" + port.number() + "/x";
    for (const auto& conninfo : {keywords, uri, uri + "?connect_timeout=2"}) {
        const auto began = clock.steady_now();
        Database database{{.conninfo = conninfo, .application_name = "it's a test"}};
        EXPECT_THROW(database.transact_blocking(one), PostgresUnavailable) << conninfo;
        EXPECT_LT(clock.steady_now() - began, std::chrono::seconds{15}) << conninfo;
    }
}

TEST(Database, WhatTheOperatorWroteWinsOverOurBoundsAndNames) {
    const auto conninfo = fresh_database();
    const auto name = [](pqxx::work& work) {
        return work.exec1("SHOW application_name")[0].as<std::string>();
    };
    Database ours{{.conninfo = conninfo, .application_name = "it's \\ ours"}};
    EXPECT_EQ(ours.transact_blocking(name), "it's \\ ours");
    Database theirs{{.conninfo = conninfo + " application_name=theirs", .application_name = "o"}};
    EXPECT_EQ(theirs.transact_blocking(name), "theirs");
}

TEST(Database, UsesNoMoreConnectionsThanItMay) {
    const auto conninfo = fresh_database();
    Database database{{.conninfo = conninfo, .application_name = "bounded", .connections = 2}};
    asio::io_context io;
    std::vector<std::future<void>> all;
    auto busy = [](pqxx::work& work) { work.exec("SELECT pg_sleep(0.02)"); };
    for (int i = 0; i < 8; ++i)
        all.push_back(asio::co_spawn(io, database.transact(busy), asio::use_future));
    io.run();
    for (auto& each : all)
        each.get();
    EXPECT_EQ(cluster().sql("postgres",
                            "SELECT count(*) FROM pg_stat_activity "
                            "WHERE application_name = 'bounded'"),
              "2");
}

}  // namespace
}  // namespace quorate
