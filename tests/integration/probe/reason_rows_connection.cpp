// Rows of the phases config, dns (without DNS) and tcp, and of connections that break.
#include <atomic>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/probe/reason_bench.hpp"

namespace quorate {
namespace {

constexpr auto kSilent = [](RawConnection& connection) { connection.wait_for_close(); };

/// A descriptor that closes itself.
class Descriptor {
public:
    explicit Descriptor(int descriptor) : descriptor_{descriptor} {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    int get() const { return descriptor_; }

private:
    int descriptor_;
};

/// A port of loopback whose queue of connections is full: the kernel drops what else comes.
class FullListener {
public:
    FullListener() : listener_{::socket(AF_INET, SOCK_STREAM, 0)} {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        ::bind(listener_.get(), generic(), size);
        ::listen(listener_.get(), 0);
        ::getsockname(listener_.get(), generic(), &size);
        for (auto& filler : fillers_) {
            filler =
                std::make_unique<Descriptor>(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
            ::connect(filler->get(), generic(), size);
        }
    }
    std::uint16_t port() const { return ntohs(address_.sin_port); }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port()) + "/mcp"; }

private:
    sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address_); }

    Descriptor listener_;
    sockaddr_in address_{};
    std::unique_ptr<Descriptor> fillers_[4];
};

std::uint16_t checksum(const unsigned char* bytes, std::size_t size) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < size; i += 2)
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    while (sum > 0xFFFF)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

/// Answers each SYN to `port` as a router without a way would, until `stops`: ICMP, host
/// unreachable (RFC 792), with the beginning of the packet that it is about.
void say_unreachable(int tcp, int icmp, std::uint16_t port, const std::atomic<bool>& stops) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (!stops) {
        unsigned char packet[256];
        tcphdr segment{};
        const auto size = ::recv(tcp, packet, sizeof packet, 0);
        if (size < 40) continue;
        std::memcpy(&segment, packet + 20, sizeof segment);
        if (ntohs(segment.th_dport) != port || (segment.th_flags & TH_SYN) == 0) continue;
        unsigned char message[8 + 28] = {ICMP_DEST_UNREACH, ICMP_HOST_UNREACH};
        std::memcpy(message + 8, packet, 28);
        const auto sum = checksum(message, sizeof message);
        message[2] = static_cast<unsigned char>(sum >> 8);
        message[3] = static_cast<unsigned char>(sum & 0xFF);
        ::sendto(icmp, message, sizeof message, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
    }
}

Outcome probe_unreachable(ReasonBench& bench) {
    const FullListener listener;
    const Descriptor tcp{::socket(AF_INET, SOCK_RAW, IPPROTO_TCP)};
    const Descriptor icmp{::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)};
    Outcome skipped;
    skipped.skipped = "needs CAP_NET_RAW, to answer a SYN with an ICMP message";
    if (tcp.get() < 0 || icmp.get() < 0) return skipped;
    const timeval patience{0, 50'000};
    ::setsockopt(tcp.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::atomic<bool> stops = false;
    std::thread router{[&] { say_unreachable(tcp.get(), icmp.get(), listener.port(), stops); }};
    auto outcome = bench.probe(
        listener.url(), [](ProbeRequest& request) { request.timeout = std::chrono::seconds{4}; });
    stops = true;
    router.join();
    return outcome;
}

ReasonRow config_row(const char* how, const std::string& url, Tweak tweak = {}) {
    return {Reason::config_invalid,
            Verdict::unknown,
            Phase::config,
            Provoker::nobody,
            how,
            [url, tweak](ReasonBench& bench) { return bench.probe(url, tweak); }};
}

std::vector<ReasonRow> config_rows() {
    const std::string url = "http://127.0.0.1:1/mcp";
    return {
        config_row("a URL with a user name", "http://user@127.0.0.1/mcp"),
        config_row("a URL with a fragment", "http://127.0.0.1/mcp#top"),
        config_row("a URL that is not http", "ftp://127.0.0.1/mcp"),
        config_row("a header name with a space",
                   url,
                   [](ProbeRequest& request) {
                       request.headers = {{"X Y", "1"}};
                   }),
        config_row("canary arguments that are no object",
                   url,
                   [](ProbeRequest& request) {
                       request.canary = Canary{"echo", "[1]", {}, true};
                   }),
    };
}

std::vector<ReasonRow> own_rows() {
    return {
        {Reason::address_forbidden,
         Verdict::unknown,
         Phase::dns,
         Provoker::nobody,
         "127.0.0.1, where the guard allows no loopback",
         [](ReasonBench& bench) {
             return bench.probe_raw(kSilent, [](ProbeRequest& request) { request.guard = {}; });
         }},
        {Reason::agent_unhealthy,
         Verdict::unknown,
         Phase::tcp,
         Provoker::nobody,
         "a source address that this machine does not have",
         [](ReasonBench& bench) {
             return bench.probe_raw(
                 kSilent, [](ProbeRequest& request) { request.bind_address = "192.0.2.77"; });
         },
         {.os_error = EADDRNOTAVAIL}},
        {Reason::aborted,
         Verdict::unknown,
         Phase::discover,
         Provoker::scripted,
         "cancelled after 400 ms at a silent server",
         [](ReasonBench& bench) {
             const RawServer server{kSilent};
             return bench.probe_cancelled_after(server.url(), milliseconds{400});
         }},
    };
}

}  // namespace

