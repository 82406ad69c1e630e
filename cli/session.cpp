#include "cli/session.hpp"

#include <algorithm>
#include <cctype>
#include <iostream>
#include <stdexcept>

#include <boost/asio/ip/address.hpp>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <grpc/support/log.h>

#include "cli/bounded_file.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/tls/tls_contexts.hpp"

namespace quorate::cli {
namespace {

/// The largest answer a list can give: a page of 5,000 endpoints is about 2 MiB.
constexpr int kAnswerBytesMax = 64 * 1024 * 1024;
constexpr std::size_t kPemBytesMax = 8 << 20;
/// The coordinator takes half of it for too often.
constexpr int kPingEveryMs = 10'000;
constexpr int kPingAnsweredMs = 10'000;
constexpr int kBackoffMaxMs = 2000;

/// gRPC's own lines on stderr tell nothing that its statuses do not.
void silence_grpc() {
    gpr_set_log_function([](gpr_log_func_args*) {});
}

/// gRPC would take bad files, and fail to connect without a word. Throws std::runtime_error.
void require_usable(const char* options, const TlsFiles& files) {
    try {
        make_tls_context(files);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error{std::string{options} + ": " + error.what()};
    }
}

std::shared_ptr<grpc::ChannelCredentials> credentials(const Connection& connection) {
    if (!connection.encrypted()) return grpc::InsecureChannelCredentials();
    if (connection.tls_cert.empty() != connection.tls_key.empty())
        throw std::runtime_error{"--tls-cert and --tls-key go together"};
    grpc::SslCredentialsOptions options;
    if (!connection.tls_ca.empty()) {
        options.pem_root_certs = read_bounded_text(connection.tls_ca, kPemBytesMax);
        require_usable("--tls-ca", {connection.tls_ca, "", ""});
    }
    if (!connection.tls_cert.empty()) {
        options.pem_cert_chain = read_bounded_text(connection.tls_cert, kPemBytesMax);
        options.pem_private_key = read_bounded_text(connection.tls_key, kPemBytesMax);
        require_usable("--tls-cert, --tls-key",
                       {connection.tls_ca, connection.tls_cert, connection.tls_key});
    }
    return grpc::SslCredentials(options);
}

/// Whether what is sent there without TLS stays on this machine.
bool is_local(const std::string& server) {
    auto host = server.substr(0, server.rfind(':'));
    if (host == "localhost" || host == "unix") return true;
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(host, error);  // 127.example.com is none
    return !error && ip.is_loopback();
}

/// Of a change that no answer came to.
std::string outcome_open(const Connection& connection) {
    if (!connection.idempotency_key.empty())
        return "; it may have been done: order it again with the same --idempotency-key";
    return "; it may have been done: look (quorate audit has it) before you order it again. With "
           "--idempotency-key KEY from the first time on, the same order is done once";
}

/// Why there is no connection, and what to do about it.
/// @param said  what gRPC says of it
std::string without_connection(const Connection& connection, const std::string& said) {
    const auto says = [&said](const char* words) { return said.find(words) != std::string::npos; };
    const auto& server = connection.server;
    if (says("certificate verify failed") || says("CERTIFICATE_VERIFY_FAILED"))
        return "the certificate of " + server + " is not trusted: " +
               (connection.tls_ca.empty()
                    ? "no authority of this system has"
                    : "the authorities in " + connection.tls_ca + " have not") +
               " signed it, or its time is over; others are named with --tls-ca FILE";
    if (says("is not in peer certificate"))
        return "the certificate of " + server +
               " bears another name; where that is right, give it with --tls-server-name NAME";
    if (says("wrong version number") || says("WRONG_VERSION_NUMBER"))
        return server +
               " does not speak TLS: is it the port of a coordinator, and has this one grpc.tls?";
    if (says("andshake failed")) return "no TLS connection with " + server + ": " + said;
    if (says("Socket closed") && !connection.encrypted())
        return server +
               " ends the connection at once: does it want TLS (--tls, or --tls-ca FILE)? Is it "
               "the "
               "port of a coordinator?";
    if (says("Socket closed"))
        return server + " ends the connection: " +
               (connection.tls_cert.empty()
                    ? "is it the port of a coordinator?"
                    : "it may be that it does not take our certificate, " + connection.tls_cert);
    return "no coordinator answers at " + server +
           ": is it running? Another address: --server HOST:PORT (" + said + ")";
}

}  // namespace

OutputFormat format_named(const std::string& name) {
    if (name == "json") return OutputFormat::json;
    return name == "yaml" ? OutputFormat::yaml : OutputFormat::table;
}

v1::Admin::Stub& Session::admin() {
    if (!in_force.problem.empty()) throw std::runtime_error{in_force.problem};
    if (!admin_) {
        if (!connection.encrypted() && !is_local(connection.server))
            throw std::runtime_error{
                connection.server +
                " is another machine, which is spoken to with TLS alone: --tls or --tls-ca FILE"};
        silence_grpc();
        grpc::ChannelArguments arguments;
        // A proxy of the environment is for the web; the coordinator is reached directly.
        arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
        arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
        // A stream over which nothing comes must end when the way is gone.
        arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingEveryMs);
        arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingAnsweredMs);
        // Who waits for a coordinator to come back does not wait for long behind that.
        arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kBackoffMaxMs);
        arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // without a bound
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
        token_ = read_bounded_text(connection.token_file, kValueFileBytesMax);
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
    changes_ = false;
    return context;
}

