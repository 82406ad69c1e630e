#include "coordinator/admin/admin_server.hpp"

#include <stdexcept>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <grpc/support/log.h>

#include "platform/runtime/sleep.hpp"

namespace quorate::coordinator {
namespace {

using Tcp = asio::ip::tcp;

std::string shown(const AdminAddress& address) {
    const auto ip = asio::ip::make_address(address.address);
    const auto host = ip.is_v6() ? "[" + address.address + "]" : address.address;
    return fmt::format("{}:{}", host, address.port);
}

/// Why the port can't be had. gRPC does not tell, so the kernel is asked again.
std::string bind_problem(const AdminAddress& address) {
    asio::io_context context;
    Tcp::acceptor acceptor{context};
    const Tcp::endpoint local{asio::ip::make_address(address.address), address.port};
    boost::system::error_code error;
    acceptor.open(local.protocol(), error);
    if (!error) acceptor.set_option(Tcp::acceptor::reuse_address{true}, error);
    if (!error) acceptor.bind(local, error);
    if (!error) acceptor.listen(1, error);
    if (error == asio::error::address_in_use)
        return fmt::format("port {} is in use (admin API, {})", address.port, shown(address));
    return fmt::format("port {} can't be had (admin API, {}): {}",
                       address.port,
                       shown(address),
                       error ? error.message() : "gRPC could not listen");
}

/// gRPC's own lines on stderr are not in our format; what matters of them comes back as statuses.
void silence_grpc() {
    gpr_set_log_function([](gpr_log_func_args*) {});
}

}  // namespace

bool is_loopback(const std::string& address) {
    boost::system::error_code error;
    const auto ip = asio::ip::make_address(address, error);
    return !error && ip.is_loopback();
}

AdminServer::AdminServer(asio::any_io_executor executor,
                         const AdminAddress& address,
                         AdminContext context,
                         Readiness& readiness)
    : log_{context.log},
      tls_{address.tls},
      calls_{std::move(executor), clock_, context.log, context.metrics},
      service_{std::move(context), calls_},
      readiness_{readiness} {
    if (!address.tls.on() && !is_loopback(address.address))
        throw std::runtime_error{"the admin API listens on " + address.address + " with TLS alone"};
    silence_grpc();
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    int port = 0;
    const auto credentials =
        address.tls.on() ? tls_credentials(address.tls) : grpc::InsecureServerCredentials();
    builder.AddListeningPort(shown(address), credentials, &port);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetMaxReceiveMessageSize(kRequestBytesMax);
    grpc::ResourceQuota quota{"admin"};
    quota.Resize(kMemoryMax);
    builder.SetResourceQuota(quota);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsMax);
    const auto argument = [&builder](const char* name, milliseconds value) {
        builder.AddChannelArgument(name, static_cast<int>(value.count()));
    };
    argument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMax);
    argument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMax);
    argument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingEvery);
    argument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingAnswered);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // without a bound
    argument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kPingEvery / 2);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (!server_ || port == 0) throw std::runtime_error{bind_problem(address)};
    port_ = static_cast<std::uint16_t>(port);
    auto* health = server_->GetHealthCheckService();
    readiness_.on_change([health](bool ready) {
        health->SetServingStatus(ready);
        health->SetServingStatus(v1::Admin::service_full_name(), ready);
    });
}

AdminServer::~AdminServer() {
    readiness_.on_change({});
}

Task<> AdminServer::check_files() {
    std::string before;
    std::string told;
    while (tls_.on()) {
        co_await sleep_for(std::chrono::seconds{kTlsFilesEvery});
        const auto problem = tls_problem(tls_);
        // Seen once, they may be under way: the key is there, its certificate comes.
        if (!problem.empty() && problem == before && problem != told) {
            log_event(log_, LogLevel::error, "admin_tls.unusable", kv("detail", problem));
            told = problem;
        }
        if (problem.empty()) told.clear();
        before = problem;
    }
}

Task<> AdminServer::stop() {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await calls_.drain();
    co_await service_.stop();
    // It blocks until every call is finished, which needs the executor: so on a thread of its own.
    const std::chrono::system_clock::time_point deadline = clock_.utc_now() + kDrain;
    auto shutdown = [this, deadline] { server_->Shutdown(deadline); };
    co_await shutdown_.run(std::move(shutdown));
}

}  // namespace quorate::coordinator
