#include <algorithm>
#include <future>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "coordinator/catalog/cell_slots.hpp"
#include "core/base/sha256.hpp"
#include "core/schedule/schedule.hpp"
#include "tests/integration/coordinator/lab.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::kNow;
using quorate::testing::Names;
using std::chrono::seconds;

constexpr const char* kTwo =
    "endpoints:\n"
    "  - {name: a, url: 'http://h/a'}\n"
    "  - {name: b, url: 'http://h/b', tenant: acme, regions: [eu-west]}\n";

TEST(Apply, CreatesEndpointsAndIsIdempotent) {
    Catalogued lab;
    const auto first = lab.apply(kTwo);
    EXPECT_TRUE(first.errors.empty());
    EXPECT_EQ(first.created, (Names{"acme/b", "default/a"}));
    EXPECT_EQ(lab.sql("SELECT e.tenant, e.name, v.version, v.interval_ms, cardinality(v.regions)"
                      " FROM quorate.endpoint e JOIN quorate.endpoint_version v"
                      " ON v.endpoint_id = e.id ORDER BY 1"),
              "acme|b|1|60000|1\ndefault|a|1|60000|3");
    const auto before = lab.contents();
    const auto second = lab.apply(kTwo);
    EXPECT_EQ(second.unchanged, (Names{"acme/b", "default/a"}));
    EXPECT_TRUE(second.created.empty());
    EXPECT_TRUE(second.changed.empty());
    EXPECT_FALSE(second.in_force_from);
    EXPECT_EQ(lab.contents(), before);
}

TEST(Apply, ARichSpecIsUnchangedWhenItIsAppliedAgain) {
    Catalogued lab;
    const std::string yaml = R"(endpoints:
  - name: a
    url: http://h/a
    interval: 120s
    latency_slo: 1500ms
    expect: {tools: [z, a]}
    canary: {tool: t, arguments: {zebra: 1.50, a: {c: 1, b: 1e3}}, expect: {"$.x": {max: 2.0, min: 1}}}
    headers: {X-Z: one, X-A: "two"}
    labels: {team: "é"}
)";
    EXPECT_EQ(lab.apply(yaml).created, Names{"default/a"});
    EXPECT_EQ(lab.apply(yaml).unchanged, Names{"default/a"});
}

