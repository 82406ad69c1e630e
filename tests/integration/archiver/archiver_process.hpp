#pragma once

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/archiver/world.hpp"

namespace quorate::testing {

/// The real binary, killed at any point and started again.
class ArchiverProcess {
public:
    explicit ArchiverProcess(const World& world)
        : settings_{world.config()},
          config_{std::filesystem::temp_directory_path() /
                  ("qa-" + world.name + "-" + std::to_string(::getpid()) + ".yaml")} {
        configure("error");
    }
    ~ArchiverProcess() {
        kill();
        std::filesystem::remove(config_);
    }
    ArchiverProcess(const ArchiverProcess&) = delete;
    ArchiverProcess& operator=(const ArchiverProcess&) = delete;

    void configure(const std::string& log_level, std::uint16_t health_port = 0) {
        std::ofstream{config_} << "window: " << settings_.window.count()
                               << "ms\nshards: " << settings_.shards
                               << "\nhealth.port: " << health_port << "\nlog.level: " << log_level
                               << "\nredis.url: \"" << settings_.redis.url << "\"\n"
                               << "postgres.conninfo: \"" << settings_.postgres_conninfo << "\"\n";
    }
    /// @param log where its log goes; nowhere in particular if empty.
    void start(const std::filesystem::path& log = {}) {
        process_ = ::fork();
        if (process_ != 0) return;
        if (!log.empty()) ::dup2(::open(log.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600), 2);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::execl(QUORATE_BINARY_DIR "/bin/quorate-archiver",
                "quorate-archiver",
                "--config",
                config_.c_str(),
                nullptr);
        ::_exit(127);
    }
    void hang_up() const { ::kill(process_, SIGHUP); }
    /// Waits for its own end. @return the exit code, or -1.
    int wait() {
        int status = 0;
        ::waitpid(process_, &status, 0);
        process_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    void kill() {
        if (process_ == 0) return;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
        process_ = 0;
    }

private:
    ArchiverConfig settings_;
    std::filesystem::path config_;
    pid_t process_ = 0;
};

}  // namespace quorate::testing
