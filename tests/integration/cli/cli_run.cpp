#include "tests/integration/cli/cli_run.hpp"

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quorate {
namespace {

constexpr const char* kBinary = QUORATE_BINARY_DIR "/bin/quorate";

/// The contexts of whoever runs the tests are no part of them.
void forget_contexts() {
    ::setenv("QUORATE_CONFIG", "/dev/null", 1);
    ::unsetenv("QUORATE_CONTEXT");
}

[[noreturn]] void become(const std::vector<std::string>& arguments) {
    std::vector<char*> argv{const_cast<char*>(kBinary)};
    for (const auto& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(kBinary, argv.data());
    ::_exit(127);
}

/// Reads both to their ends, whichever has something.
void read_all(int out, int err, CliRun& run) {
    std::array<pollfd, 2> polled{pollfd{out, POLLIN, 0}, pollfd{err, POLLIN, 0}};
    const std::array<std::string*, 2> texts{&run.out, &run.err};
    std::array<char, 4096> buffer;
    while (polled[0].fd >= 0 || polled[1].fd >= 0) {
        if (::poll(polled.data(), polled.size(), -1) < 0) break;
        for (std::size_t i = 0; i < polled.size(); ++i) {
            if (polled[i].fd < 0 || polled[i].revents == 0) continue;
            const auto count = ::read(polled[i].fd, buffer.data(), buffer.size());
            if (count > 0)
                texts[i]->append(buffer.data(), static_cast<std::size_t>(count));
            else
                polled[i].fd = -1;  // its end; of a terminal EIO
        }
    }
}

int exit_status_of(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

CliRun run_cli(const std::vector<std::string>& arguments,
               const std::vector<std::pair<std::string, std::string>>& variables,
               const std::function<void(int)>& started) {
    int out[2];
    int err[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0)
        throw std::runtime_error{"no pipe"};
    const pid_t pid = ::fork();
    if (pid == 0) {
        forget_contexts();
        for (const auto& [name, value] : variables)
            ::setenv(name.c_str(), value.c_str(), 1);
        ::dup2(out[1], STDOUT_FILENO);
        ::dup2(err[1], STDERR_FILENO);
        become(arguments);
    }
    if (started) started(pid);
    ::close(out[1]);
    ::close(err[1]);
    CliRun run;
    read_all(out[0], err[0], run);
    ::close(out[0]);
    ::close(err[0]);
    run.status = exit_status_of(pid);
    return run;
}

CliRun run_cli_into(const std::string& file, const std::vector<std::string>& arguments) {
    int err[2];
    const int out = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (out < 0 || ::pipe2(err, O_CLOEXEC) != 0) throw std::runtime_error{"no " + file};
    const pid_t pid = ::fork();
    if (pid == 0) {
        forget_contexts();
        ::dup2(out, STDOUT_FILENO);
        ::dup2(err[1], STDERR_FILENO);
        become(arguments);
    }
    ::close(out);
    ::close(err[1]);
    CliRun run;
    read_all(-1, err[0], run);
    ::close(err[0]);
    run.status = exit_status_of(pid);
    return run;
}

CliRun run_cli_on_terminal(const std::vector<std::string>& arguments, unsigned short columns) {
    winsize size{24, columns, 0, 0};
    int terminal = -1;
    const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, &size);
    if (pid < 0) throw std::runtime_error{"no terminal"};
    if (pid == 0) {
        forget_contexts();
        ::setenv("LC_ALL", "C.UTF-8", 1);
        become(arguments);
    }
    CliRun run;
    read_all(terminal, -1, run);
    ::close(terminal);
    run.status = exit_status_of(pid);
    return run;
}

TestFolder::TestFolder() {
    auto name = (std::filesystem::temp_directory_path() / "quorate-cli-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no folder"};
    folder_ = name;
}

TestFolder::~TestFolder() {
    std::filesystem::remove_all(folder_);
}

std::string TestFolder::file(const std::string& name, const std::string& text) const {
    std::ofstream{folder_ / name} << text;
    return path(name);
}

std::string TestFolder::contents(const std::string& path) {
    std::ifstream stream{path};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

std::size_t TestFolder::count() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator{folder_}, {}));
}

}  // namespace quorate
