#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "quorate/v1/admin.grpc.pb.h"

namespace quorate::cli {

enum class OutputFormat { table, json, yaml };

OutputFormat format_named(const std::string& name);

/// What every verb shares: where the coordinator is, how to print, and the exit status so far.
class Session {
public:
    /// Exit statuses of every verb but `probe`.
    static constexpr int kDone = 0;
    static constexpr int kFailed = 1;
    static constexpr int kUsage = 2;

    std::string server = "127.0.0.1:7443";
    OutputFormat output = OutputFormat::table;
    std::chrono::milliseconds timeout = std::chrono::seconds{30};
    int exit_status = kDone;

    /// For programs, not for people.
    bool prints_data() const { return output != OutputFormat::table; }

    /// The admin service; connects on first use.
    v1::Admin::Stub& admin();

    /// A context for one unary call, with this session's timeout as its deadline.
    std::unique_ptr<grpc::ClientContext> call() const;

    /// True if the call went well. Otherwise prints one line on stderr that says what to do next,
    /// and makes the exit status 1.
    bool succeeded(const grpc::Status& status);

    /// One line on stderr, exit status 1.
    void fail(const std::string& message);

private:
    std::unique_ptr<v1::Admin::Stub> admin_;
};

}  // namespace quorate::cli
