#pragma once

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quorate::testing {

/// A program of ours, run as a process of its own; it dies with the test.
class ChildProcess {
public:
    /// @param stderr_file where its stderr goes, made anew; to ours if empty.
    /// @param environment variables beside ours, `NAME=value`
    explicit ChildProcess(const std::vector<std::string>& command,
                          const std::string& stderr_file = {},
                          std::vector<std::string> environment = {}) {
        std::vector<char*> arguments;
        for (const auto& word : command)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        process_ = fork();
        if (process_ < 0) throw std::runtime_error{"fork failed"};
        if (process_ > 0) return;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!stderr_file.empty())
            dup2(open(stderr_file.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600), STDERR_FILENO);
        for (auto& variable : environment)
            putenv(variable.data());
        execv(arguments.front(), arguments.data());
        _exit(127);
    }
    ~ChildProcess() { end(SIGKILL); }
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    pid_t id() const { return process_; }
    /// Sends a signal that does not end it, such as SIGSTOP.
    void send(int signal) const { ::kill(process_, signal); }
    /// Sends the signal and waits. @return the exit code, or minus the signal that ended it; -1 if
    /// it had ended before.
    int end(int signal) {
        if (process_ == 0) return -1;
        ::kill(process_, signal);
        return wait();
    }
    /// Waits for its own end.
    int wait() {
        int status = 0;
        waitpid(process_, &status, 0);
        process_ = 0;
        dumped_core_ = WIFSIGNALED(status) && WCOREDUMP(status);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    /// Whether its end left a core dump.
    bool dumped_core() const { return dumped_core_; }

private:
    pid_t process_ = 0;
    bool dumped_core_ = false;
};

}  // namespace quorate::testing
