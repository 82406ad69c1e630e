// A Postgres that keeps its connections and answers nothing.
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "platform/runtime/clock.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using testing::cluster;
using testing::eventually;
using testing::World;

TEST(ArchiverFault, ASilentPostgresIsSaidAndDoesNotHoldUpItsEnd) {
    World world{*Window::of(std::chrono::seconds{2})};
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(-4);
    const auto endpoint = world.endpoint("search", regions, minute);
    const SystemClock clock;
    SteadyTime told;
    world.with_archiver([&](RedisClient& client, ArchiverApp& app) -> Task<> {
        co_await world.record(client, endpoint, minute, "..");
        const auto page_has = [&](std::string path, std::string text) -> Task<bool> {
            const auto page = co_await World::http_get(app.health_port(), path);
            co_return page.find(text) != std::string::npos;
        };
        const auto ready = [&] { return page_has("/readyz", "true"); };
        const bool is_ready = co_await eventually(ready);
        EXPECT_TRUE(is_ready);
        co_await world.expect_sql("SELECT count(*) > 0 FROM quorate.minute", "t");
        cluster().pause();
        const auto unreachable = [&] { return page_has("/readyz", "[\"postgres_unreachable\"]"); };
        EXPECT_TRUE(co_await eventually(unreachable));
        // What is overdue meanwhile grows with each look.
        const auto overdue = [&]() -> Task<bool> {
            co_return !co_await page_has("/metrics", "quorate_archiver_watermark_lag_seconds 0\n");
        };
        EXPECT_TRUE(co_await eventually(overdue));
        told = clock.steady_now();
    });
    EXPECT_LT(clock.steady_now() - told, std::chrono::seconds{20});
    cluster().resume();
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT max(minute) > now() - interval '10 s' FROM quorate.minute", "t");
    });
}

}  // namespace
}  // namespace quorate
