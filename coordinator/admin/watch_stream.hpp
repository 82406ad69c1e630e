#pragma once

#include <chrono>
#include <memory>

#include <boost/asio/steady_timer.hpp>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "platform/runtime/task.hpp"

namespace quorate::coordinator {

/// One open Watch: gRPC's reactor on one side, coroutines on the executor on the other.
class WatchStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                          public std::enable_shared_from_this<WatchStream> {
public:
    /// Who reads nothing for so long is gone: nobody holds on to a seat, and to rights that may
    /// have ended, by not reading.
    static constexpr std::chrono::seconds kStallMax{60};

    /// It lives until gRPC is done with it and nobody else holds it, and the call with it.
    static std::shared_ptr<WatchStream> open(asio::any_io_executor executor,
                                             grpc::CallbackServerContext& call);

    /// An encoded v1::WatchEvent, which several streams may send.
    using Bytes = std::shared_ptr<const grpc::ByteBuffer>;

    /// Sends an event and waits until gRPC took it, so that a slow reader slows us down.
    /// @return false if the caller is gone, or reads no more. On the executor, one at a time.
    Task<bool> write(Bytes event);

    /// Waits; ends early when the caller goes, or by `wake`. @return false if the caller is gone.
    Task<bool> wait(std::chrono::milliseconds duration);
    void wake() { timer_.cancel(); }

    // gRPC calls these, on its threads.
    void OnWriteDone(bool ok) override;
    void OnCancel() override;
    void OnDone() override;

private:
    WatchStream(asio::any_io_executor executor, grpc::CallbackServerContext& call);

    asio::any_io_executor executor_;
    grpc::CallbackServerContext& call_;  // until OnDone
    asio::steady_timer timer_;
    Bytes event_;  // under way
    bool writing_ = false;
    bool gone_ = false;
    std::shared_ptr<WatchStream> self_;  // until OnDone
};

}  // namespace quorate::coordinator
