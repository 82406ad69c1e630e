#include <chrono>
#include <memory>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/postgres/database.hpp"
#include "platform/postgres/session.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate {
namespace {

using detail::PostgresSession;

constexpr std::chrono::seconds kReconnectEvery{1};

/// Watches a descriptor that libpq owns, and lets go of it without closing it.
class BorrowedDescriptor {
public:
    BorrowedDescriptor(const asio::any_io_executor& executor, int descriptor)
        : stream_{executor, descriptor} {}
    ~BorrowedDescriptor() { stream_.release(); }
    BorrowedDescriptor(const BorrowedDescriptor&) = delete;
    BorrowedDescriptor& operator=(const BorrowedDescriptor&) = delete;
    Task<> readable() {
        co_await stream_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    }

private:
    asio::posix::stream_descriptor stream_;
};

/// Throws PostgresUnavailable when the connection broke.
Task<> follow(PostgresSession& session, const std::function<void(std::string_view)>& wake) {
    BorrowedDescriptor descriptor{co_await asio::this_coro::executor, session.descriptor()};
    for (;;) {
        co_await descriptor.readable();
        for (const auto& payload : session.take_notifications())
            wake(payload);
    }
}

}  // namespace

Task<> Database::listen(std::string channel, std::function<void(std::string_view)> wake) {
    for (;;) {
        try {
            auto open = [conninfo = options_.conninfo, channel] {
                auto session = std::make_unique<PostgresSession>(conninfo);
                session->exec("LISTEN " + session->quoted_identifier(channel));
                return session;
            };
            const auto session = co_await pool_.run(std::move(open));
            wake({});
            co_await follow(*session, wake);
        } catch (const PostgresUnavailable&) {
        } catch (const Overloaded&) {
        }
        co_await sleep_for(kReconnectEvery);
    }
}

}  // namespace quorate
