#include <exception>

#include "probe/attempt.hpp"
#include "probe/call.hpp"
#include "probe/http_request.hpp"

namespace quorate {
namespace {

/// GET of the health URL, on a connection of its own; without the endpoint's headers, since it may
/// be another origin.
Task<Result<unsigned>> ask(Attempt& attempt, HttpUrl url) {
    auto addresses = co_await resolve_step(attempt, url);
    if (!addresses) co_return addresses.error();
    std::unique_ptr<Wire> wire;
    const auto connected =
        co_await connect_step(attempt, wire, *std::move(addresses), url.port, false);
    if (!connected) co_return connected.error();
    if (url.tls) {
        const auto secured = co_await tls_step(attempt, *wire, url, false);
        if (!secured) co_return secured.error();
    }
    const auto request = HttpRequestWriter{"GET", url, attempt.parts.options.user_agent}.finish({});
    ResponseReader reader{Wanted::head, Phase::http};
    auto done = co_await wire->send(request, Phase::http);
    if (done) done = co_await wire->receive(reader, Phase::http);
    if (!done) co_return done.error();
    co_return reader.head().status;
}

}  // namespace

Task<void> health_step(Attempt& attempt) {
    if (attempt.request.health_url.empty() || attempt.timer.expired()) co_return;
    auto url = parse_http_url(attempt.request.health_url);
    if (!url) co_return;  // checked with the request
    const auto os_error = attempt.report.os_error;
    const auto begun = attempt.now();
    HealthReport health;
    try {
        const auto status = co_await ask(attempt, *std::move(url));
        if (status) health.status = static_cast<std::uint16_t>(*status);
    } catch (const std::exception& error) {
        // Ours, and outside of the verdict.
        if (attempt.traced()) attempt.trace(std::string{"health: "} + error.what());
    }
    health.ms = us_between(begun, attempt.now()) / 1000;
    attempt.report.health = health;
    attempt.report.os_error = os_error;
}

}  // namespace quorate
