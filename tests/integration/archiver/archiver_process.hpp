#pragma once

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archiver/intake/seal_step.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate::testing {

/// The real binary, killed or stopped at any point and started again.
class ArchiverProcess {
public:
    /// @param name among the archivers; empty: as it calls itself
    explicit ArchiverProcess(const World& world, std::string name = {})
        : settings_{world.config()},
          name_{std::move(name)},
          config_{std::filesystem::temp_directory_path() /
                  ("qa-" + world.name + name_ + "-" + std::to_string(::getpid()) + ".yaml")} {
        configure("error");
    }
    ~ArchiverProcess() {
        kill();
        std::filesystem::remove(config_);
    }
    ArchiverProcess(const ArchiverProcess&) = delete;
    ArchiverProcess& operator=(const ArchiverProcess&) = delete;

    void configure(const std::string& log_level, std::uint16_t health_port = 0) {
        std::ofstream file{config_};
        if (!name_.empty()) file << "name: " << name_ << '\n';
        file << "window: " << settings_.window.count() << "ms\nshards: " << settings_.shards
             << "\nhealth.port: " << health_port << "\nlog.level: " << log_level
             << "\nredis.url: \"" << settings_.redis.url << "\"\n"
             << "postgres.conninfo: \"" << settings_.postgres_conninfo << "\"\n";
    }
    /// @param log where its log goes; nowhere in particular if empty.
    void start(const std::filesystem::path& log = {}) {
        run({QUORATE_BINARY_DIR "/bin/quorate-archiver", "--config", config_}, log);
    }
    /// One that sends itself this signal when it has done a step of a seal for the `count`-th time.
    void start_and_stop_at(SealStep step,
                           int count,
                           int signal,
                           const std::filesystem::path& log = {}) {
        run({QUORATE_BINARY_DIR "/tests/stopping_archiver",
             config_,
             std::to_string(static_cast<int>(step)),
             std::to_string(count),
             std::to_string(signal)},
            log);
    }
    void hang_up() const { ::kill(process_, SIGHUP); }
    void pause() const { ::kill(process_, SIGSTOP); }
    void resume() const { ::kill(process_, SIGCONT); }
    /// Waits for its own end. @return the exit code, or minus the signal that ended it.
    int wait() {
        int status = 0;
        ::waitpid(process_, &status, 0);
        process_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    /// Whether it was killed or has stopped since it was asked last; then `wait` or `resume`.
    bool stopped() {
        siginfo_t info{};
        const auto id = static_cast<id_t>(process_);
        return ::waitid(P_PID, id, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == process_;
    }
    /// An orderly end.
    void end() {
        ::kill(process_, SIGTERM);
        wait();
    }
    void kill() {
        if (process_ == 0) return;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
        process_ = 0;
    }

private:
    void run(std::vector<std::string> command, const std::filesystem::path& log) {
        std::vector<char*> arguments;
        for (auto& word : command)
            arguments.push_back(word.data());
        arguments.push_back(nullptr);
        process_ = ::fork();
        if (process_ != 0) return;
        if (!log.empty()) ::dup2(::open(log.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600), 2);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::execv(arguments.front(), arguments.data());
        ::_exit(127);
    }

    ArchiverConfig settings_;
    std::string name_;
    std::filesystem::path config_;
    pid_t process_ = 0;
};

}  // namespace quorate::testing
