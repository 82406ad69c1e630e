#include "cli/session.hpp"

#include <iostream>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "platform/runtime/clock.hpp"

namespace quorate::cli {
namespace {

/// The largest answer a list can give: a page of 5,000 endpoints is about 2 MiB.
constexpr int kAnswerBytesMax = 64 * 1024 * 1024;

}  // namespace

OutputFormat format_named(const std::string& name) {
    if (name == "json") return OutputFormat::json;
    return name == "yaml" ? OutputFormat::yaml : OutputFormat::table;
}

v1::Admin::Stub& Session::admin() {
    if (!admin_) {
        grpc::ChannelArguments arguments;
        // A proxy of the environment is for the web; the coordinator is reached directly.
        arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
        arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
        const auto channel =
            grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
        admin_ = v1::Admin::NewStub(channel);
    }
    return *admin_;
}

std::unique_ptr<grpc::ClientContext> Session::call() const {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::time_point{SystemClock{}.utc_now() + timeout});
    return context;
}

bool Session::succeeded(const grpc::Status& status) {
    if (status.ok()) return true;
    // gRPC itself says UNAVAILABLE when it can't connect; the coordinator says so of its stores.
    const bool connected = status.error_message().find("failed to connect") == std::string::npos;
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !connected)
        fail("no coordinator answers at " + server +
             ": is it running? Another address: --server HOST:PORT (" + status.error_message() +
             ")");
    else if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
        fail("the coordinator at " + server + " did not answer within " +
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
