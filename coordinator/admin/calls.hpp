#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "coordinator/coordinator_metrics.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate::coordinator {

/// An answer that is no success; what the caller gets.
class RpcError : public std::runtime_error {
public:
    RpcError(grpc::StatusCode code, const std::string& message)
        : std::runtime_error{message}, code_{code} {}
    grpc::StatusCode code() const { return code_; }

private:
    grpc::StatusCode code_;
};

/// From gRPC's threads to the daemon's executor: each call of the admin API runs there as a task of
/// one group, with the caller's deadline, and is finished exactly once.
class Calls {
public:
    static constexpr std::size_t kCallsMax = 256;           ///< at the same time; more are refused
    static constexpr milliseconds kLongest{120'000};        ///< of a call, whatever its deadline
    static constexpr std::chrono::hours kLongestForget{1};  ///< but of this one

    Calls(asio::any_io_executor executor,
          const Clock& clock,
          Logger& log,
          CoordinatorMetrics& metrics);

    using Finish = std::function<void(const grpc::Status&)>;

    /// Runs a unary call's work. Callable from any thread. Errors of ours become statuses:
    /// Postgres or Redis away UNAVAILABLE, too much at once, or for Postgres, RESOURCE_EXHAUSTED,
    /// late DEADLINE_EXCEEDED, shutting down UNAVAILABLE, anything unexpected INTERNAL.
    void start(std::string rpc,
               const grpc::CallbackServerContext& context,
               std::function<Task<>()> work,
               Finish finish);

    /// As `start`, for a stream that may last as long as its caller wants.
    void start_stream(std::string rpc, std::function<Task<>()> work, Finish finish);

    /// Runs what need not end before its call does, with no deadline of its own; left out where too
    /// much runs already. On the executor.
    void start_aside(std::string name, Task<> work);

    const asio::any_io_executor& executor() const { return executor_; }

    /// Cancels all calls and waits until they are finished. On the executor.
    Task<> drain();

private:
    struct Once;
    void spawn(std::string rpc, std::function<Task<>()> work, std::shared_ptr<Once> once);
    Task<> run(std::string rpc, std::function<Task<>()> work, std::shared_ptr<Once> once);

    asio::any_io_executor executor_;
    const Clock& clock_;
    Logger& log_;
    CoordinatorMetrics& metrics_;
    TaskGroup group_;
};

}  // namespace quorate::coordinator
