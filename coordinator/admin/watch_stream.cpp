#include "coordinator/admin/watch_stream.hpp"

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <grpcpp/server_context.h>

namespace quorate::coordinator {

WatchStream::WatchStream(asio::any_io_executor executor, grpc::CallbackServerContext& call)
    : executor_{std::move(executor)}, call_{call}, timer_{executor_} {}

std::shared_ptr<WatchStream> WatchStream::open(asio::any_io_executor executor,
                                               grpc::CallbackServerContext& call) {
    std::shared_ptr<WatchStream> stream{new WatchStream{std::move(executor), call}};
    stream->self_ = stream;
    return stream;
}

Task<bool> WatchStream::write(Bytes event) {
    if (gone_) co_return false;
    event_ = std::move(event);
    writing_ = true;
    StartWrite(event_.get());
    // On our own shutdown the wait ends at once; gRPC may still read event_, which lives until
    // OnDone.
    timer_.expires_after(kStallMax);
    while (writing_ && !gone_) {
        const auto [stalled] = co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!stalled && writing_ && !gone_) {
            call_.TryCancel();  // OnCancel comes
            timer_.expires_at(asio::steady_timer::time_point::max());
        }
        const auto stop = co_await asio::this_coro::cancellation_state;
        if (stop.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error{asio::error::operation_aborted};
    }
    co_return !gone_;
}

Task<bool> WatchStream::wait(std::chrono::milliseconds duration) {
    if (gone_) co_return false;
    timer_.expires_after(duration);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return !gone_;
}

void WatchStream::OnWriteDone(bool ok) {
    asio::post(executor_, [self = shared_from_this(), ok] {
        self->writing_ = false;
        if (!ok) self->gone_ = true;
        self->timer_.cancel();
    });
}

void WatchStream::OnCancel() {
    asio::post(executor_, [self = shared_from_this()] {
        self->gone_ = true;
        self->timer_.cancel();
    });
}

void WatchStream::OnDone() {
    // The last holder's destructor runs on the executor, where the timer belongs.
    auto executor = executor_;
    asio::post(executor, [self = std::move(self_)] {});
}

}  // namespace quorate::coordinator
