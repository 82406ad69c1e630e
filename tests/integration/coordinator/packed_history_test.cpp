// What operators are told of minutes is the same once these are packed into blocks.
#include <set>

#include <gtest/gtest.h>

#include "archiver/compaction/compaction_store.hpp"
#include "coordinator/catalog/reports.hpp"
#include "tests/integration/coordinator/sealed_minutes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::packed;
using quorate::testing::store_minute;
using std::chrono::seconds;

/// Two hours of an endpoint: two outages, one of them over the turn of the hour, and minutes that
/// are missing.
struct Told : Catalogued {
    Told() : Catalogued{seconds{60}} {
        SystemClock system;
        clock.now = std::chrono::floor<std::chrono::hours>(system.utc_now());
        apply("endpoints:\n  - {name: a, url: 'http://h/a'}\n");
        first = UtcMinute::containing(clock.now + std::chrono::hours{1}, deployment.window);
        for (int n = 0; n < 120; ++n) {
            if (n == 30 || n == 90) continue;
            const bool down = (n >= 10 && n < 14) || (n >= 57 && n < 63);
            store_minute(*this,
                         "a",
                         minute(n),
                         down ? Decision::p1 : Decision::ok,
                         down ? Scope::global : Scope::none,
                         down ? 4 : 8,
                         cells(down));
        }
        sql("INSERT INTO quorate.rollup_progress SELECT s, 'infinity' FROM generate_series(0, 63) "
            "s");
    }
    static std::vector<PackedCell> cells(bool down) {
        std::vector<PackedCell> all;
        for (std::uint64_t region = 1; region <= 3; ++region)
            all.push_back(packed(region,
                                 down ? Verdict::fail : Verdict::up,
                                 down ? RegionPhase::failing : RegionPhase::healthy));
        return all;
    }
    UtcMinute minute(int n) const { return first.plus(n, deployment.window); }
    std::int64_t us(int n) const { return UtcTime{minute(n).start()}.time_since_epoch().count(); }
    template <class Function>
    std::string told(Function function) const {
        return database->transact_blocking([&](auto& work) {
            work.exec("SET LOCAL ROLE quorate_coordinator");
            return function(work).DebugString();
        });
    }

    std::string replayed() const {
        v1::ReplayRequest request;
        request.set_endpoint("default/a");
        request.set_from_us(us(0));
        request.set_to_us(us(120));
        return told([&](auto& work) { return replay(work, request, deployment.window); });
    }
    std::string explained(std::optional<int> n) const {
        v1::ExplainRequest request;
        request.set_endpoint("a");
        if (n) request.set_minute_us(us(*n));
        return told([&](auto& work) { return explain(work, request, deployment.window); });
    }
    std::string strips() const {
        v1::DescribeEndpointRequest request;
        request.set_endpoint("a");
        return told([&](auto& work) {
            const auto out = describe_endpoint(work, request, deployment.window);
            v1::DescribeEndpointResponse only;
            *only.mutable_strips() = out.strips();
            only.set_strips_from_us(out.strips_from_us());
            return only;
        });
    }
    std::string changes() const {
        v1::WatchRequest request;
        request.set_changes_only(true);
        std::string all;
        for (WatchPosition from; !from.caught_up;)
            all += told([&](auto& work) {
                auto event = watch_next(work, request, from);
                event.clear_resume_token();
                return event;
            });
        return all;
    }
    void pack(UtcTime before) const {
        std::set<ShardId> shards;
        for (std::uint32_t shard = 0; shard < deployment.shards; ++shard)
            shards.emplace(shard);
        for (;;)
            if (database
                    ->transact_blocking([&](auto& work) {
                        return compact(
                            work, {deployment.window, before, 50, 100, shards}, EndpointId{0}, {});
                    })
                    .blocks == 0)
                return;
    }
    UtcMinute first;
};

TEST(PackedHistory, ReplayExplainDescribeAndWatchSayTheSame) {
    Told lab;
    const auto all = [&] {
        return std::vector{lab.replayed(),
                           lab.explained(11),
                           lab.explained(60),
                           lab.explained({}),
                           lab.strips(),
                           lab.changes()};
    };
    const auto before = all();
    EXPECT_NE(before[0].find("minutes: 118"), std::string::npos) << before[0];
    EXPECT_NE(before[0].find("P1"), std::string::npos) << before[0];
    EXPECT_NE(before[5].find("P1"), std::string::npos) << before[5];
    lab.pack(UtcTime{lab.minute(60).start()});
    EXPECT_EQ(lab.sql("SELECT count(*), count(*) FILTER (WHERE decision = 1) > 0"
                      " FROM quorate.unpacked_minute"),
              "59|t");
    EXPECT_EQ(all(), before) << "half of it is packed";
    lab.pack(UtcTime{lab.minute(120).start()});
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.minute"), "0");
    EXPECT_EQ(all(), before) << "all of it is packed";
    EXPECT_THROW(lab.explained(30), NotFound);
}

}  // namespace
}  // namespace quorate::coordinator
