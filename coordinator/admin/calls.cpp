#include "coordinator/admin/calls.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include "coordinator/access/caller.hpp"
#include "coordinator/catalog/reports.hpp"
#include "coordinator/maintenance/window_store.hpp"
#include "coordinator/regions/regions.hpp"
#include "coordinator/runs/runs.hpp"
#include "coordinator/secrets/wrapping_key.hpp"
#include "platform/postgres/errors.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/overloaded.hpp"
#include "platform/runtime/within.hpp"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace quorate::coordinator {
namespace {

constexpr const char* kStopping = "the coordinator is shutting down";

const char* name_of(grpc::StatusCode code) {
    switch (code) {
        case grpc::OK:
            return "OK";
        case grpc::CANCELLED:
            return "CANCELLED";
        case grpc::UNKNOWN:
            return "UNKNOWN";
        case grpc::INVALID_ARGUMENT:
            return "INVALID_ARGUMENT";
        case grpc::DEADLINE_EXCEEDED:
            return "DEADLINE_EXCEEDED";
        case grpc::NOT_FOUND:
            return "NOT_FOUND";
        case grpc::ALREADY_EXISTS:
            return "ALREADY_EXISTS";
        case grpc::PERMISSION_DENIED:
            return "PERMISSION_DENIED";
        case grpc::UNAUTHENTICATED:
            return "UNAUTHENTICATED";
        case grpc::RESOURCE_EXHAUSTED:
            return "RESOURCE_EXHAUSTED";
        case grpc::FAILED_PRECONDITION:
            return "FAILED_PRECONDITION";
        case grpc::ABORTED:
            return "ABORTED";
        case grpc::OUT_OF_RANGE:
            return "OUT_OF_RANGE";
        case grpc::UNIMPLEMENTED:
            return "UNIMPLEMENTED";
        case grpc::INTERNAL:
            return "INTERNAL";
        case grpc::UNAVAILABLE:
            return "UNAVAILABLE";
        case grpc::DATA_LOSS:
            return "DATA_LOSS";
        case grpc::DO_NOT_USE:
            break;
    }
    return "UNKNOWN";
}

grpc::StatusCode code_of(AccessRefused::Why why) {
    using enum AccessRefused::Why;
    switch (why) {
        case unknown:
            return grpc::UNAUTHENTICATED;
        case denied:
            return grpc::PERMISSION_DENIED;
        case busy:
            return grpc::RESOURCE_EXHAUSTED;
    }
    return grpc::PERMISSION_DENIED;
}

/// With the field that is wrong, as the standard details have it (google/rpc/error_details.proto).
grpc::Status status_of(const BadRequest& error) {
    google::rpc::BadRequest details;
    auto& violation = *details.add_field_violations();
    violation.set_field(error.field());
    violation.set_description(error.what());
    google::rpc::Status status;
    status.set_code(grpc::INVALID_ARGUMENT);
    status.set_message(error.what());
    status.add_details()->PackFrom(details);
    return {grpc::INVALID_ARGUMENT, error.what(), status.SerializeAsString()};
}

grpc::Status status_of(const PostgresError& error) {
    if (error.sqlstate() == "57014")  // query_canceled: Database's statement_timeout
        return {grpc::RESOURCE_EXHAUSTED,
                "Postgres takes too long to answer this: ask for less, such as a shorter time or "
                "one endpoint"};
    if (error.sqlstate() == "40001")
        return {grpc::ABORTED, "others change the same at the same time: try again"};
    return {grpc::INTERNAL, "internal error; see the coordinator's log"};
}

Task<> hurry(SteadyTime deadline, Task<> work) {
    // GCC 12 miscompiles a coroutine that is nothing but an `if` around a co_await.
    const bool done = co_await done_within(deadline, std::move(work));
    if (!done) throw RpcError{grpc::DEADLINE_EXCEEDED, "the deadline passed"};
}

}  // namespace

/// Finishes a call once; if nobody did, its end does: no caller is left waiting.
struct Calls::Once {
    Finish finish;
    bool done = false;

    void operator()(const grpc::Status& status) {
        if (std::exchange(done, true)) return;
        finish(status);
    }
    explicit Once(Finish finish_) : finish{std::move(finish_)} {}
    Once(const Once&) = delete;
    Once& operator=(const Once&) = delete;
    ~Once() { (*this)(grpc::Status{grpc::UNAVAILABLE, kStopping}); }
};

Calls::Calls(asio::any_io_executor executor,
             const Clock& clock,
             Logger& log,
             CoordinatorMetrics& metrics)
    : executor_{std::move(executor)},
      clock_{clock},
      log_{log},
      metrics_{metrics},
      group_{executor_, kCallsMax} {}

