#include "region-agent/selfcheck/landmark.hpp"

#include <charconv>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/model/http_url.hpp"
#include "platform/runtime/within.hpp"

namespace quorate::agent {
namespace {

using boost::asio::ip::tcp;
using Addresses = std::vector<boost::asio::ip::address>;

Task<bool> connects(boost::asio::ip::address address,
                    std::uint16_t port,
                    std::string bind_address) {
    tcp::socket socket{co_await asio::this_coro::executor};
    const tcp::endpoint peer{address, port};
    boost::system::error_code error;
    socket.open(peer.protocol(), error);
    if (!error && !bind_address.empty()) {
        const auto source = boost::asio::ip::make_address(bind_address, error);
        const tcp::endpoint local{source, 0};
        if (!error) socket.bind(local, error);
    }
    if (error) co_return false;
    const auto [refused] = co_await socket.async_connect(peer, asio::as_tuple(asio::use_awaitable));
    co_return !refused;
}

/// One address after the other; the first that answers is enough.
Task<bool> reachable_at_all(Landmark landmark,
                            std::string bind_address,
                            Resolver& resolver,
                            Deadline deadline) {
    boost::system::error_code no_address;
    Addresses addresses{boost::asio::ip::make_address(landmark.host, no_address)};
    if (no_address) {
        auto found = co_await resolver.resolve(landmark.host, IpFamily::any, deadline);
        if (!found) co_return false;
        addresses = *std::move(found);
    }
    for (const auto& address : addresses) {
        const bool connected = co_await connects(address, landmark.port, bind_address);
        if (connected) co_return true;
    }
    co_return false;
}

}  // namespace

std::optional<Landmark> parse_landmark(std::string_view text) {
    if (text.find("://") != std::string_view::npos) {
        const auto url = parse_http_url(text);
        if (!url) return std::nullopt;
        return Landmark{url->host, url->port};
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto host = text.substr(0, colon);
    const auto number = text.substr(colon + 1);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const bool bare_v6 = !bracketed && host.find(':') != std::string_view::npos;
    std::uint16_t port = 0;
    const auto* end = number.data() + number.size();
    const auto [rest, error] = std::from_chars(number.data(), end, port);
    if (host.empty() || bare_v6 || error != std::errc{} || rest != end || port == 0)
        return std::nullopt;
    if (host.find_first_of(" /[]@") != std::string_view::npos) return std::nullopt;
    return Landmark{std::string{host}, port};
}

Task<bool> reachable(Landmark landmark,
                     std::string bind_address,
                     Resolver& resolver,
                     Deadline deadline) {
    auto attempt =
        reachable_at_all(std::move(landmark), std::move(bind_address), resolver, deadline);
    const auto reached = co_await within(deadline, std::move(attempt));
    co_return reached.value_or(false);
}

}  // namespace quorate::agent