TEST(Apply, AChangeEndsOneVersionWhereTheNextBegins) {
    Catalogued lab;
    lab.clock.now = kNow + seconds{10};
    EXPECT_EQ(UtcTime{lab.apply(kTwo).in_force_from->start()}, kNow + seconds{60});
    lab.clock.now = kNow + seconds{130};
    const auto changed = lab.apply("endpoints:\n  - {name: a, url: 'http://h/new'}\n");
    EXPECT_EQ(changed.changed, Names{"default/a"});
    EXPECT_EQ(UtcTime{changed.in_force_from->start()}, kNow + seconds{180});
    EXPECT_EQ(lab.sql("SELECT version, extract(epoch FROM valid_from)::bigint - " +
                      std::to_string(seconds{std::chrono::hours{500'000}}.count()) +
                      ", extract(epoch FROM valid_to)::bigint - " +
                      std::to_string(seconds{std::chrono::hours{500'000}}.count()) +
                      ", url FROM quorate.endpoint_version v JOIN quorate.endpoint e"
                      " ON e.id = v.endpoint_id WHERE e.name = 'a' ORDER BY version"),
              "1|60|180|http://h/a\n2|180||http://h/new");
}

TEST(Apply, AChangeTakesEffectAtTheFirstMinuteThatBeginsFiveSecondsLater) {
    Catalogued lab{seconds{5}};
    // What the transaction may take itself comes on top of the five seconds.
    lab.clock.now = kNow + milliseconds{4'500};
    EXPECT_EQ(UtcTime{lab.apply(kTwo).in_force_from->start()}, kNow + seconds{10});
    lab.clock.now = kNow + milliseconds{19'990};
    const auto next = lab.apply("endpoints:\n  - {name: c, url: 'http://h/a'}\n");
    EXPECT_EQ(UtcTime{next.in_force_from->start()}, kNow + seconds{30});
}

TEST(Apply, AnyErrorLeavesTheCatalogueAsItWas) {
    Catalogued lab;
    lab.apply(kTwo);
    const auto before = lab.contents();
    const auto outcome = lab.apply(
        "endpoints:\n  - {name: c, url: 'http://h/c'}\n"
        "  - {name: d, url: 'http://h/d', regions: [mars]}\n",
        true);
    EXPECT_EQ(format_errors(outcome.errors),
              "e.yaml:3: endpoints[1].regions[0]: there is no region \"mars\"");
    EXPECT_TRUE(outcome.created.empty());
    EXPECT_EQ(lab.contents(), before);
}

TEST(Apply, ADryRunSaysWhatWouldHappenAndChangesNothing) {
    Catalogued lab;
    lab.apply(kTwo);
    const auto before = lab.contents();
    ApplyOrder order;
    order.files = {{"e.yaml",
                    "endpoints:\n  - {name: a, url: 'http://h/x'}\n"
                    "  - {name: c, url: 'http://h/c'}\n"}};
    order.dry_run = true;
    const auto outcome = lab.apply(order);
    EXPECT_EQ(outcome.changed, Names{"default/a"});
    EXPECT_EQ(outcome.created, Names{"default/c"});
    EXPECT_EQ(lab.contents(), before);
}

std::string many(int count) {
    std::string yaml = "endpoints:\n";
    for (int i = 0; i < count; ++i)
        yaml += "  - {name: e" + std::to_string(i) + ", url: 'http://h/'}\n";
    return yaml;
}

TEST(Apply, PruneDeletesOnlyInTenantsOfTheFiles) {
    Catalogued lab;
    lab.apply(many(10));
    lab.apply(kTwo);  // adds default/a and acme/b
    const auto outcome = lab.apply(many(10), true);
    EXPECT_TRUE(outcome.errors.empty());
    EXPECT_EQ(outcome.deleted, Names{"default/a"});
    EXPECT_EQ(lab.sql("SELECT tenant, name FROM quorate.endpoint WHERE deleted_at IS NULL"
                      " AND name IN ('a', 'b')"),
              "acme|b");
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.endpoint_version v JOIN quorate.endpoint e"
                      " ON e.id = v.endpoint_id WHERE e.name = 'a' AND v.valid_to IS NULL"),
              "0");
    // Its name is free again, for another endpoint.
    EXPECT_EQ(lab.apply(kTwo).created, Names{"default/a"});
    EXPECT_EQ(lab.sql("SELECT count(DISTINCT id) FROM quorate.endpoint WHERE name = 'a'"), "2");
}

TEST(Apply, PruningMoreThanAFifthOfATenantHasToBeConfirmed) {
    Catalogued lab;
    lab.apply(many(10));
    const auto before = lab.contents();
    const auto refused = lab.apply(many(7), true);
    EXPECT_EQ(format_errors(refused.errors),
              ": would delete 3 of 10 endpoints of tenant default, more than 20 %; repeat with "
              "--yes");
    EXPECT_EQ(lab.contents(), before);
    ApplyOrder order;
    order.files = {{"e.yaml", many(7)}};
    order.prune = true;
    order.yes = true;
    EXPECT_EQ(lab.apply(order).deleted, (Names{"default/e7", "default/e8", "default/e9"}));
}

TEST(Apply, TwoThatRunAtTheSameTimeComeOneAfterTheOther) {
    Catalogued lab;
    std::vector<std::future<ApplyOutcome>> running;
    for (int i = 0; i < 4; ++i)
        running.push_back(std::async(std::launch::async, [&lab] { return lab.apply(many(50)); }));
    std::size_t created = 0;
    for (auto& outcome : running)
        created += outcome.get().created.size();
    EXPECT_EQ(created, 50U);
    EXPECT_EQ(lab.sql("SELECT count(*), count(DISTINCT endpoint_id) FROM quorate.endpoint_version"),
              "50|50");
}

/// How many living endpoints there are, in how many places, and whether each shard's slots are the
/// smallest.
constexpr const char* kPlaces =
    "SELECT sum(n), sum(places), bool_and(highest = n - 1) FROM (SELECT count(*) n,"
    " count(DISTINCT cell_slot) places, max(cell_slot) highest FROM quorate.endpoint"
    " WHERE deleted_at IS NULL GROUP BY shard) s";

TEST(CellSlots, AreDenseInEachShardWhoeverAppliesMeanwhile) {
    Catalogued lab{seconds{60}, 4};
    std::vector<std::future<ApplyOutcome>> running;
    for (const auto* tenant : {"t1", "t2", "t3", "t4"})
        running.push_back(std::async(std::launch::async, [&lab, tenant] {
            std::string yaml = "endpoints:\n";
            for (int i = 0; i < 60; ++i)
                yaml += "  - {name: e" + std::to_string(i) + ", tenant: " + tenant +
                        ", url: 'http://h/'}\n";
            return lab.apply(yaml);
        }));
    for (auto& outcome : running)
        EXPECT_EQ(outcome.get().created.size(), 60U);
    EXPECT_EQ(lab.sql(kPlaces), "240|240|t");
}

TEST(CellSlots, NeighboursInTimeAreNeighboursInTheShard) {
    Catalogued lab{seconds{60}, 4};
    lab.apply(many(200));
    std::map<std::string, std::vector<std::uint64_t>> turns;  // of each shard, by slot
    const auto rows = lab.sql(
        "SELECT shard || ' ' || name FROM quorate.endpoint"
        " ORDER BY shard, cell_slot");
    std::istringstream in{rows};
    for (std::string shard, name; in >> shard >> name;)
        turns[shard].push_back(turn_of(stable_hash("default/" + name), Window::minute()));
    EXPECT_EQ(turns.size(), 4U);
    for (const auto& [shard, of_shard] : turns)
        EXPECT_TRUE(std::is_sorted(of_shard.begin(), of_shard.end())) << "shard " << shard;
}

TEST(CellSlots, NoMinuteHasTwoEndpointsOfOneSlot) {
    Catalogued lab{seconds{60}, 1};
    const auto slot_of = [&](const std::string& name) {
        return lab.sql(
            "SELECT cell_slot FROM quorate.endpoint WHERE deleted_at IS NULL AND name = '" + name +
            "'");
    };
    const auto apply = [&](const std::string& names) {
        std::string yaml = "endpoints:\n";
        for (const char name : names)
            yaml += std::string{"  - {name: "} + name + ", url: 'http://h/'}\n";
        ApplyOrder order;
        order.files = {{"e.yaml", yaml}};
        order.prune = true;
        order.yes = true;
        lab.apply(order);
    };
    apply("abc");
    const auto freed = slot_of("b");
    apply("ac");  // b holds until the next minute
    // Its deletion takes effect later than what is applied now, as of an apply that took long.
    lab.sql(
        "UPDATE quorate.endpoint_version SET valid_to = valid_to + interval '5 minutes'"
        " WHERE valid_to IS NOT NULL");
    apply("acd");
    EXPECT_EQ(slot_of("d"), "3");
    lab.clock.now += std::chrono::minutes{10};
    apply("acde");
    EXPECT_EQ(slot_of("e"), freed);
    EXPECT_EQ(lab.sql(kPlaces), "4|4|t");
}

TEST(Apply, ThousandsOfEndpointsAreWrittenWhole) {
    Catalogued lab;
    ApplyOrder order;
    for (int file = 0; file < 12; ++file) {  // more than one statement takes
        std::string yaml = "endpoints:\n";
        for (int i = 0; i < 1000; ++i)
            yaml += "  - {name: e" + std::to_string(file * 1000 + i) + ", url: 'http://h/'}\n";
        order.files.push_back({"e" + std::to_string(file) + ".yaml", std::move(yaml)});
    }
    EXPECT_EQ(lab.apply(order).created.size(), 12'000U);
    EXPECT_EQ(lab.apply(order).unchanged.size(), 12'000U);
    EXPECT_EQ(lab.sql(kPlaces), "12000|12000|t");
    EXPECT_EQ(lab.sql("SELECT count(*), count(DISTINCT endpoint_id) FROM quorate.endpoint_version"),
              "12000|12000");
}

TEST(CellSlots, TheSmallestFreeOnesAreTaken) {
    using Slots = std::vector<std::uint32_t>;
    EXPECT_EQ(smallest_free({}, 3), (Slots{0, 1, 2}));
    EXPECT_EQ(smallest_free({0, 1, 4}, 3), (Slots{2, 3, 5}));
    EXPECT_EQ(smallest_free({1}, 0), Slots{});
}

/// Every look at it takes two seconds.
class SlowClock final : public Clock {
public:
    UtcTime utc_now() const override { return now += seconds{2}; }
    SteadyTime steady_now() const override { return {}; }
    mutable UtcTime now = kNow + milliseconds{52'500};
};

TEST(Apply, ATransactionThatTookTooLongIsRepeatedForALaterMinute) {
    Catalogued lab;
    SlowClock clock;
    ApplyOrder order;
    order.files = {{"e.yaml", kTwo}};
    const auto outcome =
        quorate::testing::run_task(apply(*lab.database, clock, lab.deployment, std::move(order)));
    // At 54.5 s the next minute seems far enough; at 56.5 s, with everything written, it is not.
    EXPECT_EQ(UtcTime{outcome.in_force_from->start()}, kNow + seconds{120});
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.catalogue_change"), "1");
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.endpoint"), "2");
}

TEST(Deployment, AnotherWindowOrNumberOfShardsIsRefused) {
    Catalogued lab;
    const auto settle = [&](Window window, std::uint32_t shards) {
        lab.database->transact_blocking(
            [&](auto& work) { settle_deployment(work, window, shards); });
    };
    EXPECT_NO_THROW(settle(*Window::of(seconds{60}), 64));
    try {
        settle(*Window::of(seconds{5}), 64);
        FAIL() << "not refused";
    } catch (const DeploymentMismatch& error) {
        EXPECT_STREQ(error.what(),
                     "window is 5s in the config, but this database was set up with "
                     "1m, which is fixed");
    }
    try {
        settle(*Window::of(seconds{60}), 8);
        FAIL() << "not refused";
    } catch (const DeploymentMismatch& error) {
        EXPECT_STREQ(error.what(),
                     "shards is 8 in the config, but this database was set up with "
                     "64, which is fixed");
    }
}

TEST(Regions, ANewRegionReachesEndpointsThatAreWatchedFromAll) {
    Catalogued lab;
    lab.apply(kTwo);
    lab.clock.now = kNow + seconds{600};
    const auto extend = [&] {
        return quorate::testing::run_task(extend_to_new_regions(
            *lab.database, lab.clock, lab.deployment, {"ops", "token 1", "more"}));
    };
    EXPECT_EQ(extend(), 0U);
    const auto created = lab.database->transact_blocking([](auto& work) {
        return create_regions(work, {"us-east", "us-west"});
    });
    EXPECT_EQ(created, 1U);
    EXPECT_EQ(extend(), 1U);
    EXPECT_EQ(extend(), 0U);
    EXPECT_EQ(
        lab.sql(
            "SELECT principal, credential, reason, target, tenants, rtrim(changes->0->>'before',"
            " E'\\n'), rtrim(changes->0->>'after', E'\\n') FROM quorate.audit WHERE method = "
            "'AddRegion'"),
        "ops|token 1|more|default/a|{default}|regions: [ap-south, eu-west, us-east]|"
        "regions: [ap-south, eu-west, us-east, us-west]");
    EXPECT_EQ(lab.sql("SELECT array_agg(r.name ORDER BY o.n) FROM quorate.endpoint_version v"
                      " JOIN quorate.endpoint e ON e.id = v.endpoint_id AND e.name = 'a'"
                      " AND v.valid_to IS NULL, unnest(v.regions) WITH ORDINALITY o (id, n)"
                      " JOIN quorate.region r ON r.id = o.id"),
              "{ap-south,eu-west,us-east,us-west}");
}

TEST(LoadCatalogue, GivesWhatChangedSinceAGeneration) {
    Catalogued lab;
    const auto load = [&](std::optional<std::int64_t> after) {
        return lab.database->transact_blocking(
            [&](auto& work) { return load_catalogue(work, after, lab.clock.now); });
    };
    EXPECT_EQ(load(std::nullopt).generation, 0);
    lab.apply(many(8));
    const auto all = load(std::nullopt);
    EXPECT_EQ(all.versions.size(), 8U);
    EXPECT_EQ(load(0).endpoints.size(), 8U);
    EXPECT_EQ(all.versions[0].spec.url, "http://h/");
    EXPECT_EQ(all.versions[0].regions.size(), 3U);
    EXPECT_TRUE(load(all.generation).endpoints.empty());

    lab.apply(many(7), true);  // deletes e7
    const auto deleted = load(all.generation);
    ASSERT_EQ(deleted.endpoints.size(), 1U);
    ASSERT_EQ(deleted.versions.size(), 1U);  // it still holds for the present minute
    EXPECT_TRUE(deleted.versions[0].valid_to.has_value());
    lab.clock.now += std::chrono::hours{1};
    const auto gone = load(all.generation);
    EXPECT_EQ(gone.endpoints.size(), 1U);
    EXPECT_TRUE(gone.versions.empty());
}

}  // namespace
}  // namespace quorate::coordinator
