// Cells that come after their minute was sealed.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "archiver/store/late_store.hpp"
#include "tests/integration/archiver/archive.hpp"

namespace quorate {
namespace {

using testing::Archive;
using testing::World;

/// A minute of which no cell came.
void insert_silent(Archive& archive, EndpointId of, UtcMinute minute) {
    std::string cells;
    for (const auto region : archive.regions) {
        Cell missing;
        missing.key = {of, region, minute};
        missing.reason = Reason::not_reported;
        append_packed(packed_cell(missing, false), cells);
    }
    archive.insert(of, minute, "1, 0, 0, 8, 1, 0, '" + bytea_text(cells) + "', NULL");
}

LateOutcome store(Archive& archive, const std::vector<Cell>& cells) {
    return archive.database.transact_blocking([&](auto& work) {
        work.exec("SET LOCAL ROLE quorate_archiver");
        return store_late(work, cells);
    });
}

TEST(Late, OfSeveralResultsOfACellTheSameStaysWhateverTheirOrder) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    Archive archive;
    const auto of = archive.endpoint("a");
    const auto minute = archive.hour(3);
    auto slow = archive.world.cell(of, archive.regions[0], minute, '~');
    auto fail = archive.world.cell(of, archive.regions[0], minute, 'F');
    auto sooner = fail;
    *sooner.started -= milliseconds{50};
    sooner.agent = "agent-9";
    auto other = sooner;
    other.agent = "agent-8";
    std::vector<Cell> results{
        archive.world.cell(of, archive.regions[0], minute, '.'), slow, fail, sooner, other};
    for (int round = 0; round < 12; ++round) {
        archive.world.sql("DELETE FROM quorate.minute");
        insert_silent(archive, of, minute);
        archive.flush();
        std::ranges::shuffle(results, random);
        // One by one, or some together.
        std::size_t stored = 0;
        for (std::size_t i = 0; i < results.size();) {
            const auto count = std::min<std::size_t>(1 + random() % 3, results.size() - i);
            const auto from = results.begin() + static_cast<std::ptrdiff_t>(i);
            const auto outcome = store(archive, {from, from + static_cast<std::ptrdiff_t>(count)});
            EXPECT_EQ(outcome.unexpected, 0U);
            stored += outcome.stored;
            i += count;
        }
        EXPECT_GE(stored, 1U);
        EXPECT_EQ(archive.world.sql("SELECT r.verdict, r.late, m.details->'1'->>'agent',"
                                    " c.start_offset_ms FROM dash.region_minute r,"
                                    " quorate.minute m, quorate.unpack_cells(m.cells) c"
                                    " WHERE r.region = 'ap' AND c.region_id = 1"),
                  "FAIL|t|agent-8|50");
        EXPECT_EQ(store(archive, results).stored, 0U) << "nothing is new any more";
    }
}

TEST(Late, WhatWasInTimeStaysAsItWasDecidedBy) {
    Archive archive;
    const auto of = archive.endpoint("a");
    const auto minute = archive.hour(3);
    archive.insert_plain(of, minute, 1);
    const auto outcome = store(archive, {archive.world.cell(of, archive.regions[0], minute, 'F')});
    EXPECT_EQ(outcome.duplicate, 1U);
    EXPECT_EQ(archive.world.sql("SELECT DISTINCT verdict, late FROM dash.region_minute"), "UP|f");
}

TEST(Late, ThousandsOfCellsTakeAFewStatements) {
    Archive archive;
    const auto of = archive.endpoint("a");
    const auto first = archive.hour(6);
    std::vector<Cell> cells;
    for (int i = 0; i < 300; ++i) {
        insert_silent(archive, of, first.plus(i, Window::minute()));
        for (const auto region : archive.regions)
            cells.push_back(archive.world.cell(of, region, first.plus(i, Window::minute()), '.'));
    }
    archive.flush();
    // Each statement that changes minutes is counted.
    archive.world.sql(
        "CREATE TABLE public.statements (at timestamptz); GRANT ALL ON public.statements TO"
        " PUBLIC; CREATE FUNCTION public.count_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.statements VALUES (now()); RETURN NULL; END $$; CREATE TRIGGER"
        " count_it AFTER UPDATE ON quorate.minute FOR EACH STATEMENT EXECUTE FUNCTION"
        " public.count_it()");
    EXPECT_EQ(store(archive, cells).stored, cells.size());
    EXPECT_EQ(archive.world.sql("SELECT count(*) FROM public.statements"), "1");
    EXPECT_EQ(archive.world.sql("SELECT verdict, late, count(*) FROM dash.region_minute GROUP BY"
                                " 1, 2"),
              "UP|t|1500");
    EXPECT_EQ(archive.world.sql("SELECT count(*), sum(cells_up) FROM dash.minute"), "300|1500");
}

TEST(Late, SealingGoesOnWhileARegionBringsWhatItKept) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    const auto first = world.minute(-30);
    std::vector<EndpointId> endpoints;
    for (int i = 0; i < 8; ++i)
        endpoints.push_back(world.endpoint("e" + std::to_string(i), regions, first));
    const auto sealed = [&](std::int64_t minute) {
        return "SELECT count(*) FROM dash.minute WHERE minute = '" +
               to_rfc3339(world.minute(minute)) + "'";
    };
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(sealed(-30), "8");  // of nobody
        co_await world.expect_sealed(client, first);
    });
    // A database that is slow to change minutes.
    world.sql(
        "CREATE SEQUENCE public.changes; GRANT ALL ON public.changes TO PUBLIC;"
        "CREATE FUNCTION public.be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_sleep(0.4); PERFORM nextval('public.changes'); RETURN NULL; END $$;"
        "CREATE TRIGGER be_slow AFTER UPDATE ON quorate.minute FOR EACH STATEMENT"
        " EXECUTE FUNCTION public.be_slow()");
    world.without_archiver([&](RedisClient& client) -> Task<> {
        const std::vector<Recorded> late(3, Recorded::late);
        for (const auto endpoint : endpoints) {
            const auto recorded = co_await world.record(client, endpoint, first, "...");
            EXPECT_EQ(recorded, late);
        }
    });
    // Twelve lists of late cells, of four shards and three regions.
    const std::string changes =
        "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM changes";
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT is_called FROM public.changes", "t");
        co_await world.record(client, endpoints[0], world.minute(0), "...");
        co_await world.expect_sql(sealed(0), "1");
        EXPECT_LT(std::stoi(world.sql(changes)), 12) << "it waited for all of them";
        co_await world.expect_sql(changes, "12");
    });
    EXPECT_EQ(world.sql("SELECT count(*) FROM dash.region_minute WHERE late"), "24");
}

}  // namespace
}  // namespace quorate
