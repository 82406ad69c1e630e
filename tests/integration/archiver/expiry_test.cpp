#include <gtest/gtest.h>

#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using testing::World;

TEST(ArchiverExpiry, AnArchiverTellsOfACredentialThatExpiresSoon) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu")};
    for (const auto* name : {"walled", "open"})
        world.endpoint(name, regions, world.minute(-1));
    world.sql(
        "INSERT INTO quorate.data_key VALUES ('acme', 1, '\\x00', 'test');"
        "INSERT INTO quorate.secret VALUES ('acme', 'token', 1, 1, '\\x00', now(), now(), 'test',"
        " '2020-02-02T00:00:00Z', 'declared');"
        "UPDATE quorate.endpoint_version v SET spec = spec || '{\"bearer\": {\"secret\": "
        "\"token\"}}' FROM quorate.endpoint e WHERE e.id = v.endpoint_id AND e.name = 'walled'");
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT endpoint, kind, detail, closed_at IS NULL FROM dash.notice",
            "walled|credential_expiry|The secret token expired at 2020-02-02T00:00:00Z|t");
        co_await world.expect_sql(
            "SELECT payload->>'endpoint', payload->>'notice', payload->>'kind' FROM quorate.outbox",
            "walled|credential_expiry|opened");
    });
}

}  // namespace
}  // namespace quorate
