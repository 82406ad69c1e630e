// Runs secrets.key_command.
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/secrets/wrapping_key.hpp"
#include "platform/runtime/clock.hpp"

namespace quorate::coordinator {
namespace {

constexpr int kStepMs = 20;

bool passed(SteadyTime deadline) {
    return SystemClock{}.steady_now() >= deadline;
}

[[noreturn]] void give_up() {
    throw SecretsLocked{fmt::format("secrets.key_command did not end within {} s",
                                    WrappingKey::kCommandMax.count())};
}

/// A descriptor that closes itself.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_{fd} {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { close(); }
    void reset(int fd) {
        close();
        fd_ = fd;
    }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    int get() const { return fd_; }

private:
    int fd_ = -1;
};

/// A pair of sockets: unlike a pipe's, a write to one that nobody reads ends no process.
struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
            throw SecretsLocked{"secrets.key_command: no socket is to be had"};
        out.reset(ends[0]);
        in.reset(ends[1]);
    }
    Descriptor out;
    Descriptor in;
};

struct FileActions {
    FileActions() { posix_spawn_file_actions_init(&actions); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    ~FileActions() { posix_spawn_file_actions_destroy(&actions); }
    posix_spawn_file_actions_t actions{};
};

/// It begins with no signal blocked, whatever the thread that runs it blocks.
struct Attributes {
    Attributes() {
        posix_spawnattr_init(&attributes);
        sigset_t none;
        sigemptyset(&none);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    ~Attributes() { posix_spawnattr_destroy(&attributes); }
    posix_spawnattr_t attributes{};
};

/// A process of ours; killed and waited for where nobody waited for its end.
class Process {
public:
    Process(const std::vector<std::string>& command, Pipe& input, Pipe& output) {
        FileActions files;
        posix_spawn_file_actions_adddup2(&files.actions, input.out.get(), STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files.actions, output.in.get(), STDOUT_FILENO);
        const Attributes attributes;
        std::vector<char*> words;
        for (const auto& word : command)
            words.push_back(const_cast<char*>(word.c_str()));
        words.push_back(nullptr);
        const int error = posix_spawn(
            &pid_, words.front(), &files.actions, &attributes.attributes, words.data(), environ);
        if (error != 0)
            throw SecretsLocked{"secrets.key_command can't be run: " + command.front() + ": " +
                                std::strerror(error)};
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    /// Its exit status; minus the signal that ended it.
    int wait(SteadyTime deadline) {
        int status = 0;
        while (::waitpid(pid_, &status, WNOHANG) == 0) {
            if (passed(deadline)) give_up();
            ::poll(nullptr, 0, kStepMs);
        }
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

private:
    pid_t pid_ = -1;
};

/// A line, far shorter than a socket holds, so that nobody has to read it meanwhile. A program that
/// does not want it may have ended: then its exit status tells.
void give(Descriptor& pipe, const SecretBytes& input) {
    if (::send(pipe.get(), input.view().data(), input.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE)
        throw SecretsLocked{"secrets.key_command takes no input"};
    pipe.close();
}

SecretBytes take(Descriptor& pipe, SteadyTime deadline) {
    auto answer = SecretBytes::zeros(WrappingKey::kWrappedMax + 1);
    std::size_t size = 0;
    while (size < answer.size()) {
        if (passed(deadline)) give_up();
        pollfd waits{pipe.get(), POLLIN, 0};
        if (::poll(&waits, 1, kStepMs) <= 0) continue;
        const auto count = ::read(pipe.get(), answer.data() + size, answer.size() - size);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        size += static_cast<std::size_t>(count);
    }
    if (size == answer.size())
        throw SecretsLocked{"secrets.key_command printed more than 8192 bytes"};
    answer.shorten(size);
    return answer;
}

}  // namespace

SecretBytes run_key_command(const std::vector<std::string>& command,
                            const SecretBytes& input,
                            milliseconds time_max) {
    const auto deadline = SystemClock{}.steady_now() + time_max;
    Pipe to;
    Pipe from;
    Process process{command, to, from};
    to.out.close();
    from.in.close();
    give(to.in, input);
    auto answer = take(from.out, deadline);
    // Its words may hold a key: neither stdout nor stderr is repeated. stderr is ours.
    if (const int status = process.wait(deadline); status != 0)
        throw SecretsLocked{"secrets.key_command failed with status " + std::to_string(status) +
                            ": see what it wrote to the coordinator's stderr"};
    while (!answer.empty() && (answer.view().back() == '\n' || answer.view().back() == '\r'))
        answer.shorten(answer.size() - 1);
    if (answer.empty()) throw SecretsLocked{"secrets.key_command printed nothing"};
    return answer;
}

}  // namespace quorate::coordinator
