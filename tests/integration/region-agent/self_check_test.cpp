#include "region-agent/selfcheck/self_check.hpp"

#include <algorithm>
#include <optional>

#include <boost/asio/ip/tcp.hpp>

#include <sys/resource.h>

#include "tests/integration/redis/with_client.hpp"
#include "tests/integration/region-agent/name_server_stub.hpp"

namespace quorate {
namespace {

using agent::Landmark;
using agent::SelfCheck;
using agent::SelfCheckOptions;
using asio::ip::tcp;
using testing::eventually;
using testing::NameServerStub;
using testing::run_on_executor;

/// A port of 127.0.0.1 that can be reached while it is open, also again after a closing. It accepts
/// nothing: the kernel does, into its backlog.
class Port {
public:
    explicit Port(asio::any_io_executor executor) : executor_{std::move(executor)} {
        acceptor_.emplace(executor_, tcp::endpoint{asio::ip::address_v4::loopback(), 0});
        number_ = acceptor_->local_endpoint().port();
    }
    void close() { acceptor_.reset(); }
    void open() {
        acceptor_.emplace(executor_, tcp::endpoint{asio::ip::address_v4::loopback(), number_});
    }
    Landmark landmark() const { return {"127.0.0.1", number_}; }

private:
    asio::any_io_executor executor_;
    std::optional<tcp::acceptor> acceptor_;
    std::uint16_t number_ = 0;
};

/// A self-check that runs, with what it needs.
struct Running {
    Running(asio::any_io_executor executor, SelfCheckOptions options)
        : resolver{executor, clock, {}},
          check{executor, clock, resolver, readiness, log, std::move(options)},
          group{executor, 1} {
        group.spawn("self_check", check.run());
    }
    Task<bool> comes_to_be(bool blind) {
        const auto is_so = [this, blind]() -> Task<bool> { co_return check.blind() == blind; };
        const bool so = co_await eventually(is_so);
        co_return so;
    }
    Task<> stop() {
        group.cancel();
        co_await group.join();
    }

    SystemClock clock;
    Logger log{"agent", LogLevel::error, clock};
    Readiness readiness;
    Resolver resolver;
    SelfCheck check;
    TaskGroup group;
};

SelfCheckOptions often() {
    SelfCheckOptions options;
    options.every = milliseconds{20};
    options.gap_min = milliseconds{10};
    return options;
}

const std::vector<std::string> kBlind{"blind"};
const std::vector<std::string> kNothing;

TEST(SelfCheck, OneLandmarkIsEnoughToSeeNoneIsBlindnessAndItEndsByItself) {
    run_on_executor([]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        Port one{executor};
        Port two{executor};
        auto options = often();
        options.landmarks = {one.landmark(), two.landmark()};
        Running running{executor, std::move(options)};
        const auto begun = running.clock.steady_now();
        EXPECT_FALSE(co_await running.check.blind_since(begun));
        EXPECT_EQ(running.check.findings().landmarks_reached, 2U);
        one.close();
        EXPECT_FALSE(co_await running.check.blind_since(running.clock.steady_now()));
        EXPECT_EQ(running.check.findings().landmarks_reached, 1U);
        EXPECT_EQ(running.readiness.reasons(), kNothing);
        two.close();
        EXPECT_TRUE(co_await running.check.blind_since(running.clock.steady_now()));
        EXPECT_EQ(running.readiness.reasons(), kBlind);
        EXPECT_EQ(running.check.why(), "none of 2 landmarks can be reached");
        two.open();
        EXPECT_TRUE(co_await running.comes_to_be(false));
        EXPECT_EQ(running.readiness.reasons(), kNothing);
        co_await running.stop();
    });
}

TEST(SelfCheck, OneLandmarkAloneJudgesNothing) {
    run_on_executor([]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        Port closed{executor};
        closed.close();
        auto options = often();
        options.landmarks = {closed.landmark()};
        Running running{executor, std::move(options)};
        const auto checked = [&]() -> Task<bool> {
            co_return running.check.findings().landmarks == 1;
        };
        EXPECT_TRUE(co_await eventually(checked));
        EXPECT_FALSE(running.check.blind());
        co_await running.stop();
    });
}

