#include "coordinator/planner/planner.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "core/base/sha256.hpp"
#include "platform/wire/job_codec.hpp"

namespace quorate::coordinator {
namespace {

using std::chrono::seconds;

constexpr auto kStart =
    UtcTime{std::chrono::hours{500'000}};  // the start of a window of any length

Window window_of(int length_s) {
    return *Window::of(seconds{length_s});
}

EndpointVersion endpoint(std::uint64_t id,
                         const std::string& name,
                         std::size_t regions,
                         Window window) {
    EndpointVersion version;
    version.endpoint = EndpointId{id};
    version.shard = ShardId{id % 64};
    version.version = 1;
    version.interval = window.length();
    version.spec.name = name;
    version.spec.url = "http://h/mcp";
    for (std::size_t i = 1; i <= regions; ++i)
        version.regions.emplace_back(i);
    return version;
}

using Key = std::tuple<EndpointId, RegionId, UtcMinute>;

/// What is due in all shards, by slot.
std::vector<DueProbe> due_in(Planner& planner, RegionId region, UtcTime from, UtcTime until) {
    std::vector<DueProbe> all;
    std::vector<DueProbe> some;
    for (std::uint64_t shard = 0; shard < 64; ++shard) {
        planner.due(ShardId{shard}, region, from, until, some);
        EXPECT_EQ(planner.count(ShardId{shard}, region, from, until), some.size());
        all.insert(all.end(), some.begin(), some.end());
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return a.slot_time() < b.slot_time();
    });
    return all;
}

Job job_of(const Planner& planner, const DueProbe& probe, const Learned& learned) {
    auto bytes = wire::encode_job_of_region(RegionId{2}, "eu-west");
    planner.append_job(probe, learned, bytes);
    const auto job = wire::decode_job(bytes);
    EXPECT_TRUE(job) << job.error().text;
    return *job;
}

std::vector<Key> keys(Planner& planner, RegionId region, UtcTime from, UtcTime until) {
    std::vector<Key> out;
    for (const auto& probe : due_in(planner, region, from, until))
        out.emplace_back(probe.version->endpoint, region, probe.minute);
    return out;
}

TEST(Planner, TheSlotIsTheOneOfTheScheduleAndTheSameInEveryMinute) {
    const auto window = window_of(60);
    Planner planner{window};
    planner.set(EndpointId{7}, {endpoint(7, "search", 5, window)});
    // Timeout 8 s: the budget is 18 s, so probes start in the first 42 s.
    const auto hash = stable_hash("default/search");
    for (std::uint32_t region = 0; region < 5; ++region) {
        const auto expected = milliseconds{(hash % 42'000 + region * 42'000 / 5) % 42'000};
        const auto due = due_in(planner,
                                RegionId{region + 1},
                                kStart - microseconds{1},
                                kStart + seconds{120} - microseconds{1});
        ASSERT_EQ(due.size(), 2U);
        EXPECT_EQ(due[0].slot, expected);
        EXPECT_EQ(due[1].slot, expected);
        EXPECT_EQ(due[0].minute.start(), kStart);
        EXPECT_EQ(due[1].minute.start(), kStart + seconds{60});
    }
}

TEST(Planner, AJobCarriesTheFiguresOfTheSchedule) {
    const auto window = window_of(5);
    Planner planner{window};
    auto version = endpoint(7, "search", 3, window);
    version.spec.latency_slo = milliseconds{500};
    version.spec.headers["X-Probe"] = {"quorate", ""};
    planner.set(EndpointId{7}, {version});
    const auto due = due_in(planner, RegionId{2}, kStart, kStart + seconds{5});
    ASSERT_EQ(due.size(), 1U);
    const auto job = job_of(planner, due[0], {Era::legacy, {}});
    EXPECT_EQ(job.id, std::to_string(due[0].minute.epoch_ms()) + ":7:eu-west");
    EXPECT_EQ(job.trace_id.size(), 32U);
    EXPECT_EQ(job.shard, ShardId{7});
    EXPECT_EQ(job.slot, due[0].slot);
    EXPECT_EQ(job.url, "http://h/mcp");
    EXPECT_EQ(job.key, (CellKey{EndpointId{7}, RegionId{2}, due[0].minute}));
    EXPECT_EQ(job.expected_cells, 3U);
    EXPECT_EQ(job.regions_mask, RegionMask::of(version.regions));
    EXPECT_EQ(job.cell_slot, version.cell_slot);
    // Window 5 s: retry gap 500 ms, timeout clipped to 2250 ms, budget the whole window.
    EXPECT_EQ(job.retry_gap, milliseconds{500});
    EXPECT_EQ(job.timeout, milliseconds{2250});
    EXPECT_EQ(job.not_after, due[0].minute.start() + seconds{3});
    EXPECT_EQ(planner.latest_start(due[0]), job.not_after);
    EXPECT_EQ(job.slow_over_ms, 500U);
    EXPECT_EQ(job.era_hint, Era::legacy);
    EXPECT_EQ(job.headers.size(), 1U);
}

TEST(Planner, AJobIsSlowOverTheLowerOfSloAndBaselineAndCarriesWhatIsUsual) {
    const auto window = window_of(60);
    const Baseline baseline{{milliseconds{100}, milliseconds{200}}, {1U, {}, 3U, 4U, 5U}};
    const auto threshold = [&](std::optional<milliseconds> slo, std::optional<Baseline> known) {
        Planner planner{window};
        auto version = endpoint(7, "search", 3, window);
        version.spec.latency_slo = slo;
        planner.set(EndpointId{7}, {version});
        const auto due = due_in(planner, RegionId{2}, kStart, kStart + seconds{60});
        const auto job = job_of(planner, due.at(0), {Era::legacy, known});
        EXPECT_EQ(job.usual, known ? std::optional{known->usual} : std::nullopt);
        return job.slow_over_ms;
    };
    EXPECT_EQ(threshold({}, {}), std::nullopt);
    EXPECT_EQ(threshold(milliseconds{500}, {}), 500U);
    EXPECT_EQ(threshold({}, baseline), 400U);
    EXPECT_EQ(threshold(milliseconds{500}, baseline), 400U);
    EXPECT_EQ(threshold(milliseconds{300}, baseline), 300U);
}

TEST(Planner, OneLookInADayFindsOutTheEraAnewWhateverTheInterval) {
    for (const int every : {1, 5, 7, 360}) {
        const auto window = window_of(60);
        std::set<std::int64_t> places;
        for (std::uint64_t id = 1; id <= 20; ++id) {
            Planner planner{window};
            auto version = endpoint(id, "e" + std::to_string(id), 2, window);
            version.interval = window.length() * every;
            planner.set(EndpointId{id}, {version});
            const auto due = due_in(
                planner, RegionId{1}, kStart - microseconds{1}, kStart + std::chrono::hours{72});
            const auto looks_per_day = static_cast<std::size_t>(1440 / every);
            std::vector<std::size_t> anew;
            for (std::size_t i = 0; i < due.size(); ++i) {
                const auto job = job_of(planner, due[i], {Era::legacy, {}});
                EXPECT_EQ(job.era_hint, Era::legacy) << "to be told of where it changed";
                if (job.detect_era) anew.push_back(i);
            }
            ASSERT_GE(anew.size(), 2U) << every;
            for (std::size_t i = 1; i < anew.size(); ++i)
                EXPECT_EQ(anew[i] - anew[i - 1], looks_per_day) << every;
            places.insert(due[anew[0]].minute.index(window));
        }
        EXPECT_GT(places.size(), 2U) << "all endpoints at once, interval " << every;
    }
}

TEST(Planner, PausedAndForgottenEndpointsAreNotPlanned) {
    const auto window = window_of(10);
    Planner planner{window};
    auto paused = endpoint(1, "a", 2, window);
    paused.spec.paused = true;
    planner.set(EndpointId{1}, {paused});
    planner.set(EndpointId{2}, {endpoint(2, "b", 2, window)});
    EXPECT_EQ(planner.endpoints({ShardId{1}, ShardId{2}}), 1U);
    EXPECT_EQ(planner.endpoints({ShardId{1}}), 0U);
    EXPECT_EQ(due_in(planner, RegionId{1}, kStart, kStart + seconds{10}).size(), 1U);
    planner.set(EndpointId{2}, {});
    EXPECT_TRUE(due_in(planner, RegionId{1}, kStart, kStart + seconds{100}).empty());
    EXPECT_TRUE(due_in(planner, RegionId{9}, kStart, kStart + seconds{100}).empty());
}

/// How many of a hundred looks at the endpoint from region 1 are held back, from `from` on.
std::size_t held_back(Planner& planner, std::uint64_t id, UtcTime from, Window window) {
    std::size_t count = 0;
    for (const auto& probe :
         due_in(planner, RegionId{1}, from - microseconds{1}, from + 100 * window.length()))
        if (probe.version->endpoint == EndpointId{id})
            count += planner.held_back(probe) == HeldBack::no ? 0 : 1;
    return count;
}

/// Two endpoints of one origin that may be asked half as often as they ask, one of which goes.
struct LeavingNeighbour {
    const Window window = window_of(10);
    const UtcMinute end = UtcMinute::containing(kStart + seconds{30}, window);
    Planner planner{window, {0.2, 0, 0, 0}};
    EndpointVersion ended = endpoint(1, "goes", 2, window);

    LeavingNeighbour() {
        planner.set(EndpointId{1}, {ended});
        planner.set(EndpointId{2}, {endpoint(2, "stays", 2, window)});
        planner.pass(kStart);
        ended.valid_to = end;
    }
    void expect_that_it_leaves(const std::vector<EndpointVersion>& versions) {
        EXPECT_NEAR(held_back(planner, 2, kStart, window), 50, 1);
        planner.set(EndpointId{1}, versions);
        EXPECT_EQ(planner.endpoints({ShardId{1}, ShardId{2}}), 2U);
        planner.pass(end.start() - milliseconds{1});
        EXPECT_NEAR(held_back(planner, 2, kStart, window), 50, 1) << "it is asked until its end";
        planner.pass(end.start());
        EXPECT_EQ(held_back(planner, 2, kStart, window), 0U);
        EXPECT_EQ(planner.endpoints({ShardId{1}, ShardId{2}}), 1U);
        EXPECT_EQ(keys(planner, RegionId{1}, kStart - microseconds{1}, end.start()).size(), 6U)
            << "what was missed may still be made up for";
        planner.pass(end.start() + Planner::kept_after_end(window));
        EXPECT_EQ(keys(planner, RegionId{1}, kStart - microseconds{1}, end.start()).size(), 3U)
            << "it is forgotten";
        EXPECT_EQ(planner.endpoints({ShardId{1}, ShardId{2}}), 1U);
    }
};

TEST(Planner, ADeletedEndpointLeavesItsOriginToOthersAndIsForgotten) {
    LeavingNeighbour neighbour;
    neighbour.expect_that_it_leaves({neighbour.ended});
}

TEST(Planner, APausedEndpointLeavesItsOriginToOthersAndIsForgotten) {
    LeavingNeighbour neighbour;
    auto paused = neighbour.ended;
    paused.version = 2;
    paused.valid_from = neighbour.end;
    paused.valid_to.reset();
    paused.spec.paused = true;
    neighbour.expect_that_it_leaves({paused, neighbour.ended});
}

TEST(Planner, AnEndpointThatGoesOnWithAnotherUrlChangesItsOriginWhenThatIsInForce) {
    LeavingNeighbour neighbour;
    auto& planner = neighbour.planner;
    auto moved = neighbour.ended;
    moved.version = 2;
    moved.valid_from = neighbour.end;
    moved.valid_to.reset();
    moved.spec.url = "http://elsewhere/mcp";
    planner.set(EndpointId{1}, {moved, neighbour.ended});
    planner.pass(kStart);
    EXPECT_NEAR(held_back(planner, 2, kStart, neighbour.window), 50, 1);
    planner.pass(neighbour.end.start());
    EXPECT_EQ(held_back(planner, 2, kStart, neighbour.window), 0U);
    EXPECT_EQ(planner.endpoints({ShardId{1}, ShardId{2}}), 2U);
    planner.set(EndpointId{1}, {});
    planner.pass(neighbour.end.start() + std::chrono::hours{1});
    EXPECT_EQ(planner.endpoints({ShardId{1}, ShardId{2}}), 1U);
}

TEST(Planner, AChangeIsInForceFromItsMinuteOnAndLeavesNoGap) {
    const auto window = window_of(10);
    const auto change = UtcMinute::containing(kStart + seconds{30}, window);
    Planner planner{window};
    auto before = endpoint(1, "a", 2, window);
    before.valid_to = change;
    auto after = endpoint(1, "a", 5, window);
    after.version = 2;
    after.valid_from = change;
    after.spec.timeout = seconds{1};
    planner.set(EndpointId{1}, {before, after});
    for (std::uint64_t region = 1; region <= 5; ++region) {
        std::set<UtcMinute> minutes;
        for (const auto& probe : due_in(planner,
                                        RegionId{region},
                                        kStart - microseconds{1},
                                        kStart + seconds{60} - microseconds{1})) {
            EXPECT_TRUE(minutes.insert(probe.minute).second);
            EXPECT_EQ(probe.version->version, probe.minute < change ? 1U : 2U);
        }
        EXPECT_EQ(minutes.size(), region <= 2 ? 6U : 3U);
    }
}

TEST(Planner, AVersionThatNeverHeldIsNotPlanned) {
    const auto window = window_of(10);
    Planner planner{window};
    auto never = endpoint(1, "a", 1, window);
    never.valid_from = UtcMinute::containing(kStart, window);
    never.valid_to = never.valid_from;
    planner.set(EndpointId{1}, {never});
    EXPECT_TRUE(due_in(planner, RegionId{1}, kStart - seconds{60}, kStart + seconds{60}).empty());
}

/// A fleet with every kind of schedule, its expected keys counted without the planner's index.
struct Fleet {
    Window window;
    std::vector<EndpointVersion> versions;

    std::map<Key, int> expected(UtcTime from, UtcTime until) const {
        std::map<Key, int> out;
        for (auto m = UtcMinute::containing(from, window); m.start() <= until;
             m = m.plus(1, window)) {
            for (const auto& version : versions) {
                const auto hash = stable_hash(full_name(version.spec));
                if (!version.in_force(m) || version.spec.paused ||
                    !expects(m, window, version.interval, hash))
                    continue;
                const auto span = timing_of(version.spec.timeout, window).span;
                const auto n = static_cast<std::uint32_t>(version.regions.size());
                for (std::uint32_t i = 0; i < n; ++i) {
                    const UtcTime slot = m.start() + slot_of(hash, i, n, span);
                    if (slot > from && slot <= until)
                        ++out[{version.endpoint, version.regions[i], m}];
                }
            }
        }
        return out;
    }
};

Fleet random_fleet(std::mt19937& random) {
    const auto window = window_of(Window::kLengthsS[random() % Window::kLengthsS.size()]);
    Fleet fleet{window, {}};
    for (std::uint64_t id = 1; id <= 40; ++id) {
        auto version = endpoint(id, "e" + std::to_string(random()), 1 + random() % 5, window);
        version.interval = window.length() * (1 + random() % 4);
        version.spec.timeout = milliseconds{1000 + random() % 19'000};
        version.spec.paused = random() % 8 == 0;
        if (random() % 2 == 0) {
            const auto change = UtcMinute::containing(kStart + seconds{random() % 120}, window);
            auto next = version;
            next.version = 2;
            next.valid_from = change;
            next.interval = window.length() * (1 + random() % 4);
            next.regions.resize(1 + random() % next.regions.size());
            version.valid_to = change;
            fleet.versions.push_back(next);
        }
        fleet.versions.push_back(version);
    }
    return fleet;
}

TEST(Planner, AnySplitOfTimeIntoTicksGivesEachProbeOnce) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    for (int round = 0; round < 20; ++round) {
        const auto fleet = random_fleet(random);
        std::map<EndpointId, std::vector<EndpointVersion>> by_endpoint;
        for (const auto& version : fleet.versions)
            by_endpoint[version.endpoint].push_back(version);
        auto fresh = [&] {
            auto planner = std::make_unique<Planner>(fleet.window);
            for (const auto& [id, versions] : by_endpoint)
                planner->set(id, versions);
            return planner;
        };
        const auto from = kStart + microseconds{random() % 10'000'000};
        const auto until = from + seconds{150};
        std::map<Key, int> planned;
        auto planner = fresh();
        for (auto at = from; at < until;) {
            const auto next = std::min(until, at + microseconds{1 + random() % 4'000'000});
            if (random() % 10 == 0) planner = fresh();  // a restart: the index is built anew
            if (random() % 10 == 0) {                   // a reload of one endpoint
                const auto& [id, versions] = *by_endpoint.begin();
                planner->set(id, versions);
            }
            if (random() % 10 == 0) planner->keep({ShardId{random() % 64}});  // shards change hands
            for (std::uint64_t region = 1; region <= 5; ++region)
                for (const auto& key : keys(*planner, RegionId{region}, at, next))
                    ++planned[key];
            at = next;
        }
        EXPECT_EQ(planned, fleet.expected(from, until)) << "round " << round;
    }
}

TEST(Planner, ProbesOfAShardComeInTheOrderOfTheirSlotsWhateverTheirIntervals) {
    const auto window = window_of(60);
    Planner planner{window};
    for (std::uint64_t id = 1; id <= 500; ++id) {
        auto version = endpoint(id, "e" + std::to_string(id), 5, window);
        version.shard = ShardId{3};
        version.interval = window.length() * (1 + id % 3);
        planner.set(EndpointId{id}, {version});
    }
    std::vector<DueProbe> due;
    planner.due(ShardId{3}, RegionId{3}, kStart, kStart + seconds{360}, due);
    EXPECT_GT(due.size(), 1000U);
    EXPECT_TRUE(std::is_sorted(due.begin(), due.end(), [](const auto& a, const auto& b) {
        return a.slot_time() < b.slot_time();
    }));
    planner.due(ShardId{4}, RegionId{3}, kStart, kStart + seconds{360}, due);
    EXPECT_TRUE(due.empty());
}

}  // namespace
}  // namespace quorate::coordinator
