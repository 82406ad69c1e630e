#include "platform/runtime/daemon.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/platform/runtime/run_task.hpp"

namespace quorate {
namespace {

/// `run_daemon` in a process of its own, with its output in a pipe.
class Daemon {
public:
    Daemon(std::vector<std::string> arguments, const Load& load) {
        std::array<int, 2> ends{};
        if (pipe(ends.data()) != 0) throw std::runtime_error{"no pipe"};
        std::fflush(nullptr);  // or the child would write what this process has buffered
        pid_ = fork();
        if (pid_ == 0) {
            dup2(ends[1], STDOUT_FILENO);
            dup2(ends[1], STDERR_FILENO);
            close(ends[0]);
            close(ends[1]);
            arguments.insert(arguments.begin(), "quorate-test");
            std::vector<char*> argv;
            for (auto& argument : arguments)
                argv.push_back(argument.data());
            const int code = run_daemon(
                static_cast<int>(argv.size()), argv.data(), {"quorate-test", "1.2.3"}, load);
            std::cout.flush();
            _exit(code);
        }
        close(ends[1]);
        output_ = ends[0];
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    ~Daemon() {
        if (pid_ > 0 && !waited_) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
        close(output_);
    }

    void signal(int number) const { kill(pid_, number); }

    /// Blocks until the output so far contains `text`; false if it ended without.
    bool says(const std::string& text) {
        char c = 0;
        while (said_.find(text) == std::string::npos) {
            if (read(output_, &c, 1) != 1) return false;
            said_ += c;
        }
        return true;
    }
    const std::string& said() const { return said_; }

    /// Blocks until it ended; its exit code, or -1 if a signal killed it.
    int exit_code() {
        says("there is no such text");
        int status = 0;
        waitpid(pid_, &status, 0);
        waited_ = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t pid_ = -1;
    int output_ = -1;
    bool waited_ = false;
    std::string said_;
};

void say(std::string_view text) {
    if (write(STDOUT_FILENO, text.data(), text.size()) < 0) _exit(99);
}

/// A body that runs until it is cancelled, and then drains.
Serve load_drainer(const std::string&) {
    return [](DaemonContext& context) -> Task<> {
        context.on_reload([] { say("reloaded\n"); });
        say("serving\n");
        bool ended = false;
        std::exception_ptr thrown;
        try {
            co_await test::forever_then(ended);
        } catch (...) {
            thrown = std::current_exception();
        }
        say("drained\n");
        if (thrown) std::rethrow_exception(thrown);
    };
}

/// A body that does not react to being cancelled.
Serve load_deaf(const std::string&) {
    return [](DaemonContext&) -> Task<> {
        say("serving\n");
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        co_await test::forever();
    };
}

TEST(RunDaemon, SigtermCancelsTheBodyAndWaitsForIt) {
    Daemon daemon{{"--config", "a.yaml"}, load_drainer};
    ASSERT_TRUE(daemon.says("serving"));
    daemon.signal(SIGTERM);
    EXPECT_EQ(daemon.exit_code(), 0) << daemon.said();
    EXPECT_EQ(daemon.said(), "serving\ndrained\n");
}

TEST(RunDaemon, SighupReloadsAndTheBodyGoesOn) {
    Daemon daemon{{"--config", "a.yaml"}, load_drainer};
    ASSERT_TRUE(daemon.says("serving"));
    daemon.signal(SIGHUP);
    ASSERT_TRUE(daemon.says("reloaded"));
    daemon.signal(SIGINT);
    EXPECT_EQ(daemon.exit_code(), 0);
    EXPECT_EQ(daemon.said(), "serving\nreloaded\ndrained\n");
}

TEST(RunDaemon, ASecondSignalEndsABodyThatDoesNotStop) {
    Daemon daemon{{"--config", "a.yaml"}, load_deaf};
    ASSERT_TRUE(daemon.says("serving"));
    daemon.signal(SIGTERM);
    daemon.signal(SIGINT);
    const int code = daemon.exit_code();
    EXPECT_TRUE(code == 128 + SIGTERM || code == 128 + SIGINT) << code;
}

TEST(RunDaemon, ABodyThatFailsIsExitCodeOneAndOneLine) {
    const auto load = [](const std::string&) -> Serve {
        return [](DaemonContext&) -> Task<> {
            throw std::runtime_error{"port 9101 is in use"};
            co_return;
        };
    };
    Daemon daemon{{"--config", "a.yaml"}, load};
    EXPECT_EQ(daemon.exit_code(), 1);
    EXPECT_EQ(daemon.said(), "quorate-test: port 9101 is in use\n");
}

TEST(RunDaemon, ARefusedConfigIsExitCodeOneAndItsErrors) {
    const auto load = [](const std::string& file) -> Serve {
        throw std::runtime_error{file + ":3: health.port: is no known key"};
    };
    Daemon daemon{{"--config", "a.yaml", "--check-config"}, load};
    EXPECT_EQ(daemon.exit_code(), 1);
    EXPECT_EQ(daemon.said(), "quorate-test: a.yaml:3: health.port: is no known key\n");
}

TEST(RunDaemon, CheckConfigLoadsAndServesNothing) {
    Daemon daemon{{"--config", "a.yaml", "--check-config"}, load_drainer};
    EXPECT_EQ(daemon.exit_code(), 0);
    EXPECT_EQ(daemon.said(), "a.yaml: ok\n");
}

TEST(RunDaemon, VersionNeedsNoConfig) {
    Daemon daemon{{"--version"}, load_drainer};
    EXPECT_EQ(daemon.exit_code(), 0);
    EXPECT_EQ(daemon.said(), "quorate-test 1.2.3\n");
}

TEST(RunDaemon, WrongUsageIsExitCodeTwo) {
    EXPECT_EQ((Daemon{{}, load_drainer}.exit_code()), 2);
    EXPECT_EQ((Daemon{{"--confg", "a.yaml"}, load_drainer}.exit_code()), 2);
}

}  // namespace
}  // namespace quorate
