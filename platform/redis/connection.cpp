#include "platform/redis/connection.hpp"

#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include "platform/redis/protocol.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/within.hpp"

namespace quorate::detail {

using asio::ip::tcp;

Task<> RedisConnection::open(RedisAddress address, milliseconds timeout) {
    broken_off_.clear();
    const auto where = to_text(address);
    const auto deadline = SystemClock{}.steady_now() + timeout;
    auto connecting = connect(std::move(address));
    const bool done = co_await done_within(deadline, std::move(connecting));
    if (!done)
        throw RedisUnavailable{where + " did not answer within " + std::to_string(timeout.count()) +
                               " ms"};
}

Task<> RedisConnection::connect(RedisAddress address) {
    if (!address.socket_path.empty()) {
        const asio::local::stream_protocol::endpoint peer{address.socket_path};
        co_await socket_.async_connect(peer, asio::use_awaitable);
    } else {
        tcp::resolver resolver{socket_.get_executor()};
        const auto found = co_await resolver.async_resolve(
            address.host, std::to_string(address.port), asio::use_awaitable);
        boost::system::error_code error = asio::error::host_not_found;
        for (const auto& entry : found) {
            close();
            co_await socket_.async_connect(entry.endpoint(),
                                           asio::redirect_error(asio::use_awaitable, error));
            if (!error) break;
        }
        if (error) throw boost::system::system_error{error};
        socket_.set_option(tcp::no_delay{true});
        socket_.set_option(asio::socket_base::keep_alive{true});
    }
    co_await greet(address.database);
}

Task<> RedisConnection::greet(int database) {
    std::string commands;
    const RedisArgs select{"SELECT", std::to_string(database)};
    const RedisArgs ping{"PING"};
    append_command(commands, select);
    append_command(commands, ping);
    co_await asio::async_write(socket_, asio::buffer(commands), asio::use_awaitable);
    ReplyReader reader;
    std::array<char, 4096> buffer;
    for (int replies = 0; replies < 2;) {
        const auto size =
            co_await socket_.async_read_some(asio::buffer(buffer), asio::use_awaitable);
        reader.feed({buffer.data(), size});
        while (auto reply = reader.next()) {
            if (reply->error() != nullptr) throw RedisUnavailable{*reply->error()};
            ++replies;
        }
    }
}

void RedisConnection::break_off(std::string why) {
    if (broken_off_.empty()) broken_off_ = std::move(why);
    close();
}

std::string RedisConnection::why_broken(const std::exception& thrown) const {
    if (!broken_off_.empty()) return broken_off_;
    // `what` of a system_error also names a line of Asio's source.
    const auto* error = dynamic_cast<const boost::system::system_error*>(&thrown);
    return error == nullptr ? thrown.what() : error->code().message();
}

void RedisConnection::close() noexcept {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace quorate::detail