std::vector<ReasonRow> connection_rows() {
    std::vector<ReasonRow> rows{
        {Reason::connection_refused,
         Verdict::fail,
         Phase::tcp,
         Provoker::real,
         "the lab's state `down`",
         [](ReasonBench& bench) { return bench.probe_lab("modern", "down"); },
         {.os_error = ECONNREFUSED}},
        {Reason::network_unreachable,
         Verdict::fail,
         Phase::tcp,
         Provoker::kernel,
         "an ICMP `host unreachable` in answer to the SYN",
         probe_unreachable,
         {.os_error = EHOSTUNREACH}},
        {Reason::network_unreachable,
         Verdict::fail,
         Phase::tcp,
         Provoker::nobody,
         "an address that the routing table has no way to for TCP: 127.255.255.255",
         [](ReasonBench& bench) {
             return bench.probe("http://127.255.255.255:9/mcp",
                                [](ProbeRequest& request) { request.guard.allow_private = true; });
         },
         {.os_error = ENETUNREACH}},
        {Reason::timeout_connect,
         Verdict::fail,
         Phase::tcp,
         Provoker::kernel,
         "a listener with a full queue, whose kernel drops the SYN",
         [](ReasonBench& bench) {
             const FullListener listener;
             return bench.probe(listener.url(), [](ProbeRequest& request) {
                 request.timeout = std::chrono::seconds{1};
             });
         }},
        {Reason::connection_reset,
         Verdict::fail,
         Phase::discover,
         Provoker::real,
         "the lab's state `down` for one source address: RST after accept",
         [](ReasonBench& bench) {
             return bench.probe_lab("legacy", "down", [](ProbeRequest& request) {
                 request.bind_address = "127.0.1.4";
             });
         },
         {.os_error = ECONNRESET},
         Phase::tcp},
        {Reason::connection_reset,
         Verdict::fail,
         Phase::tools_list,
         Provoker::scripted,
         "RST in the middle of a response head",
         [](ReasonBench& bench) {
             McpScript script;
             return bench.probe_raw([&](RawConnection& connection) {
                 script.serve_until(connection, "tools/list");
                 connection.send("HTTP/1.1 200 OK\r\n");
                 connection.reset();
             });
         },
         {.os_error = ECONNRESET}},
        {Reason::connection_closed,
         Verdict::fail,
         Phase::tools_list,
         Provoker::scripted,
         "FIN in the middle of a response head",
         [](ReasonBench& bench) {
             McpScript script;
             return bench.probe_raw([&](RawConnection& connection) {
                 script.serve_until(connection, "tools/list");
                 connection.send("HTTP/1.1 200 OK\r\n");
             });
         }},
        {Reason::connection_closed,
         Verdict::fail,
         Phase::discover,
         Provoker::real,
         "http:// to the lab's TLS port",
         [](ReasonBench& bench) {
             return bench.probe_lab(
                 "tls", "up", [](ProbeRequest& request) { request.url.erase(4, 1); });
         }},
    };
    for (auto& row : config_rows())
        rows.push_back(std::move(row));
    for (auto& row : own_rows())
        rows.push_back(std::move(row));
    return rows;
}

}  // namespace quorate
