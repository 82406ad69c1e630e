#include "platform/postgres/watchdog.hpp"

#include <future>
#include <string>

#include <gtest/gtest.h>

#include "tests/integration/postgres/cluster.hpp"
#include "tests/integration/postgres/silent_port.hpp"

namespace quorate::detail {
namespace {

using enum Watchdog::Found;

/// What a watchdog finds that has not been there before.
Watchdog::Found first_found(const std::string& conninfo) {
    std::promise<Watchdog::Found> first;
    bool told = false;
    const Watchdog watchdog{conninfo, [&](Watchdog::Found found) {
                                if (!told) first.set_value(found);
                                told = true;
                            }};
    return first.get_future().get();
}

TEST(Watchdog, AServerThatAnswersIsAlive) {
    EXPECT_EQ(first_found(testing::fresh_database()), alive);
}

// Transactions may have begun before the watchdog had its session: nobody else would end them.
TEST(Watchdog, OneThatTakesConnectionsAndSaysNothingIsSilentFromTheFirstLookOn) {
    const testing::SilentPort port;
    const auto to = "host=127.0.0.1 dbname=x user=y connect_timeout=2 port=" + port.number();
    EXPECT_EQ(first_found(to), silent);
}

TEST(Watchdog, OneThatRefusesIsAway) {
    EXPECT_EQ(first_found("host=/nonexistent dbname=x user=y"), away);
    EXPECT_EQ(first_found(testing::fresh_database() + " dbname=nonexistent"), away);
}

}  // namespace
}  // namespace quorate::detail
