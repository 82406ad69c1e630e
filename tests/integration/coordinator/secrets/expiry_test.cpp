// When notices tell of credentials that expire, on a real Postgres.
#include "tests/integration/coordinator/secrets/kept.hpp"

namespace quorate::coordinator {
namespace {

using ::testing::HasSubstr;

/// The notices of credentials, as the archiver has them settled.
struct Expiring : Kept {
    std::string settle(microseconds before_expiry) {
        return sql("SELECT change, endpoint, detail FROM quorate.settle_credential_expiry('" +
                   to_rfc3339(expires - before_expiry) + "')");
    }
    UtcTime expires = kNow + 24h * 30;
};

TEST(Expiry, OpensANotice72HoursBeforeAndTellsItAgainAt24HoursAndAt1) {
    Expiring lab;
    auto request = lab.request("token");
    request.set_expires_at_us(lab.expires.time_since_epoch().count());
    lab.set(request);
    lab.set("team");
    lab.planned(kWalled);
    const auto told = [&lab] { return lab.sql("SELECT count(*) FROM quorate.outbox"); };
    const auto when = to_rfc3339(lab.expires);
    EXPECT_EQ(lab.settle(73h), "");
    EXPECT_EQ(lab.settle(72h), "opened|walled|The secret token expires at " + when);
    EXPECT_EQ(lab.settle(71h), "");
    EXPECT_EQ(told(), "1");
    EXPECT_EQ(lab.settle(24h), "changed|walled|The secret token expires at " + when);
    EXPECT_EQ(lab.settle(2h), "");
    EXPECT_EQ(told(), "2");
    EXPECT_EQ(lab.settle(1h), "changed|walled|The secret token expires at " + when);
    EXPECT_EQ(lab.settle(59min), "");
    EXPECT_EQ(told(), "3");
    EXPECT_EQ(lab.settle(-1min), "changed|walled|The secret token expired at " + when);
    EXPECT_EQ(told(), "4");
    EXPECT_EQ(lab.sql("SELECT kind, tenant, endpoint, closed_at IS NULL FROM dash.notice"),
              "credential_expiry|acme|walled|t");
    lab.set("token", "the-next-value-of-it");
    EXPECT_EQ(lab.settle(-2min), "closed|walled|The secret token expired at " + when);
    EXPECT_EQ(lab.settle(-3min), "");
    EXPECT_EQ(lab.sql("SELECT payload->>'notice', payload->>'kind' FROM quorate.outbox"
                      " ORDER BY id DESC LIMIT 1"),
              "credential_expiry|closed");
}

TEST(Expiry, IsToldAgainOfEachValueThatRunsOut) {
    Expiring lab;
    const auto renew = [&] {
        auto request = lab.request("token");
        request.set_expires_at_us(lab.expires.time_since_epoch().count());
        lab.set(request);
    };
    renew();
    lab.set("team");
    lab.planned(kWalled);
    const auto told = [&] { return lab.sql("SELECT count(*) FROM quorate.outbox"); };
    EXPECT_THAT(lab.settle(50h), HasSubstr("opened"));
    for (int day = 1; day <= 3; ++day) {
        EXPECT_THAT(lab.settle(23h), HasSubstr("changed"));
        EXPECT_EQ(told(), std::to_string(1 + day)) << "day " << day;
        lab.expires += 24h;
        renew();
        EXPECT_EQ(lab.settle(46h), "") << "less urgent than before: nobody is told";
    }
}

TEST(Expiry, IsReadOutOfAJwtAndAnEndpointWithoutItIsLeftAlone) {
    Expiring lab;
    lab.clock.now -= 24h;
    // {"alg":"none"} . {"exp":1800000000} . signature: 2027-01-15T08:00:00Z
    const auto made =
        lab.set("token", "eyJhbGciOiJub25lIn0.eyJleHAiOjE4MDAwMDAwMDB9.c2lnbmF0dXJlLW9mLWl0");
    EXPECT_EQ(made.secret().expires_from(), "jwt");
    EXPECT_EQ(made.secret().expires_at_us(), 1'800'000'000'000'000);
    lab.set("team");
    lab.planned(kWalled);
    lab.apply("endpoints:\n  - {name: open, tenant: acme, url: 'http://h/'}\n");
    lab.expires = UtcTime{1'800'000'000s};
    EXPECT_EQ(lab.settle(30min),
              "opened|walled|The secret token expires at 2027-01-15T08:00:00Z, its own exp "
              "says");
    EXPECT_EQ(lab.sql("SELECT count(*) FROM quorate.notice"), "1");
    EXPECT_EQ(lab.sql_as("quorate_archiver",
                         "SELECT * FROM quorate.settle_credential_expiry('2027-01-15T07:45:00Z')"),
              "");
}

}  // namespace
}  // namespace quorate::coordinator
