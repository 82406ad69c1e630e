#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/time/time.hpp"
#include "tests/bench/probe/gauge.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace quorate::bench {

struct RawOptions {
    std::uint16_t port = 0;
    std::string network = "127.0.1";    ///< the peers are addresses of this /24, in turn
    unsigned addresses = 1;             ///< how many, from .1 on
    std::vector<std::string> requests;  ///< sent one after the other on one connection
    std::string ca_file;                ///< PEM; empty: plain HTTP
    std::string host;                   ///< sent as SNI and verified
    unsigned in_flight = 64;
    double rate = 0;  ///< probes per second, open loop; 0: always `in_flight` of them
    double warm_up_s = 0.5;
    double seconds = 3;
};

/// The reference: what a probe of these requests costs at least. One thread, epoll, OpenSSL
/// straight on the socket, the full chain and name verified on every connection, no resumption. Of
/// an answer it reads the status, Content-Length and whether there is a `"result"`; it allocates
/// nothing of its own per probe.
class RawClient {
public:
    explicit RawClient(RawOptions options);
    ~RawClient();
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    /// Probes for the time asked. Throws std::system_error where this machine fails.
    Window run();

private:
    enum class State { idle, connecting, handshaking, waiting };
    enum class Progress { more, done, failed };
    struct Connection;

    void start(Connection& connection, SteadyTime due);
    void finish(Connection& connection, bool good);
    void drive(Connection& connection);
    Progress handshake(Connection& connection);
    Progress send_next(Connection& connection);
    Progress receive(Connection& connection);
    /// Starts what is due; @return how long epoll may wait, in nanoseconds.
    std::chrono::nanoseconds start_due(SteadyTime now);
    void wait(std::chrono::nanoseconds at_most);

    RawOptions options_;
    int epoll_ = -1;
    std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
    std::uint32_t first_address_;
    std::vector<Connection> connections_;
    std::vector<Connection*> idle_;  ///< open loop: free for the next arrival
    unsigned next_address_ = 0;
    SteadyTime next_due_;
    Window window_;
};

}  // namespace quorate::bench
