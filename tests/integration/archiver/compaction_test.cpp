// Minutes that are packed into blocks: that nothing can tell, and that nothing is lost.
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "archiver/compaction/compaction_store.hpp"
#include "archiver/retention/retention_store.hpp"
#include "archiver/rollup/rollup_store.hpp"
#include "archiver/store/late_store.hpp"
#include "archiver/store/packed_cell.hpp"
#include "archiver/store/sql_text.hpp"
#include "archiver/store/state_store.hpp"
#include "core/base/big_endian.hpp"
#include "tests/integration/archiver/archive.hpp"

namespace quorate {
namespace {

using std::chrono::hours;
using testing::Archive;
using testing::World;

constexpr std::uint32_t kNone24 = 0xFFFFFF;

std::uint32_t below(std::mt19937& random, std::uint32_t bound) {
    return static_cast<std::uint32_t>(random() % bound);
}

/// Any cell of 28 bytes that could stand there, most of them healthy and much like their
/// neighbours.
std::string random_old_cell(std::mt19937& random, RegionId region) {
    std::string bytes;
    const auto put = [&](std::uint32_t value, std::size_t size) {
        append_big_endian(value, size, bytes);
    };
    const bool odd = below(random, 12) == 0;
    put(static_cast<std::uint32_t>(region.value()), 1);
    put(odd ? below(random, 7) : 1, 1);
    put(odd ? below(random, 60) : 0, 1);
    put(odd ? below(random, 12) : 0, 1);
    put(odd ? below(random, 256) : 0, 1);
    put(odd ? below(random, 7) : 1, 1);
    put(odd ? below(random, 600) : 200, 2);
    put(odd && below(random, 2) == 0 ? kNone24 : 1000 + below(random, 300), 3);
    for (int i = 0; i < 5; ++i)
        put(odd ? (below(random, 2) == 0 ? kNone24 : below(random, kNone24))
                : 2000 + below(random, 5000),
            3);
    put(odd ? 0xFFFF : below(random, 3), 2);
    return bytes;
}

/// Likewise of 19 bytes.
std::string random_short_cell(std::mt19937& random, RegionId region) {
    std::string bytes;
    const auto put = [&](std::uint32_t value, std::size_t size) {
        append_big_endian(value, size, bytes);
    };
    const bool odd = below(random, 12) == 0;
    put(static_cast<std::uint32_t>(region.value()), 1);
    put(odd ? below(random, 7) << 13 | below(random, 7) << 10 | below(random, 600)
            : 1 << 13 | 1 << 10 | 200,
        2);
    put(odd ? below(random, 60) : 0, 1);
    put(odd ? below(random, 12) : 0, 1);
    put(odd ? below(random, 256) : 0, 1);
    put(odd && below(random, 2) == 0 ? 0xFFFF : 1000 + below(random, 300), 2);
    for (int i = 0; i < 5; ++i)
        put(odd ? below(random, 0x10000) : 2000 + below(random, 5000), 2);
    put(odd ? 0xFF : below(random, 3), 1);
    return bytes;
}

/// Cells of a minute, of the one size or of the other: an hour may hold both.
std::string random_cells(Archive& archive, std::mt19937& random, std::size_t regions) {
    const bool is_short = below(random, 3) != 0;
    std::string cells;
    if (is_short && regions > 0) cells.push_back('\0');
    for (std::size_t region = 0; region < regions; ++region)
        cells += is_short ? random_short_cell(random, archive.regions[region])
                          : random_old_cell(random, archive.regions[region]);
    return cells;
}

/// Minutes of an endpoint over some hours: every `step`-th, some missing, regions that come and go.
void insert_random(Archive& archive, std::mt19937& random, EndpointId of, int step) {
    const auto from = archive.hour(75).plus(below(random, 60), archive.world.window);
    std::size_t regions = 1 + below(random, 5);
    const auto batches = std::uint32_t{1} << below(random, 32);
    for (int i = 0; i < 200; i += step) {
        if (below(random, 40) == 0) regions = below(random, 6);
        if (below(random, 25) == 0) continue;
        const auto cells = random_cells(archive, random, regions);
        const auto details =
            below(random, 10) == 0
                ? fmt::format(R"('{{"{}": {{"agent": "agent \"{}\"", "n": {}.50}}}}')",
                              1 + below(random, 5),
                              below(random, 100),
                              below(random, 100))
                : std::string{below(random, 30) == 0 ? "'{}'" : "NULL"};
        archive.insert(of,
                       from.plus(i, archive.world.window),
                       fmt::format("{}, {}, {}, {}, {}, {}, '{}', {}",
                                   1'000'000'000'000 + below(random, batches),
                                   below(random, 20) == 0 ? below(random, 9) : 0,
                                   below(random, 20) == 0 ? below(random, 5) : 0,
                                   below(random, 20) == 0 ? below(random, 9) : 8,
                                   1,
                                   below(random, 20) == 0 ? below(random, 3) : 0,
                                   bytea_text(cells),
                                   details));
    }
    archive.flush();
}