TEST(SelfCheck, EachNameServerIsAskedAndNoneThatAnswersIsBlindness) {
    run_on_executor([]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        NameServerStub one{executor};
        NameServerStub two{executor};
        TaskGroup stubs{executor, 2};
        stubs.spawn("one", one.serve());
        stubs.spawn("two", two.serve());
        auto options = often();
        options.name_servers = {one.address(), two.address()};
        options.patience = milliseconds{500};
        Running running{executor, std::move(options)};
        const auto both = [&]() -> Task<bool> {
            co_return running.check.findings().name_servers_answering == 2;
        };
        EXPECT_TRUE(co_await eventually(both)) << "that a name does not exist is an answer";
        one.silent = true;
        const auto only_two = [&]() -> Task<bool> {
            co_return running.check.findings().name_servers_answering == 1;
        };
        EXPECT_TRUE(co_await eventually(only_two));
        two.fails = true;
        EXPECT_TRUE(co_await running.comes_to_be(true));
        EXPECT_EQ(running.check.why(), "none of 2 name servers answers");
        one.silent = false;
        EXPECT_TRUE(co_await running.comes_to_be(false));
        co_await running.stop();
        stubs.cancel();
        co_await stubs.join();
    });
}

/// The soft limit of descriptors, as it was when this goes.
class DescriptorLimit {
public:
    DescriptorLimit() { ::getrlimit(RLIMIT_NOFILE, &was_); }
    ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &was_); }
    DescriptorLimit(const DescriptorLimit&) = delete;
    DescriptorLimit& operator=(const DescriptorLimit&) = delete;
    void set(std::size_t limit) const {
        auto now = was_;
        now.rlim_cur = limit;
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
    }
    void restore() const { ::setrlimit(RLIMIT_NOFILE, &was_); }

private:
    rlimit was_{};
};

TEST(SelfCheck, DescriptorsThatRunOutAreBlindness) {
    const DescriptorLimit limit;
    run_on_executor([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        Running running{executor, often()};
        const auto checked = [&]() -> Task<bool> {
            co_return running.check.findings().descriptors.open > 0;
        };
        EXPECT_TRUE(co_await eventually(checked));
        EXPECT_FALSE(running.check.blind());
        limit.set(running.check.findings().descriptors.open);
        EXPECT_TRUE(co_await running.comes_to_be(true));
        limit.restore();
        EXPECT_TRUE(co_await running.comes_to_be(false));
        co_await running.stop();
    });
}

TEST(SelfCheck, ManyFailuresAtOnceCostOneCheckOutOfTurn) {
    run_on_executor([]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        NameServerStub one{executor};
        NameServerStub two{executor};
        TaskGroup stubs{executor, 2};
        stubs.spawn("one", one.serve());
        stubs.spawn("two", two.serve());
        SelfCheckOptions options;
        options.every = std::chrono::hours{1};
        options.gap_min = milliseconds{1};
        options.name_servers = {one.address(), two.address()};
        Running running{executor, std::move(options)};
        const auto begun = running.clock.steady_now();
        EXPECT_FALSE(co_await running.check.blind_since(begun));
        const auto before = one.queries();
        TaskGroup failures{executor, 100};
        std::size_t told = 0;
        const auto since = running.clock.steady_now();
        const auto fail = [&]() -> Task<> {
            const bool blind = co_await running.check.blind_since(since);
            if (!blind) ++told;
        };
        for (int i = 0; i < 100; ++i)
            failures.spawn("failure", fail());
        co_await failures.join();
        EXPECT_EQ(told, 100U);
        EXPECT_GE(one.queries() - before, 1U);
        EXPECT_LE(one.queries() - before, 4U) << "c-ares may repeat one on a slow machine";
        co_await running.stop();
        stubs.cancel();
        co_await stubs.join();
    });
}

}  // namespace
}  // namespace quorate
