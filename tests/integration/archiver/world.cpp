#include "tests/integration/archiver/world.hpp"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "core/schedule/schedule.hpp"
#include "platform/postgres/migrations.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/wire/cell_codec.hpp"

namespace quorate::testing {
namespace {

std::string quoted(UtcMinute minute) {
    return "'" + to_rfc3339(minute) + "'";
}

std::string array_of(const std::vector<RegionId>& regions) {
    std::string text = "ARRAY[";
    for (const auto region : regions)
        text += (text.back() == '[' ? "" : ",") + std::to_string(region.value());
    return text + "]::smallint[]";
}

}  // namespace

PostgresCluster& cluster() {
    static PostgresCluster shared;
    return shared;
}

World::World(Window length) : window{length} {
    static int count = 0;
    name = "world" + std::to_string(++count);
    Database database{{.conninfo = cluster().create_database(name), .application_name = "test"}};
    migrate(database);
    sql("INSERT INTO quorate.tenant (name) VALUES ('acme')");
    sql("INSERT INTO quorate.catalogue_change (principal, summary) VALUES ('test', '{}')");
    present_ = UtcMinute::containing(SystemClock{}.utc_now(), window);
}

UtcMinute World::minute(std::int64_t windows) const {
    return present_.plus(windows, window);
}

RegionId World::region(const std::string& region_name) {
    return RegionId{std::stoull(
        sql("INSERT INTO quorate.region (name) VALUES ('" + region_name + "') RETURNING id"))};
}

EndpointId World::endpoint(const std::string& endpoint_name,
                           std::vector<RegionId> regions,
                           UtcMinute from) {
    const EndpointId id{
        std::stoull(sql("INSERT INTO quorate.endpoint (tenant, name, shard, cell_slot) VALUES "
                        "('acme', '" +
                        endpoint_name + "', 0, 1048575) RETURNING id"))};
    const auto text = std::to_string(id.value());
    sql("UPDATE quorate.endpoint SET shard = " + std::to_string(shard(id).value()) +
        ", cell_slot = " + std::to_string(slot(id)) + " WHERE id = " + text);
    sql("INSERT INTO quorate.endpoint_version VALUES (" + text + ", 1, 1, " + quoted(from) +
        ", NULL, 'https://" + endpoint_name + ".example/mcp', " + array_of(regions) + ", " +
        std::to_string(window.length().count()) + R"(, false, '{"p1_quorum": "2"}'))");
    regions_[id] = std::move(regions);
    return id;
}

void World::remove(EndpointId endpoint, UtcMinute minute) {
    const auto text = std::to_string(endpoint.value());
    sql("UPDATE quorate.endpoint_version SET valid_to = " + quoted(minute) +
        " WHERE valid_to IS NULL AND endpoint_id = " + text);
    sql("UPDATE quorate.endpoint SET deleted_at = CURRENT_TIMESTAMP WHERE id = " + text);
}

void World::pause(EndpointId endpoint, UtcMinute minute) {
    const auto text = std::to_string(endpoint.value());
    sql("UPDATE quorate.endpoint_version SET valid_to = " + quoted(minute) +
        " WHERE valid_to IS NULL AND endpoint_id = " + text);
    sql("INSERT INTO quorate.endpoint_version SELECT endpoint_id, version + 1, 1, valid_to, NULL, "
        "url, regions, interval_ms, true, spec FROM quorate.endpoint_version WHERE version = 1 "
        "AND endpoint_id = " +
        text);
}

Cell World::cell(EndpointId endpoint, RegionId region, UtcMinute minute, char symbol) const {
    Cell cell;
    cell.key = {endpoint, region, minute};
    cell.verdict = Verdict::up;
    cell.started = UtcTime{minute.start()} + milliseconds{100 * region.value()};
    cell.attempt = 1;
    cell.agent = "agent-" + std::to_string(region.value());
    cell.agent_lag_us = 1'250;  // on its way rounded up to 4 ms
    cell.http_status = 200;
    cell.era = Era::legacy;
    cell.timings.tcp = 1'500;
    cell.timings.initialize = 20'000;
    cell.timings.tools_list = 10'000;
    cell.timings.total = static_cast<std::uint32_t>(31'500 + 1'000 * region.value());
    switch (symbol) {
        case 'F':
            cell.verdict = Verdict::fail;
            cell.reason = Reason::connection_refused;
            cell.phase = Phase::tcp;
            cell.retried = true;
            cell.attempt = 2;
            cell.http_status.reset();
            cell.era.reset();
            cell.timings = {};
            cell.detail = "connection refused";
            cell.peer_address = "192.0.2.1";
            cell.os_error = 111;
            break;
        case 'A':
            cell.verdict = Verdict::auth;
            cell.reason = Reason::auth_required;
            cell.http_status = 401;
            break;
        case '~':
            cell.verdict = Verdict::slow;
            cell.reason = Reason::slow;
            cell.slow = true;
            break;
        default:
            break;
    }
    return cell;
}

CellToRecord World::to_record(const Cell& cell, bool with_details) const {
    return {shard(cell.key.endpoint),
            cell.key,
            slot(cell.key.endpoint),
            RegionMask::of(regions_.at(cell.key.endpoint)),
            wire::encode_cell(cell, with_details)};
}

Task<std::vector<Recorded>> World::record(RedisClient& client,
                                          EndpointId endpoint,
                                          UtcMinute minute,
                                          std::string symbols) {
    CellBuffer buffer{client};
    const auto& regions = regions_.at(endpoint);
    std::vector<CellToRecord> cells;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        if (symbols[i] == 'u') continue;
        const auto made = cell(endpoint, regions.at(i), minute, symbols[i]);
        cells.push_back(to_record(made, symbols[i] != ','));
    }
    co_return co_await buffer.record(std::move(cells));
}

