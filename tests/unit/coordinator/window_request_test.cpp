#include "coordinator/maintenance/window_request.hpp"

#include <gmock/gmock.h>

#include "coordinator/catalog/listing.hpp"

namespace quorate::coordinator {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;

const UtcTime kNow = *parse_rfc3339("2026-11-30T09:00:00Z");  // a Monday
const auto kFrom = UtcMinute::from_epoch_ms(kNow.time_since_epoch() / milliseconds{1} + 60'000);
const Caller kAnyone{{"ops", "local", ""}, Role::op, {}, {}};
const Caller kBound{{"team", "token 1", ""}, Role::op, std::set<std::string>{"acme"}, {}};

std::int64_t us(UtcTime time) {
    return time.time_since_epoch().count();
}

v1::PlannedWindow once() {
    v1::PlannedWindow asked;
    asked.add_matchers()->set_endpoint("acme/search");
    asked.set_ends_at_us(us(kNow + hours{2}));
    asked.set_reason("upgrade");
    return asked;
}

v1::PlannedWindow weekly() {
    auto asked = once();
    asked.clear_ends_at_us();
    auto& rule = *asked.mutable_weekly();
    rule.set_rule("FREQ=WEEKLY;BYDAY=MO,TH");
    rule.set_time_zone("Europe/Berlin");
    rule.set_start_of_day("02:30");
    rule.set_duration_s(7200);
    return asked;
}

/// What is wrong with it, and in which field.
std::string refusal(const v1::PlannedWindow& asked, const Caller& caller = kAnyone) {
    try {
        read_window(asked, caller, kNow, kFrom);
    } catch (const BadRequest& refused) {
        return refused.field() + ": " + refused.what();
    } catch (const AccessRefused& refused) {
        return refused.what();
    }
    return "";
}

TEST(WindowRequest, FillsInWhatIsLeftOut) {
    const auto order = read_window(once(), kAnyone, kNow, kFrom);
    EXPECT_EQ(order.window.start, kNow);
    EXPECT_EQ(order.window.end, kNow + hours{2});
    EXPECT_EQ(order.ends, kNow + hours{2});
    EXPECT_EQ(order.window.owner, "ops");
    ASSERT_EQ(order.window.matchers.size(), 1U);
    EXPECT_EQ(order.window.matchers[0], (EndpointMatcher{"acme", "search", {}}));
}

TEST(WindowRequest, ARuleStartsByTheClockOfItsZone) {
    const auto order = read_window(weekly(), kAnyone, kNow, kFrom);
    ASSERT_TRUE(order.window.weekly);
    EXPECT_EQ(local_day_text(order.window.weekly->first_day), "2026-11-30");
    EXPECT_EQ(to_rfc3339(order.window.start), "2026-11-30T01:30:00Z");
    EXPECT_FALSE(order.ends);
    auto ending = weekly();
    ending.mutable_weekly()->set_rule("FREQ=WEEKLY;BYDAY=MO;UNTIL=20261207T013000Z");
    EXPECT_EQ(read_window(ending, kAnyone, kNow, kFrom).ends,
              *parse_rfc3339("2026-12-07T03:30:00Z"));
}

TEST(WindowRequest, SaysWhatIsWrongAndInWhichField) {
    const auto changed = [](auto window, auto change) {
        change(window);
        return refusal(window);
    };
    using Window = v1::PlannedWindow;
    EXPECT_EQ(refusal(once()), "");
    EXPECT_EQ(refusal(weekly()), "");
    EXPECT_THAT(changed(once(), [](Window& w) { w.clear_matchers(); }), HasSubstr("matchers: "));
    EXPECT_THAT(changed(once(), [](Window& w) { w.add_matchers(); }),
                HasSubstr("names an endpoint, a tenant or a label"));
    EXPECT_THAT(changed(once(), [](Window& w) { w.add_matchers()->add_labels("x"); }),
                HasSubstr("KEY=VALUE"));
    EXPECT_THAT(changed(once(), [](Window& w) { w.add_matchers()->set_endpoint("A B"); }),
                HasSubstr("endpoint: "));
    EXPECT_THAT(changed(once(), [](Window& w) { w.clear_reason(); }), HasSubstr("say why"));
    EXPECT_THAT(changed(once(), [](Window& w) { w.set_reason("a\nb"); }), HasSubstr("reason: "));
    EXPECT_THAT(changed(once(), [](Window& w) { w.set_reason("a\u009Bb"); }),
                HasSubstr("reason: "));
    EXPECT_THAT(changed(once(), [](Window& w) { w.set_owner("\u202Eops"); }), HasSubstr("owner: "));
    EXPECT_EQ(changed(once(), [](Window& w) { w.set_reason("für den Umzug"); }), "");
    EXPECT_THAT(changed(once(), [](Window& w) { w.clear_ends_at_us(); }),
                HasSubstr("ends_at_us: say when it ends"));
    EXPECT_THAT(changed(once(), [](Window& w) { w.set_ends_at_us(us(kNow)); }),
                HasSubstr("it ends after it starts"));
    EXPECT_THAT(changed(once(), [](Window& w) { w.set_ends_at_us(INT64_MAX); }),
                HasSubstr("it ends after it starts"));
    EXPECT_THAT(changed(once(), [](Window& w) { w.set_starts_at_us(INT64_MIN); }),
                HasSubstr("starts_at_us: "));
    EXPECT_THAT(changed(once(),
                        [](Window& w) {
                            w.set_starts_at_us(us(kNow - hours{3}));
                            w.set_ends_at_us(us(kNow - hours{1}));
                        }),
                HasSubstr("it would be over before 2026-11-30T09:01:00Z"));
    EXPECT_THAT(changed(once(), [](Window& w) { w.set_duration_s(60); }),
                HasSubstr("ends_at_us: say when it ends or how long it lasts"));
    EXPECT_THAT(changed(weekly(), [](Window& w) { w.set_ends_at_us(us(kNow + hours{2})); }),
                HasSubstr("weekly: "));
    const auto rule_changed = [&](auto change) {
        return changed(weekly(), [&](Window& w) { change(*w.mutable_weekly()); });
    };
    EXPECT_THAT(rule_changed([](auto& rule) { rule.set_time_zone("Mars/Olympus"); }),
                HasSubstr("time_zone: "));
    EXPECT_THAT(rule_changed([](auto& rule) { rule.set_rule("FREQ=DAILY"); }), HasSubstr("rule: "));
    EXPECT_THAT(rule_changed([](auto& rule) { rule.set_start_of_day("24:00"); }),
                HasSubstr("start_of_day: "));
    EXPECT_THAT(rule_changed([](auto& rule) { rule.set_first_day("2026-02-30"); }),
                HasSubstr("first_day: "));
    EXPECT_THAT(rule_changed([](auto& rule) { rule.set_duration_s(59); }),
                HasSubstr("duration_s: "));
    EXPECT_THAT(rule_changed([](auto& rule) { rule.set_duration_s(7 * 86'400 + 1); }),
                HasSubstr("duration_s: "));
    EXPECT_THAT(rule_changed([](auto& rule) {
                    rule.set_rule("FREQ=WEEKLY;BYDAY=MO;UNTIL=20261101T000000Z");
                }),
                HasSubstr("the rule never holds"));
}

TEST(WindowRequest, OneThatCouldHoldInNoMinuteIsRefusedAndTheFirstIsNamed) {
    auto asked = once();
    asked.set_ends_at_us(us(UtcTime{kFrom.start()}));
    EXPECT_EQ(refusal(asked),
              "ends_at_us: it would be over before 2026-11-30T09:01:00Z, the first minute that it"
              " can hold in");
    asked.set_ends_at_us(us(UtcTime{kFrom.start()}) + 1);
    EXPECT_EQ(refusal(asked), "");
    asked.clear_ends_at_us();
    asked.set_duration_s(60);
    EXPECT_THAT(refusal(asked), HasSubstr("duration_s: it would be over before"));
    asked.set_duration_s(61);
    EXPECT_EQ(refusal(asked), "");
    auto rule = weekly();  // the Monday before UNTIL is over at 03:30Z, and no Thursday comes
    rule.mutable_weekly()->set_first_day("2026-11-23");
    rule.mutable_weekly()->set_rule("FREQ=WEEKLY;BYDAY=MO;UNTIL=20261202T000000Z");
    EXPECT_EQ(refusal(rule), "rule: the rule holds in no minute from 2026-11-30T09:01:00Z on");
}

TEST(WindowRequest, ALengthCountsFromTheCoordinatorsClock) {
    auto asked = once();
    asked.clear_ends_at_us();
    asked.set_duration_s(7200);
    const auto order = read_window(asked, kAnyone, kNow, kFrom);
    EXPECT_EQ(order.window.start, kNow);
    EXPECT_EQ(order.window.end, kNow + hours{2});
}

TEST(WindowRequest, WhoIsBoundPlansForTheirTenantsAlone) {
    EXPECT_EQ(refusal(once(), kBound), "");
    auto labels = once();
    labels.clear_matchers();
    labels.add_matchers()->add_labels("team=retrieval");
    EXPECT_EQ(read_window(labels, kBound, kNow, kFrom).window.matchers[0],
              (EndpointMatcher{"acme", "", {{"team", "retrieval"}}}))
        << "narrowed to what is theirs";
    auto foreign = once();
    foreign.add_matchers()->set_tenant("default");
    EXPECT_THAT(refusal(foreign, kBound), HasSubstr("may not reach the tenant default"));
    foreign.mutable_matchers(1)->set_endpoint("acme/search");
    EXPECT_THAT(refusal(foreign, kBound), HasSubstr("is not of tenant default"));
}

TEST(WindowRequest, ItsTenantsAreKnownWhereEachMatcherNamesOne) {
    EXPECT_EQ(tenants_of({{"b", "x", {}}, {"a", "", {}}, {"b", "", {}}}),
              (std::vector<std::string>{"a", "b"}));
    EXPECT_FALSE(tenants_of({{"b", "", {}}, {"", "", {{"x", "1"}}}}));
}

}  // namespace
}  // namespace quorate::coordinator
