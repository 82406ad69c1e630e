#pragma once

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/region-agent/agent_test.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::testing {

/// The agent as its own process, so that kill -9 can be what it is.
class AgentProcess {
public:
    /// @param more lines of its config
    /// @param environment variables beside ours, `NAME=value`
    AgentProcess(const RedisServer& server,
                 const std::string& name,
                 const std::string& more = {},
                 std::vector<std::string> environment = {}) {
        config_ = "region: " + kRegion + "\nname: " + name + "\nredis: {url: \"" + server.url() +
                  "\"}\nhealth: {port: 0}\nallow_private_addresses: true\n" + more;
        const auto file = folder_ / "agent.yaml";
        std::ofstream{file} << config_;
        const std::string log = folder_ / "log";
        const std::string binary = QUORATE_BINARY_DIR "/bin/quorate-agent";
        const std::string config = file;
        process_ = ::fork();
        if (process_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::freopen(log.c_str(), "w", stderr) == nullptr) ::_exit(126);
            ::dup2(STDERR_FILENO, STDOUT_FILENO);
            for (auto& variable : environment)
                ::putenv(variable.data());
            ::execl(binary.c_str(), binary.c_str(), "--config", config.c_str(), nullptr);
            ::_exit(127);
        }
    }
    ~AgentProcess() {
        if (process_ != 0) end(SIGKILL);
    }
    AgentProcess(const AgentProcess&) = delete;
    AgentProcess& operator=(const AgentProcess&) = delete;

    /// @return the status of waitpid.
    int end(int signal) {
        ::kill(process_, signal);
        int status = 0;
        ::waitpid(process_, &status, 0);
        process_ = 0;
        return status;
    }

    void send(int signal) const { ::kill(process_, signal); }
    void begin_end() const { send(SIGTERM); }
    /// The status of waitpid, once it has ended; the test's executor goes on meanwhile.
    Task<std::optional<int>> ended() {
        int status = 0;
        const auto has_ended = [&]() -> Task<bool> {
            co_return ::waitpid(process_, &status, WNOHANG) == process_;
        };
        const bool so = co_await eventually(has_ended);
        if (!so) co_return std::nullopt;
        process_ = 0;
        co_return status;
    }

    /// Adds `more` to its config file and sends SIGHUP.
    void reload_with(const std::string& more) {
        std::ofstream{folder_ / "agent.yaml"} << config_ << more;
        ::kill(process_, SIGHUP);
    }

    /// Waits until its log has `event`.
    Task<bool> says(std::string event) {
        const auto said = [&]() -> Task<bool> { co_return times(event) > 0; };
        const bool found = co_await eventually(said);
        co_return found;
    }

    /// How often its log has `event`.
    std::size_t times(const std::string& event) const {
        std::ifstream file{folder_ / "log"};
        const std::string log{std::istreambuf_iterator<char>{file}, {}};
        std::size_t count = 0;
        for (auto at = log.find(event); at != std::string::npos; at = log.find(event, at + 1))
            ++count;
        return count;
    }

private:
    const TemporaryFolder temporary_;
    const std::filesystem::path folder_{temporary_.path()};
    std::string config_;
    pid_t process_ = 0;
};

}  // namespace quorate::testing
