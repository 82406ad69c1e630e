#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "core/time/time.hpp"
#include "platform/runtime/task.hpp"
#include "platform/telemetry/metrics.hpp"
#include "platform/telemetry/readiness.hpp"

namespace quorate {

struct HealthServerOptions {
    std::string address = "127.0.0.1";  // an IP address
    std::uint16_t port = 0;             // 0: the system chooses, see HealthServer::port
    std::size_t connections_max = 64;   // further ones wait in the listen queue
    milliseconds timeout{5000};         // for a request to arrive, and for its answer to leave
};

/// Answers `GET` and `HEAD` of `/livez` (200), `/readyz` (200 `{"ready":true}` or 503
/// `{"ready":false,"reasons":[…]}`) and `/metrics` (Prometheus text) over HTTP/1.1. One request a
/// connection; headers up to 8 KiB, no request body.
class HealthServer {
public:
    /// Binds and listens. Throws std::runtime_error with one line that names the port if it is in
    /// use or cannot be had: `port 9101 is in use (health server, 127.0.0.1:9101)`.
    /// `executor` is single-threaded or a strand; `readiness` and `metrics` must outlive the
    /// server.
    HealthServer(asio::any_io_executor executor,
                 const HealthServerOptions& options,
                 const Readiness& readiness,
                 const Metrics& metrics);
    ~HealthServer();
    HealthServer(const HealthServer&) = delete;
    HealthServer& operator=(const HealthServer&) = delete;

    /// The port it listens on.
    std::uint16_t port() const;

    /// Serves until cancelled, then closes every connection and throws `operation_aborted`. A
    /// peer's errors only end its connection. Call once, on the server's executor.
    Task<> serve();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace quorate
