#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "archiver/compaction/compaction_store.hpp"
#include "archiver/store/packed_cell.hpp"
#include "archiver/store/sql_text.hpp"
#include "platform/postgres/database.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate::testing {

/// A database whose minutes are written straight into it, and all of it rolled up.
struct Archive {
    explicit Archive(Window window = Window::minute())
        : world{window},
          database{{.conninfo = world.config().postgres_conninfo,
                    .application_name = "test",
                    .connections = 1}} {
        for (const auto* name : {"ap", "eu", "us", "sa", "af"})
            regions.push_back(world.region(name));
        world.sql(fmt::format(
            "INSERT INTO quorate.deployment (window_ms, shards) VALUES ({}, 4);"
            "INSERT INTO quorate.shard_watermark SELECT s, now() - interval '100 days'"
            " FROM generate_series(0, 3) s;"
            "SELECT quorate.make_minute_partitions();"
            "UPDATE quorate.shard_watermark SET minute = date_trunc('minute', now());"
            "INSERT INTO quorate.rollup_progress SELECT s, now() FROM generate_series(0, 3) s",
            window.length().count()));
    }

    EndpointId endpoint(const std::string& name) {
        return world.endpoint(name, regions, world.minute(-1'000'000));
    }
    /// The start of the hour so many hours ago.
    UtcMinute hour(int ago) const {
        const auto now = std::chrono::floor<std::chrono::hours>(SystemClock{}.utc_now());
        return UtcMinute::from_epoch_ms((now - std::chrono::hours{ago}).time_since_epoch() /
                                        milliseconds{1});
    }
    void insert(EndpointId of, UtcMinute minute, const std::string& rest) {
        rows += fmt::format(
            "{}('{}', {}, {})", rows.empty() ? "" : ",", timestamp_text(minute), of.value(), rest);
    }
    /// Stores what was inserted.
    void flush() {
        world.sql(
            "INSERT INTO quorate.minute (minute, endpoint_id, batch_id, decision, scope,"
            " rule_row, rule_version, uptime_use, cells, details) VALUES " +
            std::exchange(rows, {}));
    }
    /// `minutes` healthy ones from there on.
    void insert_plain(EndpointId of, UtcMinute from, int minutes) {
        for (int i = 0; i < minutes; ++i) {
            std::string cells;
            for (const auto region : regions)
                append_packed(
                    packed_cell(world.cell(of, region, from.plus(i, world.window), '.'), false),
                    cells);
            insert(of,
                   from.plus(i, world.window),
                   "1, 0, 0, 8, 1, 0, '" + bytea_text(cells) + "', NULL");
        }
        flush();
    }
    CompactionBounds bounds() const {
        return {world.window,
                SystemClock{}.utc_now() - std::chrono::hours{48},
                7,
                1000,
                World::shards()};
    }
    CompactionOutcome compact_once(std::set<EndpointId> without = {}) {
        return database.transact_blocking([&](auto& work) {
            work.exec("SET LOCAL ROLE quorate_archiver");
            return compact(work, bounds(), EndpointId{0}, without);
        });
    }
    /// Until nothing is due. @return how many minutes were packed
    std::size_t compact_all() {
        std::size_t minutes = 0;
        for (;;) {
            const auto some = compact_once().minutes;
            if (some == 0) return minutes;
            minutes += some;
        }
    }
    /// What views and tables of minutes say, as one text.
    void keep(const std::string& as) const {
        world.sql("CREATE TABLE public." + as +
                  " AS SELECT 1 AS of, m::text AS row FROM quorate.any_minute m"
                  " UNION ALL SELECT 2, m::text FROM dash.minute m"
                  " UNION ALL SELECT 3, m::text FROM dash.region_minute m");
    }
    std::string difference(const std::string& a, const std::string& b) const {
        return world.sql(fmt::format(
            "(SELECT '-', d.* FROM (TABLE public.{0} EXCEPT ALL TABLE public.{1}) d LIMIT 3)"
            " UNION ALL"
            " (SELECT '+', d.* FROM (TABLE public.{1} EXCEPT ALL TABLE public.{0}) d LIMIT 3)",
            a,
            b));
    }
    std::string count(const std::string& table) const {
        return world.sql("SELECT count(*) FROM quorate." + table);
    }

    World world;
    Database database;
    std::vector<RegionId> regions;
    std::string rows;  // to be inserted
};

}  // namespace quorate::testing
