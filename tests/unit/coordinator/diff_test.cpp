#include "coordinator/catalog/diff.hpp"

#include <gtest/gtest.h>

namespace quorate::coordinator {
namespace {

EndpointSpec spec(const std::string& tenant, const std::string& name) {
    EndpointSpec spec;
    spec.tenant = tenant;
    spec.name = name;
    spec.url = "http://h/" + name;
    return spec;
}

WantedEndpoint wanted(const EndpointSpec& spec) {
    return {spec, {RegionId{1}, RegionId{2}}, std::chrono::seconds{60}};
}

LivingEndpoint living(std::uint64_t id, const EndpointSpec& spec) {
    return {EndpointId{id}, 1, {}, spec, {RegionId{1}, RegionId{2}}, std::chrono::seconds{60}};
}

TEST(CatalogueDiff, TellsCreatedChangedUnchangedAndDeletedApart) {
    auto changed = spec("a", "two");
    changed.url = "http://elsewhere/";
    const std::vector<LivingEndpoint> before{
        living(1, spec("a", "one")), living(2, spec("a", "two")), living(3, spec("a", "three"))};
    const auto diff = diff_catalogue(
        before, {wanted(spec("a", "one")), wanted(changed), wanted(spec("a", "four"))}, true);
    EXPECT_EQ(diff.unchanged, std::vector<std::string>{"a/one"});
    ASSERT_EQ(diff.changed.size(), 1U);
    EXPECT_EQ(diff.changed[0].before.id, EndpointId{2});
    EXPECT_EQ(diff.changed[0].after.spec.url, "http://elsewhere/");
    ASSERT_EQ(diff.created.size(), 1U);
    EXPECT_EQ(diff.created[0].spec.name, "four");
    ASSERT_EQ(diff.deleted.size(), 1U);
    EXPECT_EQ(diff.deleted[0].id, EndpointId{3});
}

TEST(CatalogueDiff, WithoutPruneNothingIsDeleted) {
    const auto diff =
        diff_catalogue({living(1, spec("a", "one"))}, {wanted(spec("a", "two"))}, false);
    EXPECT_TRUE(diff.deleted.empty());
    EXPECT_EQ(diff.created.size(), 1U);
}

TEST(CatalogueDiff, AnotherSetOfRegionsOrIntervalIsAChange) {
    auto regions = wanted(spec("a", "one"));
    regions.regions.emplace_back(3);
    auto interval = wanted(spec("a", "two"));
    interval.interval = std::chrono::seconds{120};
    const auto diff = diff_catalogue(
        {living(1, spec("a", "one")), living(2, spec("a", "two"))}, {regions, interval}, false);
    EXPECT_EQ(diff.changed.size(), 2U);
    EXPECT_TRUE(diff.unchanged.empty());
}

TEST(CatalogueDiff, DeletingMoreThanAFifthOfATenantHasToBeConfirmed) {
    std::vector<LivingEndpoint> before;
    std::vector<WantedEndpoint> keep;
    for (std::uint64_t i = 0; i < 10; ++i)
        before.push_back(living(i + 1, spec("a", "e" + std::to_string(i))));
    for (std::uint64_t i = 0; i < 8; ++i)
        keep.push_back(wanted(before[i].spec));
    EXPECT_TRUE(large_deletions(before, diff_catalogue(before, keep, true)).empty());
    keep.pop_back();
    EXPECT_EQ(
        large_deletions(before, diff_catalogue(before, keep, true)),
        std::vector<std::string>{"would delete 3 of 10 endpoints of tenant a, more than 20 %; "
                                 "repeat with --yes"});
}

}  // namespace
}  // namespace quorate::coordinator
