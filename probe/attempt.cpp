#include "probe/attempt.hpp"

#include <algorithm>

#include "probe/mcp_messages.hpp"

namespace quorate {
namespace {

/// As much as one read takes from a socket.
constexpr std::size_t kScratchBytes = 64U << 10U;
/// More than the ways of an attempt lead to: two versions in each of two sessions.
constexpr std::size_t kLeftSessionsMax = 4;

}  // namespace

EngineParts::EngineParts(const Clock& with_clock,
                         TlsContexts& with_contexts,
                         Resolver& with_resolver,
                         ProbeEngineOptions with_options)
    : clock{with_clock},
      contexts{with_contexts},
      resolver{with_resolver},
      options{std::move(with_options)},
      client_meta{quorate::client_meta(options)},
      scratch(kScratchBytes) {}

Poller& EngineParts::poller_on(const boost::asio::any_io_executor& executor) {
    if (!poller_) poller_ = std::make_unique<Poller>(executor, clock);
    return *poller_;
}

Attempt::Attempt(EngineParts& engine_parts,
                 const ProbeRequest& probe_request,
                 ProbeReport& probe_report,
                 HttpUrl& endpoint_url,
                 boost::asio::any_io_executor on_executor)
    : parts{engine_parts},
      request{probe_request},
      report{probe_report},
      mask{probe_request.headers, probe_request.credentials.get()},
      executor{std::move(on_executor)},
      started{engine_parts.clock.steady_now()},
      deadline{started + probe_request.timeout},
      timer{executor, engine_parts.clock},
      url{endpoint_url} {
    timer.limit(deadline);
    timer.asked(started);
}

void Attempt::trace(std::string_view line) const {
    if (!request.trace) return;
    const auto at = std::chrono::duration_cast<microseconds>(now() - started);
    request.trace(number, at, mask.masked(std::string{line}));
}

void Attempt::leave_session() {
    if (!session_id.empty() && left_sessions.size() < kLeftSessionsMax)
        left_sessions.push_back(session_id);
    session_id.clear();
}

void Attempt::keep_finding(Failure failure) {
    if (!degraded) degraded = Finding{std::move(failure), report.http_status};
}

std::optional<boost::asio::ip::address> source_of(const ProbeRequest& request) {
    if (request.bind_address.empty()) return std::nullopt;
    return boost::asio::ip::make_address(request.bind_address);  // checked with the request
}

std::uint32_t us_of(SteadyTime::duration time) {
    const auto us = std::chrono::duration_cast<microseconds>(time).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, UINT32_MAX));
}

PhaseStopwatch::~PhaseStopwatch() {
    slot_ = us_of(attempt_.timer.spent() - before_ + microseconds{slot_.value_or(0)});
}

}  // namespace quorate