void expect_the_same(Window window) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    Archive archive{window};
    for (const int step : {1, 1, 5, 7, 60})
        insert_random(archive, random, archive.endpoint("every-" + std::to_string(random())), step);
    archive.keep("before");
    const auto minutes = archive.count("minute");
    EXPECT_EQ(std::to_string(archive.compact_all()), minutes);
    EXPECT_EQ(archive.count("minute"), "0");
    EXPECT_EQ(archive.world.sql("SELECT sum(minutes) FROM quorate.minute_block"), minutes);
    archive.keep("packed");
    EXPECT_EQ(archive.difference("before", "packed"), "");
    archive.world.sql(
        "SELECT quorate.unpack_blocks(id, '-infinity', 'infinity') FROM quorate.endpoint");
    EXPECT_EQ(archive.count("minute"), minutes);
    EXPECT_EQ(archive.count("minute_block"), "0");
    archive.keep("unpacked");
    EXPECT_EQ(archive.difference("before", "unpacked"), "");
}

TEST(Compaction, PackedMinutesReadAsTheyDidToTheByteWhateverTheyHold) {
    expect_the_same(Window::minute());
}

TEST(Compaction, ShorterWindowsArePackedLikewise) {
    expect_the_same(*Window::of(std::chrono::seconds{10}));
}

TEST(Compaction, OnlyWhatIsOldRolledUpAndNotStaleIsPacked) {
    Archive archive;
    const auto of = archive.endpoint("a");
    archive.insert_plain(of, archive.hour(60), 60);
    archive.insert_plain(of, archive.hour(49), 60);
    archive.insert_plain(of, archive.hour(48), 60);
    archive.world.sql(fmt::format("UPDATE quorate.rollup_progress SET until = '{}'",
                                  timestamp_text(archive.hour(60).plus(58, Window::minute()))));
    EXPECT_EQ(archive.compact_all(), 0U) << "the last minute of the hour is in no rollup";
    archive.world.sql("UPDATE quorate.rollup_progress SET until = now()");
    archive.world.sql(fmt::format("INSERT INTO quorate.rollup_stale VALUES ({}, '{}')",
                                  of.value(),
                                  timestamp_text(archive.hour(60))));
    EXPECT_EQ(archive.compact_all(), 0U) << "its hour is to be counted anew";
    archive.world.sql("DELETE FROM quorate.rollup_stale");
    EXPECT_EQ(archive.compact_all(), 120U);
    EXPECT_EQ(archive.world.sql("SELECT min(minute) FROM quorate.minute"),
              archive.world.sql("SELECT '" + timestamp_text(archive.hour(48)) + "'::timestamptz"))
        << "not all of it is two days old";
    EXPECT_EQ(archive.compact_all(), 0U) << "a second time";
}

TEST(Compaction, WhatEndsBeforeTheCommitLeavesMinutesAsTheyWere) {
    Archive archive;
    archive.insert_plain(archive.endpoint("a"), archive.hour(60), 60);
    archive.keep("before");
    const auto end_after_packing = [&](const std::string& statement) {
        archive.database.transact_blocking([&](auto& work) {
            EXPECT_EQ(compact(work, archive.bounds(), EndpointId{0}, {}).minutes, 60U);
            work.exec(statement);
        });
    };
    EXPECT_THROW(end_after_packing("SELECT pg_terminate_backend(pg_backend_pid())"),
                 PostgresUnavailable);
    EXPECT_THROW(end_after_packing("SELECT 1 / 0"), PostgresError);
    EXPECT_EQ(archive.count("minute"), "60");
    EXPECT_EQ(archive.count("minute_block"), "0");
    EXPECT_EQ(archive.compact_all(), 60U);
    archive.keep("packed");
    EXPECT_EQ(archive.difference("before", "packed"), "");
}

