#pragma once

#include <array>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/runtime/task.hpp"

namespace quorate::testing {

/// A name server on a free UDP port of 127.0.0.1 that knows no name: it answers NXDOMAIN, or
/// SERVFAIL while it is told to, or nothing while it is silent.
class NameServerStub {
public:
    explicit NameServerStub(const asio::any_io_executor& executor)
        : socket_{executor, {asio::ip::address_v4::loopback(), 0}} {}

    std::string address() const {
        return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
    }
    std::size_t queries() const { return queries_; }

    bool silent = false;
    bool fails = false;

    Task<> serve() {
        std::array<unsigned char, 512> message{};
        for (;;) {
            asio::ip::udp::endpoint from;
            const auto size = co_await socket_.async_receive_from(
                asio::buffer(message), from, asio::use_awaitable);
            ++queries_;
            if (silent || size < 12) continue;
            message[2] |= 0x80;  // an answer (RFC 1035 4.1.1)
            message[3] = static_cast<unsigned char>(fails ? 0x82 : 0x83);  // recursion, the code
            message[10] = message[11] = 0;  // without the query's additional records (EDNS)
            const auto question = end_of_question(message, size);
            co_await socket_.async_send_to(
                asio::buffer(message, question), from, asio::use_awaitable);
        }
    }

private:
    static std::size_t end_of_question(const std::array<unsigned char, 512>& message,
                                       std::size_t size) {
        std::size_t at = 12;
        while (at < size && message[at] != 0)
            at += message[at] + 1U;
        return std::min(size, at + 5);  // the root label, type and class
    }

    asio::ip::udp::socket socket_;
    std::size_t queries_ = 0;
};

}  // namespace quorate::testing
