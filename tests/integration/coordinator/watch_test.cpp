// Many who watch: those who ask for the same share what is found, and nobody misses anything or
// gets it twice, whenever they come.
#include <memory>
#include <random>
#include <thread>

#include <gmock/gmock.h>

#include "coordinator/catalog/reports.hpp"
#include "tests/integration/coordinator/processes.hpp"
#include "tests/integration/coordinator/sealed_minutes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::http_get;
using quorate::testing::packed;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;
using quorate::testing::store_minute;
using ::testing::HasSubstr;

constexpr auto kMinute = std::chrono::minutes{1};

struct Watched {
    Watched() {
        lab.clock.now = first.start();
        lab.apply("endpoints:\n  - {name: a, url: 'http://h/'}\n  - {name: b, url: 'http://h/'}\n");
    }
    /// The n-th minute of an endpoint is sealed.
    void seal(int n, const std::string& endpoint = "a") const {
        store_minute(lab,
                     endpoint,
                     first.plus(n, lab.deployment.window),
                     Decision::ok,
                     Scope::none,
                     7,
                     {packed(1, Verdict::up, RegionPhase::healthy)});
    }
    std::string metrics() const { return http_get(app.health_port(), "/metrics"); }

    /// Today, where partitions are.
    const UtcMinute first = UtcMinute::containing(SystemClock{}.utc_now(), Window::minute());
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
};

/// One open Watch, read on a thread of its own.
class Watcher {
public:
    explicit Watcher(Watched& of, const std::string& token = {}, const std::string& endpoint = {})
        : first_{of.first.start()} {
        v1::WatchRequest request;
        request.set_resume_token(token);
        request.set_endpoint(endpoint);
        context_.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes{2});
        watch_ = of.app.admin().Watch(&context_, request);
        v1::WatchEvent first;
        EXPECT_TRUE(watch_->Read(&first));
        token_ = first.resume_token();
    }
    /// Reads decisions until there are as many. @return which minutes, counted from the first
    std::vector<std::int64_t> read(std::size_t count) {
        std::vector<std::int64_t> minutes;
        v1::WatchEvent event;
        while (minutes.size() < count && watch_->Read(&event)) {
            for (const auto& decision : event.decisions())
                minutes.push_back(number_of(decision));
            token_ = event.resume_token();
        }
        return minutes;
    }
    /// Reads one event. @return its minutes
    std::vector<std::int64_t> read_event() {
        std::vector<std::int64_t> minutes;
        v1::WatchEvent event;
        EXPECT_TRUE(watch_->Read(&event));
        for (const auto& decision : event.decisions())
            minutes.push_back(number_of(decision));
        token_ = event.resume_token();
        return minutes;
    }
    const std::string& token() const { return token_; }
    grpc::Status end() {
        context_.TryCancel();
        return finish();
    }
    /// Reads on until it ends. @param seen where the minutes go, unless they are of no interest
    grpc::Status finish(std::vector<std::int64_t>* seen = nullptr) {
        v1::WatchEvent rest;
        while (watch_->Read(&rest))
            if (seen != nullptr)
                for (const auto& decision : rest.decisions())
                    seen->push_back(number_of(decision));
        return watch_->Finish();
    }

private:
    std::int64_t number_of(const v1::DecisionEvent& decision) const {
        return (UtcTime{microseconds{decision.minute_us()}} - first_) / kMinute;
    }
    UtcTime first_;
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReader<v1::WatchEvent>> watch_;
    std::string token_;
};

std::vector<std::int64_t> numbers(int from, int until) {
    std::vector<std::int64_t> all;
    for (int n = from; n < until; ++n)
        all.push_back(n);
    return all;
}

TEST(WatchHub, ThoseWhoAskForTheSameShareAFeedAndEachGetsEverythingOnce) {
    Watched watched;
    std::vector<std::unique_ptr<Watcher>> watchers;
    for (int i = 0; i < 20; ++i)
        watchers.push_back(std::make_unique<Watcher>(watched));
    Watcher other{watched, "", "b"};
    EXPECT_THAT(watched.metrics(), HasSubstr("quorate_coordinator_watchers 21"));
    EXPECT_THAT(watched.metrics(), HasSubstr("quorate_coordinator_watch_feeds 2"));
    for (int n = 0; n < 10; ++n)
        watched.seal(n);
    for (auto& watcher : watchers)
        EXPECT_EQ(watcher->read(10), numbers(0, 10));
    watched.seal(10, "b");
    EXPECT_EQ(other.read(1), numbers(10, 11));
    watchers.clear();
    EXPECT_EQ(other.end().error_code(), grpc::CANCELLED);
    EXPECT_TRUE(comes_to_hold([&] {
        return watched.metrics().find("quorate_coordinator_watch_feeds 0") != std::string::npos;
    })) << "nobody is left who asks for it";
}

TEST(WatchHub, ATransactionThatForgetsForMinutesHoldsUpNobody) {
    Watched watched;
    Watcher watcher{watched};
    pqxx::connection connection{watched.lab.conninfo};
    pqxx::work forgetting{connection};
    v1::ForgetRequest request;
    request.set_tenant("nobody");
    forget(forgetting, request, Actor{});
    watched.seal(0);
    EXPECT_EQ(watcher.read(1), numbers(0, 1));
}

