#include "coordinator/catalog/crowding.hpp"

#include <gmock/gmock.h>

namespace quorate::coordinator {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

EndpointSpec spec(const std::string& name, const std::string& url) {
    EndpointSpec spec;
    spec.tenant = "a";
    spec.name = name;
    spec.url = url;
    return spec;
}

/// From five regions, once a minute.
std::vector<LivingEndpoint> living(std::uint64_t count, const std::string& url) {
    std::vector<LivingEndpoint> all;
    for (std::uint64_t id = 1; id <= count; ++id)
        all.push_back({EndpointId{id},
                       1,
                       {},
                       spec("e" + std::to_string(id), url),
                       {RegionId{1}, RegionId{2}, RegionId{3}, RegionId{4}, RegionId{5}},
                       seconds{60}});
    return all;
}

TEST(CrowdedOrigins, AreNamedWithTheShareThatTheyGet) {
    const auto before = living(48, "http://H:80/mcp");  // four a second
    EXPECT_THAT(crowded_origins(before, {}, Window::minute(), 4), IsEmpty());
    EXPECT_THAT(crowded_origins(before, {}, Window::minute(), 0), IsEmpty()) << "no limit";
    EXPECT_THAT(crowded_origins(before, {}, Window::minute(), 1),
                ElementsAre("the 48 endpoints of http://h:80 ask for 4.0 probes a second over all "
                            "regions, and it gets 1 (politeness.origin_rate): 25 % of their looks "
                            "are made, the others are UNKNOWN(backpressure)"));
}

TEST(CrowdedOrigins, WhatAnApplyChangesCountsAsItWillBe) {
    const auto before = living(12, "http://h/");  // one a second
    CatalogueDiff diff;
    diff.created = {{spec("new", "http://h/new"), {RegionId{1}}, seconds{60}}};
    EXPECT_THAT(crowded_origins(before, diff, Window::minute(), 1),
                ElementsAre(HasSubstr("the 13 endpoints of http://h:80")));
    diff.deleted = {before[0]};
    EXPECT_THAT(crowded_origins(before, diff, Window::minute(), 1), IsEmpty());
    diff.deleted.clear();
    auto paused = before[0].spec;
    paused.paused = true;
    diff.changed = {{before[0], {paused, before[0].regions, seconds{60}}}};
    EXPECT_THAT(crowded_origins(before, diff, Window::minute(), 1), IsEmpty());
    auto elsewhere = before[1].spec;
    elsewhere.url = "https://other/";
    diff.changed.push_back({before[1], {elsewhere, before[1].regions, seconds{60}}});
    EXPECT_THAT(crowded_origins(before, diff, Window::minute(), 0.8),
                ElementsAre(HasSubstr("the 11 endpoints of http://h:80")));
}

TEST(CrowdedOrigins, OfManyTheMostCrowdedAreNamed) {
    std::vector<LivingEndpoint> before;
    for (int origin = 1; origin <= 7; ++origin) {
        auto more =
            living(static_cast<std::uint64_t>(origin), "http://h" + std::to_string(origin) + "/");
        for (auto& endpoint : more) {
            endpoint.id = EndpointId{before.size() + 1};
            before.push_back(std::move(endpoint));
        }
    }
    const auto told = crowded_origins(before, {}, Window::minute(), 0.01);
    ASSERT_EQ(told.size(), 6U);
    EXPECT_THAT(told.front(), HasSubstr("http://h7:80"));
    EXPECT_EQ(told.back(), "2 more origins have too many endpoints");
}

}  // namespace
}  // namespace quorate::coordinator
