#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <grpcpp/server.h>

#include "coordinator/admin/admin_service.hpp"
#include "coordinator/admin/admin_tls.hpp"
#include "platform/runtime/blocking_pool.hpp"
#include "platform/telemetry/readiness.hpp"

namespace quorate::coordinator {

struct AdminAddress {
    std::string address = "127.0.0.1";  ///< an IP address; without TLS a loopback one
    std::uint16_t port = 7443;          ///< 0: the system chooses
    AdminTls tls;
};

/// Whether only this machine reaches it. An address that is none is no loopback address.
bool is_loopback(const std::string& address);

/// Serves the admin API, and beside it, to whoever connects, gRPC's health service and reflection.
class AdminServer {
public:
    static constexpr int kRequestBytesMax = 64 << 20;
    /// Of all messages that are under way: whoever sends need not have said yet who they are.
    static constexpr std::size_t kMemoryMax = 512 << 20;
    static constexpr int kStreamsMax = 100;  ///< of one connection
    /// Who connects and does not say in that time what it speaks is cut off, as is who makes no
    /// call for so long: connections hold descriptors and memory.
    static constexpr milliseconds kHandshakeMax{10'000};
    static constexpr milliseconds kIdleMax{300'000};
    /// A caller who keeps a call open is asked so often whether they are still there, and is gone
    /// where nothing comes back. A client may ask as often as half of that.
    static constexpr milliseconds kPingEvery{10'000};
    static constexpr milliseconds kPingAnswered{10'000};
    static constexpr milliseconds kDrain{5000};

    /// Binds and serves at once. Throws std::runtime_error with one line that names the port if it
    /// is in use or can't be had: `port 7443 is in use (admin API, 127.0.0.1:7443)`; or the file of
    /// TLS that is of no use.
    /// @param readiness what gRPC's health service tells
    AdminServer(asio::any_io_executor executor,
                const AdminAddress& address,
                AdminContext context,
                Readiness& readiness);
    ~AdminServer();
    AdminServer(const AdminServer&) = delete;
    AdminServer& operator=(const AdminServer&) = delete;

    /// The port it listens on.
    std::uint16_t port() const { return port_; }

    /// Looks at the files of TLS, which may be renewed, until cancelled: gRPC would not tell that
    /// it can't use them.
    Task<> check_files();

    /// Ends open calls with UNAVAILABLE and stops; takes at most kDrain. Not cancellable. It must
    /// have ended before the destructor runs.
    Task<> stop();

private:
    SystemClock clock_;  // gRPC's deadlines go by it, whatever Redis's is
    Logger& log_;
    AdminTls tls_;
    Calls calls_;
    AdminService service_;
    std::unique_ptr<grpc::Server> server_;
    Readiness& readiness_;
    std::uint16_t port_ = 0;
    BlockingPool shutdown_{1, 1};
};

}  // namespace quorate::coordinator