TEST(Compaction, ABlockThatWouldNotSayTheSameIsRefused) {
    Archive archive;
    const auto of = archive.endpoint("a");
    archive.insert_plain(of, archive.hour(60), 60);
    const auto expect_refused = [&](const std::string& alteration) {
        SCOPED_TRACE(alteration);
        archive.world.sql(
            "CREATE OR REPLACE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN " +
            alteration + "; RETURN NEW; END'");
        archive.world.sql(
            "CREATE OR REPLACE TRIGGER spoil BEFORE INSERT ON quorate.minute_block"
            " FOR EACH ROW EXECUTE FUNCTION spoil()");
        EXPECT_THROW(archive.compact_once(), CompactionRefused);
        EXPECT_EQ(archive.count("minute"), "60");
        EXPECT_EQ(archive.count("minute_block"), "0");
    };
    expect_refused("NEW.middle[7] = NEW.middle[7] + 1");
    expect_refused("NEW.longest[60] = -1");
    expect_refused("NEW.kind = NEW.kind + 1");
    expect_refused("NEW.batch_base = NEW.batch_base + 1");
    expect_refused("NEW.template = set_byte(NEW.template, 30, 17)");
    expect_refused("NEW.first = 1");
    archive.world.sql("DROP TRIGGER spoil ON quorate.minute_block");
    EXPECT_EQ(archive.compact_all(), 60U);
}

TEST(Compaction, AnEndpointThatIsRefusedIsLeftAloneAndTheOthersArePacked) {
    Archive archive;
    const auto broken = archive.endpoint("broken");
    archive.insert(broken, archive.hour(60), R"(1, 0, 0, 8, 1, 0, '\x0102', NULL)");
    archive.flush();
    archive.insert_plain(archive.endpoint("well"), archive.hour(60), 60);
    archive.world.with_archiver([&](RedisClient&, ArchiverApp& app) -> Task<> {
        co_await archive.world.expect_sql("SELECT sum(minutes) FROM quorate.minute_block", "60");
        const auto metrics = co_await World::http_get(app.health_port(), "/metrics");
        for (const auto* line : {"quorate_archiver_compacted_minutes_total 60",
                                 "quorate_archiver_compaction_refused_total 1"})
            EXPECT_NE(metrics.find(line), std::string::npos) << metrics;
    });
    EXPECT_EQ(archive.count("minute"), "1");
}

TEST(Compaction, ALateCellOfAPackedMinuteIsStoredAsEver) {
    Archive archive;
    const auto of = archive.endpoint("a");
    const auto from = archive.hour(60);
    archive.insert_plain(of, from, 3);
    auto missing = archive.world.cell(of, archive.regions[0], from.plus(3, Window::minute()), '.');
    missing.verdict = Verdict::unknown;
    missing.reason = Reason::not_reported;
    std::string cells;
    append_packed(packed_cell(missing, false), cells);
    archive.insert(of, missing.key.minute, "1, 0, 0, 8, 1, 0, '" + bytea_text(cells) + "', NULL");
    archive.flush();
    EXPECT_EQ(archive.compact_all(), 4U);

    const auto store = [&](const Cell& cell) {
        return archive.database.transact_blocking([&](auto& work) {
            work.exec("SET LOCAL ROLE quorate_archiver");
            return store_late(work, {cell});
        });
    };
    const auto late = archive.world.cell(of, archive.regions[0], missing.key.minute, '.');
    const std::string shown =
        "SELECT verdict, late FROM dash.region_minute ORDER BY minute DESC LIMIT 1";
    EXPECT_EQ(archive.world.sql(shown), "UNKNOWN|f");
    EXPECT_EQ(store(late).stored, 1U);
    EXPECT_EQ(archive.world.sql(shown), "UP|t");
    EXPECT_EQ(archive.count("rollup_stale"), "1");
    EXPECT_EQ(archive.compact_all(), 0U) << "not before it is counted anew";
    archive.world.sql("DELETE FROM quorate.rollup_stale");
    EXPECT_EQ(archive.compact_all(), 4U);
    EXPECT_EQ(archive.world.sql(shown), "UP|t");
    EXPECT_EQ(store(late).duplicate, 1U);
    auto nowhere = late;
    nowhere.key.minute = archive.hour(90);
    EXPECT_EQ(store(nowhere).unexpected, 1U);
}