std::unique_ptr<grpc::ClientContext> Session::change() {
    auto context = call();
    changes_ = true;
    return context;
}

bool Session::succeeded(const grpc::Status& status) {
    may_pass_ = false;
    if (status.ok()) return true;
    const auto code = status.error_code();
    const auto& said = status.error_message();
    if (code == grpc::StatusCode::ALREADY_EXISTS) {  // as was wanted
        std::cerr << "quorate: " << said << '\n';
        return false;
    }
    const auto says = [&said](const char* words) { return said.find(words) != said.npos; };
    // We cancel nothing: a coordinator that stops does.
    const bool cancelled = code == grpc::StatusCode::CANCELLED;
    may_pass_ = code == grpc::StatusCode::UNAVAILABLE ||
                code == grpc::StatusCode::DEADLINE_EXCEEDED || cancelled;
    // gRPC itself says UNAVAILABLE when it can't connect; the coordinator says so of its stores.
    if (code == grpc::StatusCode::UNAVAILABLE &&
        (says("failed to connect") || says("DNS resolution failed"))) {
        fail(without_connection(connection, said));
        return false;
    }
    auto line = said;
    if (code == grpc::StatusCode::DEADLINE_EXCEEDED)
        line = "the coordinator at " + connection.server + " did not answer within " +
               std::to_string(timeout.count()) + " ms";
    else if (cancelled)
        line =
            "the coordinator at " + connection.server + " ended the call, as one that stops does";
    else if (says("Socket closed") || says("keepalive watchdog timeout") || says("reset by peer"))
        line = "the connection with the coordinator at " + connection.server + " broke (" + said +
               ")" +
               (connection.tls_cert.empty() ? ""
                                            : "; it may be that it does not take our certificate");
    if (changes_ && may_pass_) line += outcome_open(connection);
    // Too much at once, or a watcher that was too slow: nothing was done, and later it may go.
    may_pass_ = may_pass_ || code == grpc::StatusCode::RESOURCE_EXHAUSTED;
    fail(line);
    return false;
}

void Session::recovered() {
    told_.clear();
    exit_status = kDone;
}

void Session::fail(const std::string& message) {
    if (message != told_) std::cerr << "quorate: " << message << '\n';
    told_ = message;
    exit_status = kFailed;
}

}  // namespace quorate::cli