void Calls::start(std::string rpc,
                  const grpc::CallbackServerContext& context,
                  std::function<Task<>()> work,
                  Finish finish) {
    const auto until = std::chrono::time_point_cast<microseconds>(context.deadline());
    // Compared before the subtraction: a missing deadline is the end of time.
    const auto now = clock_.utc_now();
    const microseconds longest = rpc == "Forget" ? microseconds{kLongestForget} : kLongest;
    const microseconds left = until > now + longest ? longest : until - now;
    auto once = std::make_shared<Once>(std::move(finish));
    auto timely = [work = std::move(work), deadline = clock_.steady_now() + left]() -> Task<> {
        return hurry(deadline, work());
    };
    spawn(std::move(rpc), std::move(timely), std::move(once));
}

void Calls::start_stream(std::string rpc, std::function<Task<>()> work, Finish finish) {
    spawn(std::move(rpc), std::move(work), std::make_shared<Once>(std::move(finish)));
}

void Calls::start_aside(std::string name, Task<> work) {
    try {
        group_.spawn(std::move(name), std::move(work));
    } catch (const Overloaded&) {
    }
}

void Calls::spawn(std::string rpc, std::function<Task<>()> work, std::shared_ptr<Once> once) {
    asio::post(
        executor_,
        [this, rpc = std::move(rpc), work = std::move(work), once = std::move(once)]() mutable {
            try {
                group_.spawn(rpc, run(rpc, std::move(work), once));
            } catch (const Overloaded&) {
                metrics_.rpcs.with({rpc, name_of(grpc::RESOURCE_EXHAUSTED)}).add();
                (*once)({grpc::RESOURCE_EXHAUSTED, "too many calls at the same time"});
            }
        });
}

Task<> Calls::run(std::string rpc, std::function<Task<>()> work, std::shared_ptr<Once> once) {
    grpc::Status status;
    try {
        co_await work();
    } catch (const RpcError& error) {
        status = {error.code(), error.what()};
    } catch (const BadRequest& error) {
        status = status_of(error);
    } catch (const OutOfRange& error) {
        status = {grpc::OUT_OF_RANGE, error.what()};
    } catch (const RegionRefused& error) {
        status = {grpc::FAILED_PRECONDITION, error.what()};
    } catch (const RunsBusy& error) {
        status = {grpc::RESOURCE_EXHAUSTED, error.what()};
    } catch (const TooManyWindows& error) {
        status = {grpc::RESOURCE_EXHAUSTED, error.what()};
    } catch (const SecretsLocked& error) {
        status = {grpc::FAILED_PRECONDITION, error.what()};
    } catch (const KeyReused& error) {
        status = {grpc::FAILED_PRECONDITION, error.what()};
    } catch (const DoneBefore& error) {
        status = {grpc::ALREADY_EXISTS, error.what()};
    } catch (const NotFound& error) {
        status = {grpc::NOT_FOUND, error.what()};
    } catch (const AccessRefused& error) {
        status = {code_of(error.why()), error.what()};
    } catch (const PostgresUnavailable&) {
        status = {grpc::UNAVAILABLE, "the coordinator can't reach Postgres"};
    } catch (const RedisUnavailable&) {
        status = {grpc::UNAVAILABLE, "the coordinator can't reach Redis"};
    } catch (const PostgresError& error) {
        status = status_of(error);
        const bool ours = status.error_code() == grpc::INTERNAL;
        log_event(log_,
                  ours ? LogLevel::error : LogLevel::warn,
                  ours ? "rpc.failed" : "rpc.given_up",
                  kv("rpc", rpc),
                  kv("detail", error.what()));
    } catch (const Overloaded&) {
        status = {grpc::RESOURCE_EXHAUSTED, "the coordinator is overloaded"};
    } catch (const boost::system::system_error& error) {
        const bool stopping = error.code() == asio::error::operation_aborted;
        status = stopping
                     ? grpc::Status{grpc::UNAVAILABLE, kStopping}
                     : grpc::Status{grpc::INTERNAL, "internal error; see the coordinator's log"};
        if (!stopping)
            log_event(
                log_, LogLevel::error, "rpc.failed", kv("rpc", rpc), kv("detail", error.what()));
    } catch (const std::exception& error) {
        log_event(log_, LogLevel::error, "rpc.failed", kv("rpc", rpc), kv("detail", error.what()));
        status = {grpc::INTERNAL, "internal error; see the coordinator's log"};
    }
    metrics_.rpcs.with({rpc, name_of(status.error_code())}).add();
    (*once)(status);
}

Task<> Calls::drain() {
    group_.cancel();
    co_await group_.join();
}

}  // namespace quorate::coordinator
