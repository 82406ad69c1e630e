#include "platform/runtime/service_manager.hpp"

#include <array>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/platform/runtime/run_task.hpp"

namespace quorate {
namespace {

/// The service manager's end of a real `NOTIFY_SOCKET`.
class NotifySocket {
public:
    NotifySocket() {
        const auto path = folder_.path() + "/notify";
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
        socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error{"no socket at " + path};
        setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;
    ~NotifySocket() {
        unsetenv("NOTIFY_SOCKET");
        unsetenv("WATCHDOG_USEC");
        close(socket_);
    }

    /// The message that came first of those not taken yet.
    std::optional<std::string> take() const {
        std::array<char, 4096> buffer{};
        const auto size = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size < 0) return std::nullopt;
        return std::string{buffer.data(), static_cast<std::size_t>(size)};
    }

    /// As `take`, once there is one.
    Task<std::string> next() const {
        for (;;) {
            if (auto message = take()) co_return *std::move(message);
            co_await sleep_for(milliseconds{1});
        }
    }

    Task<> expect(const char* message) const {
        const auto said = co_await next();
        EXPECT_EQ(said, message);
    }

private:
    TemporaryFolder folder_;
    int socket_ = -1;
};

using Strings = std::vector<std::string>;

/// Runs `story()` beside the manager's watch, which ends with it.
template <class Story>
void beside(ServiceManager& manager, const ServiceManager::Reasons& reasons, const Story& story) {
    test::run_task([&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 1};
        group.spawn("watch", manager.watch(reasons));
        co_await story();
        group.cancel();
        co_await group.join();
    });
}

TEST(ServiceManager, IsToldOfReadinessOnceAndOfEachReasonAsItChanges) {
    const NotifySocket socket;
    const SystemClock clock;
    ServiceManager manager{clock};
    std::optional<Strings> reasons;
    const auto story = [&]() -> Task<> {
        co_await socket.expect("STATUS=starting");
        reasons = Strings{"postgres_unreachable", "redis_unreachable"};
        co_await socket.expect("STATUS=not ready: postgres_unreachable, redis_unreachable");
        reasons->clear();
        co_await socket.expect("STATUS=ready\nREADY=1");
        reasons->push_back("redis_unreachable");
        co_await socket.expect("STATUS=not ready: redis_unreachable");
        reasons->clear();
        co_await socket.expect("STATUS=ready");
    };
    beside(
        manager, [&] { return reasons; }, story);
}

TEST(ServiceManager, ADaemonThatWaitsForItsStoresCountsAsStartedAfterAWhile) {
    const NotifySocket socket;
    const SystemClock clock;
    const auto begun = clock.steady_now();
    ServiceManager manager{clock, milliseconds{300}};
    const auto story = [&]() -> Task<> {
        co_await socket.expect("STATUS=starting");
        co_await socket.expect("STATUS=not ready: redis_unreachable");
        co_await socket.expect("STATUS=not ready: redis_unreachable\nREADY=1");
        EXPECT_GE(clock.steady_now() - begun, milliseconds{300});
    };
    beside(
        manager, [] { return Strings{"redis_unreachable"}; }, story);
}

TEST(ServiceManager, HearsThatWeLiveTwiceInTheTimeItGivesAndWhileWeStop) {
    const NotifySocket socket;
    setenv("WATCHDOG_USEC", "200000", 1);
    const SystemClock clock;
    ServiceManager manager{clock};
    const auto story = [&]() -> Task<> {
        while (co_await socket.next() != "STATUS=ready\nREADY=1") {
        }
        manager.stopping();
        while (co_await socket.next() != "STOPPING=1\nSTATUS=stopping") {
        }
        const auto begun = clock.steady_now();
        for (int pings = 0; pings < 5; ++pings)
            co_await socket.expect("WATCHDOG=1");
        EXPECT_GE(clock.steady_now() - begun, milliseconds{300});
    };
    beside(
        manager, [] { return Strings{}; }, story);
}

TEST(ServiceManager, ABusyExecutorSaysNothing) {
    const NotifySocket socket;
    setenv("WATCHDOG_USEC", "100000", 1);
    const SystemClock clock;
    ServiceManager manager{clock};
    const auto story = [&]() -> Task<> {
        while (co_await socket.next() != "WATCHDOG=1") {
        }
        while (socket.take()) {
        }
        const auto until = clock.steady_now() + milliseconds{300};
        while (clock.steady_now() < until) {
        }
        EXPECT_EQ(socket.take(), std::nullopt);
        co_await socket.expect("WATCHDOG=1");
    };
    beside(
        manager, [] { return Strings{}; }, story);
}

TEST(ServiceManager, IsToldWhenAReloadBeginsAndEnds) {
    const NotifySocket socket;
    const SystemClock clock;
    ServiceManager manager{clock};
    const auto story = [&]() -> Task<> {
        co_await socket.expect("STATUS=starting");
        co_await socket.expect("STATUS=ready\nREADY=1");
        std::string meanwhile;
        manager.reload([&] { meanwhile = socket.take().value_or(""); });
        EXPECT_TRUE(meanwhile.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << meanwhile;
        co_await socket.expect("READY=1");
    };
    beside(
        manager, [] { return Strings{}; }, story);
}

TEST(ServiceManager, AReloadBeforeTheDaemonIsReadyDoesNotMakeItSo) {
    const NotifySocket socket;
    const SystemClock clock;
    ServiceManager manager{clock};
    bool reloaded = false;
    manager.reload([&] { reloaded = true; });
    EXPECT_TRUE(reloaded);
    EXPECT_EQ(socket.take(), "STATUS=starting");
    EXPECT_EQ(socket.take(), std::nullopt);
}

TEST(ServiceManager, WhereNobodyListensNothingRunsOn) {
    const SystemClock clock;
    ServiceManager manager{clock};
    test::run_task([&] { return manager.watch([] { return Strings{}; }); });
    manager.stopping();
}

}  // namespace
}  // namespace quorate
