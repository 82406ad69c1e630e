// What tool lists say: from the agents through Redis into the archive, and what a change of them
// is.
#include "core/manifest/manifest.hpp"

#include <gtest/gtest.h>

#include "core/base/json_text.hpp"
#include "platform/redis/keys.hpp"
#include "platform/redis/manifests.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using testing::World;

/// A tool list as agents tell of it.
struct List {
    explicit List(std::string_view json_text) {
        const auto parsed = parse_json(json_text);
        std::vector<boost::json::object> tools;
        for (const auto& tool : parsed->as_array())
            tools.push_back(tool.as_object());
        hashes = manifest_hashes(tools);
        text = manifest_text(tools);
        count = static_cast<std::uint32_t>(tools.size());
    }
    ManifestHashes hashes;
    std::string text;
    std::uint32_t count = 0;
};

const List kFirst{R"([{"name": "search", "inputSchema": {"type": "object"}}])"};
const List kMore{R"([{"name": "search", "inputSchema": {"type": "object"}},
                     {"name": "fetch", "inputSchema": {"type": "object"}}])"};
const List kLess{R"([{"name": "fetch", "inputSchema": {"type": "object"}}])"};

/// An endpoint that two regions look at, in windows so short that each begins before patience ends.
struct Watched {
    Watched() {
        regions = {world.region("ap"), world.region("eu")};
        first = world.minute(1);
    }

    /// A minute in which both regions tell of the list; it is sealed once it has begun.
    Task<> tell(RedisClient& client, EndpointId endpoint, int minute, List list) {
        std::vector<CellToRecord> cells;
        for (const auto region : regions) {
            auto cell = world.cell(endpoint, region, first.plus(minute, world.window), '.');
            cell.tool_count = list.count;
            cell.semantic_hash = list.hashes.semantic;
            cell.full_hash = list.hashes.full;
            cells.push_back(world.to_record(cell));
        }
        CellBuffer buffer{client};
        co_await buffer.record(std::move(cells));
    }
    /// As an agent of the region does before it tells.
    static Task<> put(RedisClient& client, std::string region, std::string hash, std::string text) {
        std::vector<ManifestContent> lists{{std::move(hash), std::move(text)}};
        co_await put_manifests(client, std::move(region), std::move(lists));
    }
    static Task<> put(RedisClient& client, const List& list) {
        for (const std::string region : {"ap", "eu"})
            co_await put(client, region, list.hashes.full, list.text);
    }
    /// Whether a region's list stands in Redis still.
    static Task<bool> waits(RedisClient& client, const List& list) {
        std::vector<ManifestName> names{{"ap", list.hashes.full}, {"eu", list.hashes.full}};
        const auto texts = co_await read_manifests(client, std::move(names));
        co_return texts[0] || texts[1];
    }
    Task<> gone(RedisClient& client, List list) {
        const auto left = [&]() -> Task<bool> {
            const auto still = co_await waits(client, list);
            co_return !still;
        };
        EXPECT_TRUE(co_await testing::eventually(left)) << "Redis keeps what Postgres has";
    }
    std::string stored() const {
        return world.sql(
            "SELECT count(*), bool_and(encode(sha256(content::bytea), 'hex') = full_hash)"
            " FROM quorate.manifest");
    }

    World world{*Window::of(std::chrono::seconds{5})};
    std::vector<RegionId> regions;
    UtcMinute first;
};

constexpr const char* kKinds =
    "SELECT region, change_kind, content_stored FROM dash.manifest ORDER BY region, first_seen";

TEST(ManifestStore, EachListIsStoredOnceAndADriftNamesItsKindAndTools) {
    Watched watched;
    auto& world = watched.world;
    const auto endpoint = world.endpoint("search", watched.regions, watched.first);
    const auto other = world.endpoint("other", watched.regions, watched.first);
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await watched.put(client, kFirst);
        co_await watched.tell(client, endpoint, 0, kFirst);
        co_await watched.tell(client, other, 0, kFirst);
        co_await world.expect_sql("SELECT count(*) FROM quorate.manifest_seen", "4");
        EXPECT_EQ(watched.stored(), "1|t");
        co_await watched.gone(client, kFirst);
        EXPECT_EQ(world.sql("SELECT count(*) FROM dash.notice"), "0");

        co_await watched.put(client, kMore);
        co_await watched.tell(client, endpoint, 1, kMore);
        co_await world.expect_sql("SELECT kind, detail FROM dash.notice",
                                  "tool_drift|The tool list changed, additive: fetch (tool_added)");
        co_await watched.put(client, kLess);
        co_await watched.tell(client, endpoint, 2, kLess);
        co_await world.expect_sql("SELECT detail FROM dash.notice",
                                  "The tool list changed, breaking: search (tool_removed)");
        co_await watched.gone(client, kLess);
    });
    EXPECT_EQ(world.sql("SELECT region, change_kind, content_stored FROM dash.manifest"
                        " WHERE endpoint = 'search' ORDER BY region, first_seen"),
              "ap||t\nap|additive|t\nap|breaking|t\neu||t\neu|additive|t\neu|breaking|t");
    EXPECT_EQ(watched.stored(), "3|t");
    EXPECT_EQ(world.sql("SELECT payload->>'detail' FROM quorate.outbox ORDER BY created_at"),
              "The tool list changed, additive: fetch (tool_added)\n"
              "The tool list changed, breaking: search (tool_removed)");
}

