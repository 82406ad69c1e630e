// Looks that an operator orders, through the program and a real agent.
#include <thread>

#include <gmock/gmock.h>

#include "tests/integration/coordinator/served_as_user.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::ChildProcess;
using ::testing::HasSubstr;
using Served = quorate::testing::ServedAsUser;

/// The agent of us-east, alone in the world.
ChildProcess started_agent(const Served& served) {
    const auto config = served.folder.file("agent.yaml",
                                           "region: us-east\nname: a\nhealth: {port: 0}\n"
                                           "allow_private_addresses: true\nload_max: 1\n"
                                           "log: {level: error}\nredis: {url: \"" +
                                               served.redis.url() + "\"}\n");
    return ChildProcess{
        {std::string{QUORATE_BINARY_DIR} + "/bin/quorate-agent", "--config", config}};
}

TEST(RunNow, TellsWhatEachRegionSawAndWhichDidNotAnswer) {
    Served served;
    served.lab.apply(
        "endpoints:\n"
        "  - {name: gone, url: 'http://127.0.0.1:1/mcp', timeout: 1s, paused: true}\n");
    const auto agent = started_agent(served);
    EXPECT_TRUE(quorate::testing::comes_to_hold([&] {
        return served.quorate({"run-now", "nobody"}).err.find("not loaded") == std::string::npos;
    }));
    const auto run = served.quorate({"run-now", "gone", "-o", "json", "--reason", "is it back?"});
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.err, HasSubstr("not every region looked: ap-south: no agent of the region"));
    EXPECT_THAT(run.err, HasSubstr("quorate agents --region eu-west"));
    const auto answer = boost::json::parse(run.out);
    const auto& looks = answer.at("looks").as_array();
    ASSERT_EQ(looks.size(), 3U) << run.out;
    EXPECT_EQ(looks[0].at("region").as_string(), "ap-south");
    EXPECT_TRUE(looks[0].at("verdict").is_null());
    const auto& seen = looks[2];
    EXPECT_EQ(seen.at("region").as_string(), "us-east");
    EXPECT_TRUE(seen.at("unanswered").is_null());
    EXPECT_EQ(seen.at("agent").as_string(), "a");
    EXPECT_EQ(seen.at("verdict").as_string(), "FAIL");
    EXPECT_EQ(seen.at("reason").as_string(), "connection_refused");
    EXPECT_EQ(seen.at("phase").as_string(), "tcp");
    EXPECT_TRUE(seen.at("retried").as_bool()) << "as the schedule looks";
    EXPECT_EQ(served.lab.sql("SELECT principal, target, reason, tenants FROM quorate.audit"
                             " WHERE method = 'RunNow'"),
              "local|default/gone|is it back?|{default}");
}

TEST(RunNow, OneTenantTakesNotAllPlaces) {
    Served served;
    std::string yaml = "endpoints:\n  - {name: b, tenant: acme, url: 'http://h/', timeout: 1s}\n";
    for (int i = 0; i <= Runs::kOfTenantMax; ++i)
        yaml += "  - {name: e" + std::to_string(i) + ", url: 'http://h/', timeout: 1s}\n";
    served.lab.apply(yaml);
    EXPECT_TRUE(quorate::testing::comes_to_hold([&] {
        return served.quorate({"run-now", "nobody"}).err.find("not loaded") == std::string::npos;
    }));
    // Nobody looks, so each lasts until the time of its looks is over.
    std::vector<std::thread> running;
    for (int i = 0; i < Runs::kOfTenantMax; ++i)
        running.emplace_back([&, i] { served.quorate({"run-now", "e" + std::to_string(i)}); });
    const auto last = "e" + std::to_string(Runs::kOfTenantMax);
    EXPECT_TRUE(quorate::testing::comes_to_hold([&] {
        return served.lab.sql("SELECT count(*) FROM quorate.audit WHERE method = 'RunNow'") ==
               std::to_string(Runs::kOfTenantMax);
    }));
    EXPECT_THAT(served.quorate({"run-now", last}).err,
                HasSubstr("other endpoints of the tenant are looked at on order already"));
    EXPECT_THAT(served.quorate({"run-now", "acme/b"}).err, HasSubstr("not every region looked"));
    for (auto& each : running)
        each.join();
}

TEST(RunNow, OfWhatIsNotThereIsOneLine) {
    Served served;
    std::string said;  // after a start: that nothing is loaded yet
    EXPECT_TRUE(quorate::testing::comes_to_hold([&] {
        const auto run = served.quorate({"run-now", "acme/nobody"});
        EXPECT_EQ(run.status, 1);
        said = run.err;
        return said == "quorate: there is no endpoint acme/nobody\n";
    })) << said;
}

}  // namespace
}  // namespace quorate::coordinator
