#include "tests/integration/probe/name_server_process.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quorate {
namespace {

constexpr std::chrono::seconds kStartMax{20};
constexpr int kPollMs = 50;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// A port that was free a moment ago for UDP and TCP; 0 where it was for UDP alone.
std::uint16_t free_port() {
    auto address = loopback(0);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    const int udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int tcp = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool found = ::bind(udp, generic, size) == 0 && ::getsockname(udp, generic, &size) == 0 &&
                       ::bind(tcp, generic, size) == 0;
    ::close(udp);
    ::close(tcp);
    return found ? ntohs(address.sin_port) : std::uint16_t{0};
}

void write(const std::string& file, const std::string& text) {
    std::ofstream{file} << text;
}

std::string end_of(const std::string& file) {
    std::ifstream stream{file};
    const std::string text{std::istreambuf_iterator<char>{stream}, {}};
    return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
}

std::string config_of(const std::string& folder, std::uint16_t port) {
    return "server:\n"
           "  server-count: 1\n"
           "  ip-address: 127.0.0.1@" +
           std::to_string(port) +
           "\n"
           "  username: \"\"\n"
           "  database: \"\"\n"
           "  xfrdfile: \"" +
           folder + "/xfrd.state\"\n  zonelistfile: \"" + folder + "/zone.list\"\n  pidfile: \"" +
           folder + "/nsd.pid\"\n  zonesdir: \"" + folder + "\"\n  xfrdir: \"" + folder +
           "\"\n"
           "  rrl-ratelimit: 0\n"
           "remote-control:\n"
           "  control-enable: no\n"
           "zone:\n  name: quorate.test\n  zonefile: quorate.zone\n"
           "zone:\n  name: broken.test\n  zonefile: nobody-wrote-it.zone\n";
}

/// The SOA's own TTL is 90 s and its minimum 40 s: a negative answer holds for 40 s.
constexpr const char* kZoneHead =
    "$ORIGIN quorate.test.\n"
    "$TTL 300\n"
    "@ 90 IN SOA ns admin 1 3600 900 604800 40\n"
    "@ IN NS ns\n"
    "ns IN A 192.0.2.53\n";

}  // namespace

NameServerProcess::NameServerProcess(const std::string& records) {
    const auto& folder = folder_.path();
    for (int tries = 0; port_ == 0 && tries < 20; ++tries)
        port_ = free_port();
    write(folder + "/nsd.conf", config_of(folder, port_));
    write(folder + "/quorate.zone", kZoneHead + records);
    start(folder + "/nsd.log");
}

NameServerProcess::~NameServerProcess() {
    resume();
    ::kill(process_, SIGTERM);
    ::waitpid(process_, nullptr, 0);
}

void NameServerProcess::pause() const {
    ::kill(-process_, SIGSTOP);
}

void NameServerProcess::resume() const {
    ::kill(-process_, SIGCONT);
}

void NameServerProcess::start(const std::string& log_file) {
    std::vector<std::string> words{"nsd", "-d", "-c", folder_.path() + "/nsd.conf"};
    std::vector<char*> arguments;
    for (auto& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::setenv("PATH", (std::string{::getenv("PATH")} + ":/usr/sbin").c_str(), 1);
    const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    process_ = ::fork();
    if (process_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        ::setpgid(0, 0);  // it works in a child of its own
        ::dup2(log, STDOUT_FILENO);
        ::dup2(log, STDERR_FILENO);
        ::execvp(arguments.front(), arguments.data());
        ::_exit(127);
    }
    ::close(log);
    const auto give_up = std::chrono::steady_clock::now() + kStartMax;
    while (!answers()) {
        const bool ended = ::waitpid(process_, nullptr, WNOHANG) == process_;
        if (!ended && std::chrono::steady_clock::now() < give_up) continue;
        if (!ended) ::kill(-process_, SIGKILL);
        throw std::runtime_error{"nsd does not answer (is it installed?):\n" + end_of(log_file)};
    }
}

/// Whether it says anything to a question, within a moment.
bool NameServerProcess::answers() const {
    static constexpr std::array<unsigned char, 30> kAsksForNs{
        0,   1,   0,   0,   0,   1, 0,   0,   0,   0,   0, 0, 7, 'q', 'u',
        'o', 'r', 'a', 't', 'e', 4, 't', 'e', 's', 't', 0, 0, 2, 0,   1};
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(port_);
    std::array<unsigned char, 512> answer{};
    pollfd readable{socket, POLLIN, 0};
    const bool answered =
        ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::send(socket, kAsksForNs.data(), kAsksForNs.size(), 0) > 0 &&
        ::poll(&readable, 1, kPollMs) == 1 && ::recv(socket, answer.data(), answer.size(), 0) > 0;
    ::close(socket);
    if (!answered) ::poll(nullptr, 0, kPollMs);
    return answered;
}

}  // namespace quorate