// A block is sixty windows: where these are short, an hour is several, and one of them is unpacked.
TEST(Compaction, AnHourOfShortWindowsIsCountedAnewFromItsBlocksToo) {
    Archive archive{*Window::of(std::chrono::seconds{10})};
    const auto of = archive.endpoint("a");
    archive.insert_plain(of, archive.hour(60), 360);
    EXPECT_EQ(archive.compact_all(), 360U);
    EXPECT_EQ(archive.count("minute_block"), "6");
    archive.world.sql(
        fmt::format("SELECT quorate.unpack_blocks({0}, '{1}', '{1}');"
                    "SELECT quorate.mark_stale({0}, '{1}')",
                    of.value(),
                    timestamp_text(archive.hour(60).plus(330, archive.world.window))));
    EXPECT_EQ(archive.count("minute"), "60");
    archive.database.transact_blocking([&](pqxx::work& work) {
        work.exec("SET LOCAL ROLE quorate_archiver");
        EXPECT_EQ(roll_up_stale(work, World::shards(), 10), 1U);
    });
    for (const auto* table : {"hour", "day", "month"})
        EXPECT_EQ(archive.world.sql(
                      fmt::format("SELECT up, cells_measured FROM quorate.rollup_{}", table)),
                  "360|1800");
}

// What was sealed last tells a state's last minute, and may be packed: after a catch-up, or where
// one looks seldom.
TEST(Compaction, AStateIsThatOfTheLastMinuteThoughThatIsPacked) {
    Archive archive;
    const auto of = archive.endpoint("a");
    const auto from = archive.hour(60);
    archive.insert_plain(of, from, 60);
    EndpointProgress progress;
    progress.rule.last_minute = from;
    progress.rule.regions = {archive.regions[0]};
    progress.rule.states.emplace_back().last_vote = from;
    progress.rule.states[0].healthies = 2;
    const ProgressMap nothing;
    const Catalogue catalogue;
    SealPlan plan{nothing, catalogue, SystemClock{}.utc_now()};
    progress.shard = ShardId{std::stoull(archive.world.sql("SELECT shard FROM quorate.endpoint"))};
    plan.changed.emplace(of, progress);
    const auto load = [](pqxx::work& work) { return load_states(work, World::shards()).progress; };
    const auto check = [&](const char* when) {
        const auto loaded = archive.database.transact_blocking(load);
        EXPECT_EQ(loaded.at(of).rule.last_minute, from.plus(59, Window::minute())) << when;
        EXPECT_EQ(loaded.at(of).rule.states.at(0).last_vote, from.plus(59, Window::minute()))
            << when;
        EXPECT_EQ(archive.world.sql("SELECT last_minute FROM dash.endpoint_status"),
                  archive.world.sql("SELECT max(minute) FROM dash.minute"))
            << when;
    };
    archive.database.transact_blocking(
        [&](pqxx::work& work) { store_states(work, plan, StateJournal{}.entries(plan)); });
    check("not packed");
    EXPECT_EQ(archive.compact_all(), 60U);
    check("packed");
}

TEST(Compaction, ASpellThatReachesBackTurnsPackedMinutesIntoDownTime) {
    Archive archive;
    const auto of = archive.endpoint("a");
    const auto from = archive.hour(60);
    archive.insert_plain(of, from, 60);
    EXPECT_EQ(archive.compact_all(), 60U);
    for (const int region : {1, 2})
        archive.world.sql(fmt::format(
            R"(SET ROLE quorate_archiver; SELECT quorate.grow_spells('[{{"e":{},"r":{},"f":"{}","l":"{}","q":2}}]'))",
            of.value(),
            region,
            timestamp_text(from.plus(10, Window::minute())),
            timestamp_text(from.plus(15, Window::minute()))));
    const std::string down = "SELECT count(*) FROM quorate.any_minute WHERE uptime_use = 1";
    EXPECT_EQ(archive.world.sql(down), "5") << "the last one is the plan's own";
    archive.world.sql("DELETE FROM quorate.rollup_stale");
    EXPECT_EQ(archive.compact_all(), 60U);
    EXPECT_EQ(archive.world.sql(down), "5");
}