TEST(WatchHub, WhoGoesAndComesBackAgainAndAgainMissesNothingAndGetsNothingTwice) {
    constexpr int kMinutes = 120;
    Watched watched;
    Watcher steady{watched};  // so that there is a feed to come to
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    auto come = std::make_unique<Watcher>(watched);
    std::thread archiver{[&] {
        for (int n = 0; n < kMinutes; ++n)
            watched.seal(n);
    }};
    std::vector<std::int64_t> seen;
    while (seen.size() < kMinutes) {
        const auto wanted = std::min<std::size_t>(1 + random() % 8, kMinutes - seen.size());
        const auto some = come->read(wanted);
        EXPECT_FALSE(some.empty());
        if (some.empty()) break;
        seen.insert(seen.end(), some.begin(), some.end());
        const auto token = come->token();
        come->end();
        come = std::make_unique<Watcher>(watched, token);
    }
    archiver.join();
    EXPECT_EQ(seen, numbers(0, kMinutes));
    EXPECT_EQ(steady.read(kMinutes), numbers(0, kMinutes));
}

TEST(WatchHub, ATokenFromWhichSomethingWouldBeLeftOutIsRefused) {
    Watched watched;
    std::string before;
    {
        Watcher watcher{watched};
        before = watcher.token();
        watched.seal(0);
        watched.seal(1);
        EXPECT_EQ(watcher.read(2), numbers(0, 2));
    }
    const auto resumed = [&watched](const std::string& token) {
        quorate::testing::Call call;
        v1::WatchRequest request;
        request.set_resume_token(token);
        const auto watch = watched.app.admin().Watch(&call.context, request);
        v1::WatchEvent event;
        const bool begun = watch->Read(&event);
        if (begun) call.context.TryCancel();
        while (watch->Read(&event)) {
        }
        return watch->Finish();
    };
    const auto ahead = resumed("18446744073709551615");
    EXPECT_EQ(ahead.error_code(), grpc::OUT_OF_RANGE) << ahead.error_message();
    EXPECT_THAT(ahead.error_message(), HasSubstr("ahead of the database"));
    EXPECT_EQ(resumed(before).error_code(), grpc::CANCELLED) << "nothing is deleted yet";
    watched.lab.sql("DELETE FROM quorate.batch WHERE id = (SELECT min(id) FROM quorate.batch)");
    const auto gone = resumed(before);
    EXPECT_EQ(gone.error_code(), grpc::OUT_OF_RANGE) << gone.error_message();
    EXPECT_THAT(gone.error_message(), HasSubstr("are kept for a stream no longer"));
    const auto kept = watched.lab.sql("SELECT txid FROM quorate.batch");
    Watcher behind{watched, kept};
    EXPECT_EQ(behind.read(1), numbers(1, 2)) << "what was deleted lies before it";
    EXPECT_EQ(watched.lab.sql_as("quorate_archiver", "DELETE FROM quorate.batch"), "")
        << "the archiver deletes by age";
    EXPECT_EQ(resumed(kept).error_code(), grpc::OUT_OF_RANGE);
}

TEST(WatchHub, WhoSeesNoDecisionIsToldHowFarTheStreamIs) {
    Watched watched;
    Watcher other{watched, "", "b"};
    const auto first = other.token();
    watched.seal(0);
    EXPECT_TRUE(other.read_event().empty());
    EXPECT_GT(std::stoull(other.token()), std::stoull(first));
    watched.seal(1, "b");
    EXPECT_EQ(other.read(1), numbers(1, 2));
}

TEST(WatchHub, WhoReadsTooSlowlyIsCutOffWithTheTokenToGoOnFromAndHoldsUpNobody) {
    // More than what gRPC and the kernel hold on to for somebody who does not read.
    constexpr int kBatches = 45;
    constexpr int kMinutesEach = 1000;
    constexpr int kAll = kBatches * kMinutesEach * 2;
    Watched watched;
    const std::string name(62, 'n');
    for (const auto* end : {"1", "2"})
        watched.lab.apply("endpoints:\n  - {name: " + name + end + ", tenant: " + name +
                          ", url: 'http://h/'}\n");
    Watcher slow{watched};
    Watcher quick{watched};
    std::thread archiver{[&] {
        for (int batch = 0; batch < kBatches; ++batch)
            watched.lab.sql("WITH times AS (SELECT '" + to_rfc3339(watched.first) +
                            "'::timestamptz + n * interval '1 minute' AS at FROM generate_series(" +
                            std::to_string(batch * kMinutesEach) + ", " +
                            std::to_string((batch + 1) * kMinutesEach - 1) +
                            ") n), b AS (INSERT INTO quorate.batch (minute_min, minute_max,"
                            " minutes, sealed_at) SELECT min(at), max(at), 2 * count(*), now()"
                            " FROM times RETURNING id) INSERT INTO quorate.minute SELECT times.at,"
                            " b.id, e.id, 0, 0, 7, 1, 0, decode(repeat('01', 28), 'hex'), '{}'"
                            " FROM times, b, quorate.endpoint e WHERE e.tenant = '" +
                            name + "'");
    }};
    EXPECT_EQ(quick.read(kAll).size(), static_cast<std::size_t>(kAll));
    archiver.join();
    std::vector<std::int64_t> seen;
    const auto status = slow.finish(&seen);
    EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED) << status.error_message();
    const auto& message = status.error_message();
    ASSERT_THAT(message, HasSubstr("faster than they are read: go on with the resume_token "));
    EXPECT_THAT(watched.metrics(), HasSubstr("quorate_coordinator_watchers_cut_off_total 1"));
    EXPECT_LT(seen.size(), static_cast<std::size_t>(kAll));
    Watcher again{watched, message.substr(message.rfind(' ') + 1)};
    const auto rest = again.read(kAll - seen.size());
    seen.insert(seen.end(), rest.begin(), rest.end());
    std::vector<std::int64_t> expected;
    for (int n = 0; n < kAll; ++n)
        expected.push_back(n / 2);
    EXPECT_TRUE(seen == expected) << "what it had and what it has now are all, each once";
}

}  // namespace
}  // namespace quorate::coordinator
