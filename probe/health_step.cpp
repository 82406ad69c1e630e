#include <exception>

#include "probe/side_get.hpp"

namespace quorate {
namespace {

/// GET of the health URL; without the endpoint's headers, since it may be another origin.
Task<Result<unsigned>> ask(Attempt& attempt, HttpUrl url) {
    ResponseReader reader{Wanted::head, Phase::http};
    const auto done = co_await side_get(attempt, std::move(url), reader);
    if (!done) co_return done.error();
    co_return reader.head().status;
}

}  // namespace

Task<void> health_step(Attempt& attempt) {
    if (attempt.timer.expired()) co_return;
    auto url = parse_http_url(attempt.request.health_url);
    if (!url) co_return;  // checked with the request
    const auto os_error = attempt.report.os_error;
    const auto before = attempt.timer.spent();
    HealthReport health;
    try {
        const auto status = co_await ask(attempt, *std::move(url));
        if (status) health.status = static_cast<std::uint16_t>(*status);
    } catch (const std::exception& error) {
        // Ours, and outside of the verdict.
        if (attempt.traced()) attempt.trace(std::string{"health: "} + error.what());
    }
    health.ms = us_of(attempt.timer.spent() - before) / 1000;
    attempt.report.health = health;
    attempt.report.os_error = os_error;
}

}  // namespace quorate
