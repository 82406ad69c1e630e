#include "tests/support/redis_server.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quorate::testing {

namespace {

constexpr std::chrono::seconds kStartMax{20};
constexpr int kPollMs = 5;
constexpr int kPortsMax = 3;

/// A socket that closes itself.
class Descriptor {
public:
    explicit Descriptor(int number) : number_{number} {}
    ~Descriptor() { ::close(number_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return number_; }

private:
    int number_;
};

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

std::string end_of(const std::filesystem::path& log) {
    std::ifstream file{log};
    std::stringstream text;
    text << file.rdbuf();
    const auto all = text.str();
    return all.size() > 2000 ? all.substr(all.size() - 2000) : all;
}

/// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const std::vector<char*>& arguments, int log) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execvp(arguments.front(), arguments.data());
    ::_exit(127);
}

/// Waits for the answer to one PING; anything but "I am loading" is one.
bool answers_ping(int socket, const sockaddr* peer, socklen_t size) {
    if (::connect(socket, peer, size) != 0) return false;
    constexpr std::string_view kPing = "PING\r\n";
    if (::send(socket, kPing.data(), kPing.size(), MSG_NOSIGNAL) < 0) return false;
    std::array<char, 64> answer{};
    const auto count = ::recv(socket, answer.data(), answer.size(), 0);
    if (count <= 0) return false;
    const std::string_view text{answer.data(), static_cast<std::size_t>(count)};
    return text.starts_with("+PONG") || text.starts_with("-NOAUTH");
}

}  // namespace

std::uint16_t free_port() {
    const Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto address = loopback(0);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.get(), generic, size) != 0 ||
        ::getsockname(socket.get(), generic, &size) != 0)
        throw std::runtime_error{"no free port"};
    return ntohs(address.sin_port);
}

RedisServer::RedisServer(Listen listen, std::vector<std::string> settings)
    : listen_{listen}, settings_{std::move(settings)} {
    std::string pattern = std::filesystem::temp_directory_path() / "quorate-redis-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
    folder_ = pattern;
    // Somebody may take the port between our look and the server's bind.
    for (int tries = 1;; ++tries) {
        if (listen_ != Listen::unix_socket) port_ = free_port();
        if (listen_ == Listen::sentinel) write_sentinel_config();
        try {
            start();
            return;
        } catch (const std::runtime_error&) {
            if (listen_ == Listen::unix_socket || tries == kPortsMax) throw;
        }
    }
}

void RedisServer::write_sentinel_config() const {
    std::ofstream config{folder_ / "sentinel.conf"};
    config << "port " << port_ << "\nbind 127.0.0.1\ndir " << folder_.string() << '\n';
    for (const auto& line : settings_)
        config << line << '\n';
}

RedisServer::~RedisServer() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

RedisAddress RedisServer::address() const {
    RedisAddress address;
    if (port_ == 0) {
        address.socket_path = folder_ / "redis.sock";
    } else {
        address.host = "127.0.0.1";
        address.port = port_;
        address.tls = listen_ == Listen::tls;
    }
    return address;
}

std::string RedisServer::url() const {
    if (port_ == 0) return "unix://" + (folder_ / "redis.sock").string();
    const std::string scheme = listen_ == Listen::tls ? "rediss" : "redis";
    return scheme + "://127.0.0.1:" + std::to_string(port_);
}

std::vector<std::string> RedisServer::command_line() const {
    if (listen_ == Listen::sentinel)
        return {"redis-server", folder_ / "sentinel.conf", "--sentinel"};
    const bool tls = listen_ == Listen::tls;
    std::vector<std::string> words{"redis-server",
                                   "--port",
                                   std::to_string(tls ? 0 : port_),
                                   "--bind",
                                   "127.0.0.1",
                                   "--dir",
                                   folder_,
                                   "--appendonly",
                                   "yes",
                                   "--appendfsync",
                                   "everysec",
                                   "--save",
                                   "",
                                   "--maxmemory-policy",
                                   "noeviction",
                                   "--unixsocket",
                                   folder_ / "redis.sock"};
    if (tls) words.insert(words.end(), {"--tls-port", std::to_string(port_)});
    words.insert(words.end(), settings_.begin(), settings_.end());
    return words;
}

void RedisServer::start() {
    if (process_ != 0) return;
    const auto log_file = folder_ / "redis.log";
    auto words = command_line();
    if (!environment_.empty()) {
        words.insert(words.begin(), environment_.begin(), environment_.end());
        words.insert(words.begin(), "env");
    }
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const Descriptor log{::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
    process_ = ::fork();
    if (process_ == 0) become(arguments, log.get());
    if (process_ < 0) throw std::runtime_error{"fork failed"};

    const auto give_up = std::chrono::steady_clock::now() + kStartMax;
    while (!answers()) {
        const bool ended = ::waitpid(process_, nullptr, WNOHANG) == process_;
        if (ended) process_ = 0;
        if (ended || std::chrono::steady_clock::now() > give_up)
            throw std::runtime_error{"redis-server does not answer:\n" + end_of(log_file)};
        ::poll(nullptr, 0, kPollMs);
    }
}

bool RedisServer::answers() const {
    if (listen_ == Listen::sentinel) {
        const Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        const auto address = loopback(port_);
        return answers_ping(
            socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    const Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ / "redis.sock";
    if (path.size() >= sizeof address.sun_path)
        throw std::runtime_error{"path of the socket is too long: " + path};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return answers_ping(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

void RedisServer::end(int signal) {
    if (process_ == 0) return;
    ::kill(process_, signal);
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
    process_ = 0;
    std::error_code ignored;
    std::filesystem::remove(folder_ / "redis.sock", ignored);
}

void RedisServer::stop() {
    end(SIGTERM);
}
void RedisServer::kill() {
    end(SIGKILL);
}
void RedisServer::pause() {
    ::kill(process_, SIGSTOP);
}
void RedisServer::resume() {
    ::kill(process_, SIGCONT);
}

}  // namespace quorate::testing