Task<> World::heartbeat(RedisClient& client, std::string region) {
    Heartbeat beat;
    beat.agent = region + "-1";
    beat.version = "test";
    beat.at = co_await redis_time(client);
    beat.started_at = beat.at;
    co_await write_heartbeat(client, std::move(region), std::move(beat));
}

ArchiverConfig World::config() const {
    ArchiverConfig config;
    config.window = window.length();
    config.health_port = 0;
    config.log_level = "error";
    config.redis.url = redis.url();
    config.postgres_conninfo = cluster().conninfo(name);
    config.shards = kShards;
    config.rollup_every = milliseconds{100};
    return config;
}

void World::with_archiver(const std::function<Task<>(RedisClient&, ArchiverApp&)>& body) {
    with_client(redis, [&](RedisClient& client) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        ArchiverApp app{config(), executor};
        TaskGroup group{executor, 1};
        group.spawn("archiver", app.run());
        std::exception_ptr failure;
        try {
            co_await body(client, app);
        } catch (...) {
            failure = std::current_exception();
        }
        group.cancel();
        co_await group.join();
        if (failure) std::rethrow_exception(failure);
    });
}

Task<std::string> World::http_get(std::uint16_t port, std::string path) {
    asio::ip::tcp::socket socket{co_await asio::this_coro::executor};
    const asio::ip::tcp::endpoint peer{asio::ip::address_v4::loopback(), port};
    co_await socket.async_connect(peer, asio::use_awaitable);
    const auto request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    std::string answer;
    boost::system::error_code closed;
    co_await asio::async_read(
        socket, asio::dynamic_buffer(answer), asio::redirect_error(asio::use_awaitable, closed));
    const auto body = answer.find("\r\n\r\n");
    co_return answer.substr(0, answer.find("\r\n")) + "\n" + answer.substr(body + 4);
}

Task<> World::expect_sql(std::string query, std::string wanted) {
    std::string is;
    const auto holds = [&]() -> Task<bool> {
        // A look blocks this thread, which an archiver may share: it needs time in between.
        co_await sleep_for(milliseconds{50});
        try {
            is = sql(query);
        } catch (const std::runtime_error& error) {  // the server is away
            is = error.what();
        }
        co_return is == wanted;
    };
    // A minute that lies ahead is sealed once it has begun, be it complete before.
    co_await eventually(holds, std::chrono::seconds{60});
    EXPECT_EQ(is, wanted) << query;
}

Task<> World::expect_sealed(RedisClient& client, UtcMinute minute) {
    CellBuffer buffer{client};
    const auto holds = [&]() -> Task<bool> {
        const auto all = shards();
        std::vector<ShardId> asked{all.begin(), all.end()};
        const auto known = co_await buffer.read_sealed(std::move(asked));
        co_return std::ranges::all_of(known, [&](const auto& sealed) { return sealed >= minute; });
    };
    const bool sealed = co_await eventually(holds, std::chrono::seconds{60});
    EXPECT_TRUE(sealed);
}

}  // namespace quorate::testing