TEST(ManifestStore, WhatAnotherLifeStoredIsComparedAndNeitherFetchedNorStoredAgain) {
    Watched watched;
    auto& world = watched.world;
    const auto endpoint = world.endpoint("search", watched.regions, watched.first);
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await watched.put(client, kFirst);
        co_await watched.tell(client, endpoint, 0, kFirst);
        co_await world.expect_sql("SELECT count(*) FROM quorate.manifest", "1");
        co_await watched.gone(client, kFirst);
    });
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await watched.put(client, kMore);
        co_await watched.tell(client, endpoint, 1, kMore);
        co_await world.expect_sql("SELECT count(*) FROM quorate.manifest", "2");
        co_await watched.put(client, kFirst);  // an agent that was started anew
        co_await watched.tell(client, endpoint, 2, kFirst);
        co_await watched.gone(client, kFirst);
    });
    EXPECT_EQ(world.sql(kKinds), "ap||t\nap|additive|t\neu||t\neu|additive|t");
}

TEST(ManifestStore, AListThatNeverCameIsKnownByItsHashesAndTakenWhenItComes) {
    Watched watched;
    auto& world = watched.world;
    const auto endpoint = world.endpoint("search", watched.regions, watched.first);
    world.with_archiver([&](RedisClient& client, ArchiverApp& archiver) -> Task<> {
        co_await watched.put(client, kFirst);
        co_await watched.tell(client, endpoint, 0, kFirst);
        co_await world.expect_sql("SELECT count(*) FROM quorate.manifest", "1");
        co_await watched.tell(client, endpoint, 1, kMore);
        co_await world.expect_sql("SELECT detail FROM dash.notice",
                                  "The tool list changed in names or schemas");
        EXPECT_EQ(world.sql(kKinds), "ap||t\nap|contract|f\neu||t\neu|contract|f");
        const auto metrics = co_await World::http_get(archiver.health_port(), "/metrics");
        EXPECT_NE(metrics.find("quorate_archiver_manifests_total{outcome=\"missing\"} 1"),
                  std::string::npos)
            << metrics;
        // Only the second region has it, and it is told of again.
        co_await watched.put(client, "eu", kMore.hashes.full, kMore.text);
        co_await watched.tell(client, endpoint, 2, kMore);
        co_await world.expect_sql("SELECT count(*) FROM quorate.manifest", "2");
    });
    EXPECT_EQ(world.sql(kKinds), "ap||t\nap|contract|t\neu||t\neu|contract|t");
}

TEST(ManifestStore, WhatIsNotOfItsHashIsNotBelieved) {
    Watched watched;
    auto& world = watched.world;
    const auto endpoint = world.endpoint("search", watched.regions, watched.first);
    world.with_archiver([&](RedisClient& client, ArchiverApp& archiver) -> Task<> {
        co_await watched.put(client, "ap", kFirst.hashes.full, kMore.text);
        std::string no_text{"\xff\0", 2};
        co_await watched.put(client, "eu", kFirst.hashes.full, std::move(no_text));
        co_await watched.tell(client, endpoint, 0, kFirst);
        co_await world.expect_sql("SELECT count(*) FROM quorate.manifest_seen", "2");
        EXPECT_EQ(world.sql("SELECT count(*) FROM quorate.manifest"), "0");
        const auto metrics = co_await World::http_get(archiver.health_port(), "/metrics");
        EXPECT_NE(metrics.find("quorate_archiver_manifests_total{outcome=\"refused\"} 2"),
                  std::string::npos)
            << metrics;
    });
}

TEST(ManifestStore, AListThatIsLongerThanItMayBeIsNotRead) {
    Watched watched;
    watched.world.without_archiver([&](RedisClient& client) -> Task<> {
        for (const auto size : {kManifestBytesMax, kManifestBytesMax + 1}) {
            auto hash = std::to_string(size);
            co_await watched.put(client, "ap", hash, std::string(size, 'x'));
            std::vector<ManifestName> names{{"ap", std::move(hash)}};
            const auto texts = co_await read_manifests(client, std::move(names));
            EXPECT_EQ(texts.at(0).has_value(), size == kManifestBytesMax);
        }
        RedisArgs left{"TTL", keys::manifest("ap", std::to_string(kManifestBytesMax))};
        const auto seconds = co_await client.run(std::move(left));
        EXPECT_GT(seconds.integer(), 0);
    });
}

TEST(ManifestStore, AListThatWasDeletedBehindTheArchiversBackIsTakenWhenItIsToldAgain) {
    Watched watched;
    auto& world = watched.world;
    const auto endpoint = world.endpoint("search", watched.regions, watched.first);
    const auto other = world.endpoint("other", watched.regions, watched.first);
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await watched.put(client, kFirst);
        co_await watched.tell(client, endpoint, 0, kFirst);
        co_await world.expect_sql("SELECT count(*) FROM quorate.manifest", "1");
        co_await watched.gone(client, kFirst);
        world.sql("DELETE FROM quorate.manifest_seen");  // as forget does
        EXPECT_EQ(world.sql("SELECT count(*) FROM quorate.manifest"), "0")
            << "it goes with the last row that names it";
        co_await watched.put(client, kFirst);
        co_await watched.tell(client, other, 0, kFirst);
        co_await world.expect_sql("SELECT count(*) FROM quorate.manifest_seen", "2");
        co_await watched.tell(client, other, 1, kFirst);
        co_await world.expect_sql("SELECT count(*) FROM quorate.manifest", "1");
    });
}

}  // namespace
}  // namespace quorate
