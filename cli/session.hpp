#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "cli/contexts.hpp"

#include "quorate/v1/admin.grpc.pb.h"

namespace quorate::cli {

enum class OutputFormat { table, json, yaml };

OutputFormat format_named(const std::string& name);

/// How to reach the coordinator, and as whom. Files are in PEM.
struct Connection {
    std::string server = "127.0.0.1:7443";
    bool tls = false;
    std::string tls_ca;    ///< who signs the coordinator; empty: the system's authorities
    std::string tls_cert;  ///< ours
    std::string tls_key;
    std::string tls_server_name;  ///< that its certificate must bear; empty: the host of `server`
    std::string token_file;
    std::string reason;           ///< for the audit log
    std::string idempotency_key;  ///< so that a call which is repeated is done once

    bool encrypted() const { return tls || !tls_ca.empty() || !tls_cert.empty(); }
};

/// What every verb shares: where the coordinator is, how to print, and the exit status so far.
class Session {
public:
    /// Exit statuses of every verb but `probe`.
    static constexpr int kDone = 0;
    static constexpr int kFailed = 1;
    static constexpr int kUsage = 2;

    Connection connection;
    ContextInForce in_force;
    OutputFormat output = OutputFormat::table;
    std::chrono::milliseconds timeout = std::chrono::seconds{30};
    int exit_status = kDone;

    /// For programs, not for people.
    bool prints_data() const { return output != OutputFormat::table; }

    /// The admin service; connects on first use. Throws std::runtime_error where a file of the
    /// connection, or the context, is of no use, and where what is sent would go to another machine
    /// in the clear.
    v1::Admin::Stub& admin();

    /// A context for one unary call, with this session's timeout as its deadline.
    std::unique_ptr<grpc::ClientContext> call();
    /// As `call`, for one that changes something: where no answer comes, the line says that it may
    /// have been done.
    std::unique_ptr<grpc::ClientContext> change();
    /// Without a deadline.
    std::unique_ptr<grpc::ClientContext> stream();

    /// True if the call went well. Otherwise prints one line on stderr that says what to do next,
    /// and makes the exit status 1; unless it was done before, with the same idempotency key.
    bool succeeded(const grpc::Status& status);

    /// Whether what the last call failed for may pass by itself: the coordinator, or a store of
    /// its, can't be reached.
    bool may_pass() const { return may_pass_; }
    /// After it passed: what is told next is told, and the exit status is 0 again.
    void recovered();

    /// One line on stderr, unless it was the last one too; exit status 1.
    void fail(const std::string& message);

private:
    const std::string& token();

    std::unique_ptr<v1::Admin::Stub> admin_;
    std::optional<std::string> token_;
    bool changes_ = false;   // the call under way
    bool may_pass_ = false;  // what the last call failed for
    std::string told_;       // by `fail`, last
};

}  // namespace quorate::cli
