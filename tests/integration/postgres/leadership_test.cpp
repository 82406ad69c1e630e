#include <chrono>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include "platform/postgres/database.hpp"
#include "platform/runtime/sleep.hpp"
#include "tests/integration/postgres/cluster.hpp"
#include "tests/integration/postgres/run_task.hpp"

namespace quorate {
namespace {

using testing::cluster;
using testing::fresh_database;
using testing::name_of_database;

constexpr std::int64_t kKey = 4711;

/// Runs until `stop` or until half a minute has passed, which fails the test.
class Loop {
public:
    asio::io_context io;

    template <class T>
    void start(Task<T> task) {
        asio::co_spawn(io,
                       std::move(task),
                       asio::bind_cancellation_slot(signals_.emplace_back().slot(),
                                                    [](std::exception_ptr) {}));
    }
    void run_until(const std::function<bool()>& done) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{30};
        while (!done() && std::chrono::steady_clock::now() < give_up)
            io.run_one_for(std::chrono::milliseconds{100});
        ASSERT_TRUE(done());
    }
    ~Loop() {
        for (auto& signal : signals_)
            signal.emit(asio::cancellation_type::terminal);
        io.restart();
        io.run_for(std::chrono::seconds{10});
    }

private:
    std::list<asio::cancellation_signal> signals_;
};

Task<> forever(int& running) {
    ++running;
    try {
        for (;;)
            co_await sleep_for(std::chrono::hours{1});
    } catch (...) {
        --running;
        throw;
    }
}

TEST(Leadership, OneOfTwoLeadsAndTheOtherTakesOverWhenItsConnectionBreaks) {
    const auto conninfo = fresh_database();
    Database first{{.conninfo = conninfo, .application_name = "first"}};
    Database second{{.conninfo = conninfo, .application_name = "second"}};
    int first_runs = 0;
    int second_runs = 0;
    std::vector<bool> first_changes;
    Loop loop;
    loop.start(first.lead(
        kKey, [&](bool is) { first_changes.push_back(is); }, [&] { return forever(first_runs); }));
    loop.run_until([&] { return first_runs == 1; });
    bool told = false;
    loop.start(second.lead(
        kKey,
        [&](bool is) {
            if (!told) {
                EXPECT_FALSE(is) << "the first leads";
            }
            told = true;
        },
        [&] { return forever(second_runs); }));
    loop.run_until([&] { return told; });
    EXPECT_EQ(second_runs, 0);

    // Its session is cut: the lock is free, and the work of the first ends.
    cluster().sql("postgres",
                  "SELECT pg_terminate_backend(l.pid) FROM pg_locks l "
                  "WHERE l.locktype = 'advisory' AND l.granted AND l.objid = " +
                      std::to_string(kKey));
    loop.run_until([&] { return first_runs + second_runs == 1 && first_changes.size() >= 3; });
    EXPECT_FALSE(first_changes[2]) << "it must learn that it lost the lock";
}

TEST(Leadership, WhatTheWorkThrowsEndsTheLead) {
    Database database{{.conninfo = fresh_database(), .application_name = "test"}};
    const auto fail = []() -> Task<> {
        co_await sleep_for(milliseconds{1});
        throw std::logic_error{"mine"};
    };
    EXPECT_THROW(testing::run_task(database.lead(
                     kKey, [](bool) {}, fail)),
                 std::logic_error);
    // The lock is free again.
    int runs = 0;
    const auto once = [&runs]() -> Task<> {
        ++runs;
        co_return;
    };
    testing::run_task(database.lead(
        kKey, [](bool) {}, once));
    EXPECT_EQ(runs, 1);
}

TEST(Listener, WakesOnNotifyAndAgainAfterTheServerWasAway) {
    const auto conninfo = fresh_database();
    Database database{{.conninfo = conninfo, .application_name = "test"}};
    std::vector<std::string> woken;
    Loop loop;
    loop.start(database.listen("news", [&](std::string_view text) { woken.emplace_back(text); }));
    loop.run_until([&] { return woken.size() == 1; });
    EXPECT_EQ(woken[0], "");
    cluster().sql(name_of_database(conninfo), "NOTIFY news, 'hello'");
    loop.run_until([&] { return woken.size() == 2; });
    EXPECT_EQ(woken[1], "hello");
    cluster().restart();
    loop.run_until([&] { return woken.size() == 3; });
    EXPECT_EQ(woken[2], "") << "something may have been missed";
    cluster().sql(name_of_database(conninfo), "NOTIFY news, 'again'");
    loop.run_until([&] { return woken.size() == 4; });
}

}  // namespace
}  // namespace quorate
