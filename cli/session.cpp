#include "cli/session.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>

#include <boost/asio/ip/address.hpp>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "platform/runtime/clock.hpp"

namespace quorate::cli {
namespace {

/// The largest answer a list can give: a page of 5,000 endpoints is about 2 MiB.
constexpr int kAnswerBytesMax = 64 * 1024 * 1024;

std::string content_of(const std::string& file) {
    std::ifstream in{file, std::ios::binary};
    std::string content{std::istreambuf_iterator<char>{in}, {}};
    if (!in) throw std::runtime_error{file + " can't be read"};
    return content;
}

std::shared_ptr<grpc::ChannelCredentials> credentials(const Connection& connection) {
    if (!connection.encrypted()) return grpc::InsecureChannelCredentials();
    if (connection.tls_cert.empty() != connection.tls_key.empty())
        throw std::runtime_error{"--tls-cert and --tls-key go together"};
    grpc::SslCredentialsOptions options;
    if (!connection.tls_ca.empty()) options.pem_root_certs = content_of(connection.tls_ca);
    if (!connection.tls_cert.empty()) {
        options.pem_cert_chain = content_of(connection.tls_cert);
        options.pem_private_key = content_of(connection.tls_key);
    }
    return grpc::SslCredentials(options);
}

/// Whether what is sent there without TLS stays on this machine.
bool is_local(const std::string& server) {
    auto host = server.substr(0, server.rfind(':'));
    if (host == "localhost") return true;
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(host, error);  // 127.example.com is none
    return !error && ip.is_loopback();
}

}  // namespace

OutputFormat format_named(const std::string& name) {
    if (name == "json") return OutputFormat::json;
    return name == "yaml" ? OutputFormat::yaml : OutputFormat::table;
}

v1::Admin::Stub& Session::admin() {
    if (!in_force.problem.empty()) throw std::runtime_error{in_force.problem};
    if (!admin_) {
        grpc::ChannelArguments arguments;
        // A proxy of the environment is for the web; the coordinator is reached directly.
        arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
        arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
        if (!connection.tls_server_name.empty())
            arguments.SetSslTargetNameOverride(connection.tls_server_name);
        const auto channel =
            grpc::CreateCustomChannel(connection.server, credentials(connection), arguments);
        admin_ = v1::Admin::NewStub(channel);
    }
    return *admin_;
}

const std::string& Session::token() {
    if (!token_ && connection.token_file.empty()) token_ = "";
    if (!token_) {
        if (!connection.encrypted() && !is_local(connection.server))
            throw std::runtime_error{"a token is sent to " + connection.server +
                                     " with TLS alone: --tls or --tls-ca FILE"};
        token_ = content_of(connection.token_file);
        while (!token_->empty() && std::isspace(static_cast<unsigned char>(token_->back())) != 0)
            token_->pop_back();
        const bool printable =
            std::ranges::all_of(*token_, [](char c) { return c > ' ' && c < 127; });
        if (token_->empty() || !printable)
            throw std::runtime_error{connection.token_file + " holds no token"};
    }
    return *token_;
}

std::unique_ptr<grpc::ClientContext> Session::stream() {
    auto context = std::make_unique<grpc::ClientContext>();
    if (!token().empty()) context->AddMetadata("authorization", "Bearer " + token());
    if (!connection.reason.empty()) context->AddMetadata("quorate-reason-bin", connection.reason);
    if (!connection.idempotency_key.empty())
        context->AddMetadata("quorate-idempotency-key", connection.idempotency_key);
    return context;
}

std::unique_ptr<grpc::ClientContext> Session::call() {
    auto context = stream();
    context->set_deadline(std::chrono::system_clock::time_point{SystemClock{}.utc_now() + timeout});
    return context;
}

bool Session::succeeded(const grpc::Status& status) {
    if (status.ok()) return true;
    if (status.error_code() == grpc::StatusCode::ALREADY_EXISTS) {  // as was wanted
        std::cerr << "quorate: " << status.error_message() << '\n';
        return false;
    }
    // gRPC itself says UNAVAILABLE when it can't connect; the coordinator says so of its stores.
    const auto says = [&status](const char* words) {
        return status.error_message().find(words) != std::string::npos;
    };
    const bool connected = !says("failed to connect") && !says("DNS resolution failed");
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !connected)
        fail("no coordinator answers at " + connection.server +
             ": is it running? Another address: --server HOST:PORT (" + status.error_message() +
             ")");
    else if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
        fail("the coordinator at " + connection.server + " did not answer within " +
             std::to_string(timeout.count()) + " ms");
    else
        fail(status.error_message());
    return false;
}

void Session::fail(const std::string& message) {
    std::cerr << "quorate: " << message << '\n';
    exit_status = kFailed;
}

}  // namespace quorate::cli
