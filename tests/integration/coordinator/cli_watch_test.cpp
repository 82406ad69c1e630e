// The operators' client where it goes on and on, and the coordinator goes away.
#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/coordinator/processes.hpp"
#include "tests/integration/coordinator/sealed_minutes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::ChildProcess;
using quorate::testing::comes_to_hold;
using quorate::testing::RedisServer;

/// A coordinator of its own process and port, whom an operator watches by `words` into two files.
class Watching {
public:
    explicit Watching(const std::string& words) {
        start();
        operator_ = std::make_unique<ChildProcess>(std::vector<std::string>{
            "/bin/sh",
            "-c",
            "exec " QUORATE_BINARY_DIR "/bin/quorate " + words + " --server 127.0.0.1:" +
                std::to_string(port_) + " >" + folder_.path("out") + " 2>" + folder_.path("err")});
    }
    void start() {
        coordinator_ = std::make_unique<ChildProcess>(std::vector<std::string>{
            quorate::testing::kCoordinatorBinary, "--config", config_.path()});
        EXPECT_TRUE(comes_to_hold([this] {
            return run_cli({"get", "--server", "127.0.0.1:" + std::to_string(port_)}).status == 0;
        }));
    }
    ChildProcess& coordinator() { return *coordinator_; }
    ChildProcess& watcher() { return *operator_; }
    std::string out() const { return TestFolder::contents(folder_.path("out")); }
    std::string err() const { return TestFolder::contents(folder_.path("err")); }

    Catalogued lab;

private:
    RedisServer redis_;
    TestFolder folder_;
    std::uint16_t port_ = quorate::testing::free_port();
    quorate::testing::ConfigFile config_{lab, redis_.url(), port_};
    std::unique_ptr<ChildProcess> coordinator_;
    std::unique_ptr<ChildProcess> operator_;
};

TEST(Cli, AListThatIsWatchedGoesOnWhenTheCoordinatorIsBack) {
    Watching watching{"get --watch -o json"};
    EXPECT_TRUE(comes_to_hold([&] { return !watching.out().empty(); }));
    EXPECT_EQ(watching.coordinator().end(SIGTERM), 0);
    EXPECT_TRUE(comes_to_hold([&] { return !watching.err().empty(); }));
    const auto before = watching.out();
    watching.start();
    EXPECT_TRUE(comes_to_hold([&] { return watching.out().size() > before.size(); }))
        << watching.err();
    EXPECT_NE(watching.err().find("127.0.0.1"), std::string::npos) << watching.err();
    EXPECT_LE(std::ranges::count(watching.err(), '\n'), 2) << "told once: " << watching.err();
}

TEST(Cli, AWatchNoticesThatTheCoordinatorIsGoneWithoutAWordAndGoesOnWithoutAGap) {
    Watching watching{"watch -o json"};
    watching.lab.clock.now = SystemClock{}.utc_now();
    watching.lab.apply("endpoints:\n  - {name: a, url: 'http://h/a'}\n");
    const auto first = UtcMinute::containing(watching.lab.clock.now, Window::minute());
    const auto seal = [&](int n) {
        quorate::testing::store_minute(
            watching.lab,
            "a",
            first.plus(n, Window::minute()),
            Decision::ok,
            Scope::none,
            7,
            {quorate::testing::packed(1, Verdict::up, RegionPhase::healthy)});
    };
    int sealed = 0;
    EXPECT_TRUE(comes_to_hold([&] {  // until it watches
        seal(sealed++);
        return !watching.out().empty();
    }));
    // As when its machine or the way to it is gone: nothing is closed.
    watching.coordinator().send(SIGSTOP);
    EXPECT_TRUE(comes_to_hold([&] { return !watching.err().empty(); }));
    EXPECT_NE(watching.err().find("broke"), std::string::npos) << watching.err();
    watching.coordinator().send(SIGCONT);
    seal(sealed++);
    EXPECT_TRUE(comes_to_hold([&] {
        return watching.out().find(to_rfc3339(first.plus(sealed - 1, Window::minute()))) !=
               std::string::npos;
    })) << watching.err();
    const auto out = watching.out();
    int from = 0;
    while (out.find(to_rfc3339(first.plus(from, Window::minute()))) == std::string::npos)
        ++from;  // what was sealed before it watched
    EXPECT_EQ(std::ranges::count(out, '\n'), sealed - from) << "each once";
    for (std::size_t at = 0; from < sealed; ++from) {
        at = out.find(to_rfc3339(first.plus(from, Window::minute())), at);
        ASSERT_NE(at, std::string::npos) << "minute " << from << " in its place";
    }
}

TEST(Cli, AWatcherWhoIsGoneWithoutAWordLosesItsSeat) {
    const Catalogued lab;
    const RedisServer redis;
    const quorate::testing::RunningApp app{quorate::testing::config_for(lab, redis.url())};
    const auto watchers = [&app](const std::string& count) {
        return comes_to_hold([&] {
            return quorate::testing::http_get(app.health_port(), "/metrics")
                       .find("quorate_coordinator_watchers " + count + "\n") != std::string::npos;
        });
    };
    const ChildProcess watcher{{std::string{QUORATE_BINARY_DIR} + "/bin/quorate",
                                "watch",
                                "--server",
                                "127.0.0.1:" + std::to_string(app.admin_port())}};
    EXPECT_TRUE(watchers("1"));
    watcher.send(SIGSTOP);
    EXPECT_TRUE(watchers("0"));
}

}  // namespace
}  // namespace quorate::coordinator
