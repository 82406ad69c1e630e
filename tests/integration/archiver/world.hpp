#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "archiver/app.hpp"
#include "core/model/cell.hpp"
#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/client.hpp"
#include "tests/integration/redis/with_client.hpp"
#include "tests/support/postgres_cluster.hpp"
#include "tests/support/redis_server.hpp"

namespace quorate::testing {

/// One Postgres for all tests of the binary; tests that stop it start it again.
PostgresCluster& cluster();

/// A migrated database, a Redis of its own, and a catalogue written straight into its tables: what
/// a deployment looks like to the archiver.
class World {
public:
    /// @param window of the deployment; all shards are 0..3.
    explicit World(Window window = Window::minute());

    static constexpr std::uint32_t kShards = 4;
    static std::set<ShardId> shards() { return {ShardId{0}, ShardId{1}, ShardId{2}, ShardId{3}}; }

    /// Adds a region; ids count from 1.
    RegionId region(const std::string& name);
    /// Adds an endpoint of tenant `acme` that is expected from `from` on.
    EndpointId endpoint(const std::string& name, std::vector<RegionId> regions, UtcMinute from);
    /// Ends the version in force before `minute`; marks the endpoint deleted.
    void remove(EndpointId endpoint, UtcMinute minute);
    /// The same endpoint, paused from `minute` on.
    void pause(EndpointId endpoint, UtcMinute minute);

    /// The minute `windows` before (or, positive, after) the present one.
    UtcMinute minute(std::int64_t windows) const;

    /// A cell with plausible figures. @param symbol `.` UP, `F` FAIL, `~` SLOW, `A` AUTH, `,` UP to
    /// be recorded without details.
    Cell cell(EndpointId endpoint, RegionId region, UtcMinute minute, char symbol) const;
    CellToRecord to_record(const Cell& cell, bool with_details = true) const;
    /// Records one cell per symbol, regions in order; `u` leaves the cell out.
    Task<std::vector<Recorded>> record(RedisClient& client,
                                       EndpointId endpoint,
                                       UtcMinute minute,
                                       std::string symbols);
    /// Writes a heartbeat of the region's agent, as of now.
    Task<> heartbeat(RedisClient& client, std::string region);

    ShardId shard(EndpointId endpoint) const { return ShardId{endpoint.value() % kShards}; }
    static std::uint32_t slot(EndpointId endpoint) {
        return static_cast<std::uint32_t>(endpoint.value());
    }
    std::string sql(const std::string& text) const { return cluster().sql(name, text); }
    ArchiverConfig config() const;

    /// Runs `body` beside an archiver, which is stopped when it ends. Throws what either threw.
    void with_archiver(const std::function<Task<>(RedisClient&, ArchiverApp&)>& body);
    /// Runs `body` without one.
    void without_archiver(const std::function<Task<>(RedisClient&)>& body) {
        with_client(redis, body);
    }
    /// Waits until the query gives `wanted`; a failed expectation shows what it gives.
    Task<> expect_sql(std::string query, std::string wanted);
    /// Waits until Redis, too, knows that all shards are sealed up to there: from then on cells of
    /// these minutes are late. It learns so after the rows are there to be seen.
    static Task<> expect_sealed(RedisClient& client, UtcMinute minute);

    /// The status line and body of a GET of one of the archiver's health pages.
    static Task<std::string> http_get(std::uint16_t port, std::string path);

    Window window;
    std::string name;
    RedisServer redis;

private:
    std::map<EndpointId, std::vector<RegionId>> regions_;
    UtcMinute present_;
};

}  // namespace quorate::testing
