#include "probe/side_get.hpp"

#include "probe/http_request.hpp"

namespace quorate {

Task<Result<void>> side_get(Attempt& attempt, HttpUrl url, ResponseReader& reader) {
    std::vector<boost::asio::ip::address> addresses;
    if (attempt.pinned && same_origin(url, attempt.url)) {
        addresses.push_back(*attempt.pinned);
    } else {
        auto resolved = co_await resolve_step(attempt, url);
        if (!resolved) co_return resolved.error();
        addresses = *std::move(resolved);
    }
    std::unique_ptr<Wire> wire;
    const auto connected =
        co_await connect_step(attempt, wire, std::move(addresses), url.port, false);
    if (!connected) co_return connected.error();
    if (url.tls) {
        const auto secured = co_await tls_step(attempt, *wire, url, false);
        if (!secured) co_return secured.error();
    }
    HttpRequestWriter writer{"GET", url, attempt.parts.options.user_agent};
    writer.field("Accept", "application/json, */*;q=0.5");
    const auto request = std::move(writer).finish({});
    auto done = co_await wire->send(request.view(), Phase::http);
    if (done) done = co_await wire->receive(reader, Phase::http);
    co_return done;
}

}  // namespace quorate
