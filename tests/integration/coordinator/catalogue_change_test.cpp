// How a change of the catalogue reaches a coordinator: by its notification, or without it.
#include <gtest/gtest.h>

#include "coordinator/catalog/catalogue.hpp"
#include "tests/integration/coordinator/processes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::http_get;
using quorate::testing::ready;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;

/// The last change that the coordinator knows of.
std::int64_t generation_of(const RunningApp& app) {
    const auto metrics = http_get(app.health_port(), "/metrics");
    const std::string name = "\nquorate_coordinator_catalogue_generation ";
    const auto at = metrics.find(name);
    return at == std::string::npos ? -1 : std::stoll(metrics.substr(at + name.size()));
}

/// A coordinator, and somebody else who changes the catalogue.
struct Changing {
    /// @param options of the connection of the one who changes it
    explicit Changing(const std::string& options = {})
        : app{config_for(lab, redis.url())}, database{{lab.conninfo + options, "test"}} {
        EXPECT_TRUE(comes_to_hold([&] { return ready(app.health_port()); }));
    }

    /// Adds endpoints one by one, each as soon as the one before is known. How long it takes.
    microseconds add(int count) {
        const SystemClock clock;
        const auto began = clock.steady_now();
        for (int i = 0; i < count; ++i) {
            ApplyOrder order;
            order.files = {
                {"e.yaml", "endpoints:\n  - {name: e" + std::to_string(i) + ", url: 'http://h/'}"}};
            order.actor.principal = "test";
            quorate::testing::run_task(apply(database, clock, lab.deployment, std::move(order)));
            const auto last =
                std::stoll(lab.sql("SELECT max(generation) FROM quorate.catalogue_change"));
            EXPECT_TRUE(comes_to_hold([&] { return generation_of(app) >= last; })) << i;
        }
        return std::chrono::duration_cast<microseconds>(clock.steady_now() - began);
    }

    Catalogued lab;
    RedisServer redis;
    RunningApp app;
    Database database;
};

// A poll that finds a change has the next one a second later: more changes than seconds can't be
// known by polls.
TEST(CatalogueChange, ReachesACoordinatorByItsNotificationWithinASecond) {
    constexpr int kChanges = 10;
    Changing changing;
    EXPECT_LT(changing.add(kChanges), (kChanges - 1) * Catalogue::kPoll);
}

TEST(CatalogueChange, ReachesACoordinatorByAPollWhereItsNotificationIsLost) {
    constexpr int kChanges = 3;
    Changing changing{" options='-c search_path=lost,pg_catalog'"};
    changing.lab.sql(
        "CREATE SCHEMA lost;"
        "CREATE FUNCTION lost.pg_notify(text, text) RETURNS void LANGUAGE sql AS ''");
    EXPECT_GE(changing.add(kChanges), (kChanges - 1) * Catalogue::kPoll)
        << "it was notified all the same";
}

}  // namespace
}  // namespace quorate::coordinator