TEST(Compaction, AnHourOfWhichPartIsPackedIsPackedAnewAsAWhole) {
    Archive archive;
    const auto of = archive.endpoint("a");
    archive.insert_plain(of, archive.hour(60), 10);
    EXPECT_EQ(archive.compact_all(), 10U);
    archive.insert_plain(of, archive.hour(60).plus(30, Window::minute()), 10);
    EXPECT_EQ(archive.compact_all(), 20U);
    EXPECT_EQ(archive.world.sql("SELECT minutes FROM quorate.minute_block"), "20");
}

TEST(Compaction, BlocksGoByTheTierOfTheirTenant) {
    Archive archive;
    const auto of = archive.endpoint("a");
    for (const int days : {95, 89})
        archive.insert_plain(of, archive.hour(days * 24), 60);
    EXPECT_EQ(archive.compact_all(), 120U);
    const auto erase = [&] {
        return archive.database.transact_blocking([&](auto& work) {
            work.exec("SET LOCAL ROLE quorate_archiver");
            return delete_past(work, RetentionSettings{}, SystemClock{}.utc_now(), 100);
        });
    };
    EXPECT_EQ(erase().at("minute_block"), 1U);
    EXPECT_EQ(erase().at("minute_block"), 0U);
    EXPECT_EQ(archive.world.sql("SELECT count(*) FROM dash.minute"), "60");
}

TEST(Compaction, APartitionOfBlocksGoesOnlyPastEveryTierAndRolledUp) {
    Archive archive;
    const auto of = archive.endpoint("a");
    archive.insert_plain(of, archive.hour(90 * 24), 60);
    EXPECT_EQ(archive.compact_all(), 60U);
    const auto name =
        archive.world.sql("SELECT min(tableoid::regclass::text) FROM quorate.minute_block")
            .substr(8);
    RetentionSettings settings;
    const auto kept = [&]() -> std::string {
        for (const auto& report : archive.database.transact_blocking(
                 [&](auto& work) { return report_partitions(work, settings); }))
            if (report.name == name) return report.kept_because.value_or("-");
        return "no such partition";
    };
    EXPECT_EQ(kept(), "younger than the longest tier");
    settings.free = settings.team = settings.enterprise = hours{20 * 24};
    EXPECT_EQ(kept(), "1 endpoint-days hold more minutes than their rollup");
    archive.world.sql(
        "INSERT INTO quorate.rollup_day SELECT endpoint_id, date_trunc('day', start_at, 'UTC'),"
        " 60, 0, 0, 300, 300, NULL, NULL, NULL, '\\x00', '\\x0100' FROM quorate.minute_block");
    EXPECT_EQ(kept(), "-");
    archive.database.transact_blocking([&](auto& work) { drop_partition(work, name, settings); });
    EXPECT_EQ(kept(), "no such partition");
    EXPECT_EQ(archive.world.sql("SELECT count(*) FROM dash.minute"), "0");
    auto late = archive.world.cell(of, archive.regions[0], archive.hour(90 * 24), '.');
    EXPECT_EQ(
        archive.database.transact_blocking([&](auto& work) { return store_late(work, {late}); })
            .unexpected,
        1U);
}

TEST(Compaction, AConditionOnMinutesFindsBlocksByTheIndex) {
    Archive archive;
    const auto of = archive.endpoint("a");
    archive.insert_plain(of, archive.hour(75), 120);
    archive.compact_all();
    const auto plan = archive.world.sql(fmt::format(
        "SET enable_seqscan = off; EXPLAIN (COSTS OFF) SELECT * FROM dash.minute WHERE tenant = "
        "'acme' AND endpoint = 'a' AND minute >= '{}' AND minute < '{}'",
        timestamp_text(archive.hour(75)),
        timestamp_text(archive.hour(74))));
    EXPECT_NE(plan.find("packed_minute_pkey"), std::string::npos) << plan;
    EXPECT_NE(plan.find("start_at = p.start_at"), std::string::npos) << plan;
    EXPECT_EQ(plan.find("Seq Scan on minute_block"), std::string::npos) << plan;
}

}  // namespace
}  // namespace quorate
