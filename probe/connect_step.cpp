#include <algorithm>
#include <system_error>

#include "probe/attempt.hpp"
#include "probe/wire_trace.hpp"

namespace quorate {
namespace {

namespace ip = boost::asio::ip;

constexpr auto kTcpBudget = std::chrono::seconds{3};
constexpr auto kTlsBudget = std::chrono::seconds{3};
constexpr std::size_t kAddressesMax = 8;

/// Whether the other addresses need no trying: we were cancelled, or this machine is out of what a
/// connection takes.
bool is_final(const Failure& failure, int os_error) {
    if (failure.reason == Reason::agent_unhealthy) return !is_no_way_there(os_error);
    return failure.reason == Reason::aborted;
}

/// How much the failure of one address says beside that of another: an address that this machine
/// can't use says less than one without a route, and both say nothing beside one where somebody
/// failed us.
int weight_of(const Failure& failure) {
    if (failure.reason == Reason::agent_unhealthy) return 0;
    return failure.reason == Reason::network_unreachable ? 1 : 2;
}

/// The engine's poller, or the fault of this machine that there is none.
Result<Poller*> poller_of(Attempt& attempt) {
    try {
        return &attempt.parts.poller_on(attempt.executor);
    } catch (const std::system_error& error) {
        attempt.report.os_error = error.code().value();
        return Failure{Phase::tcp, Reason::agent_unhealthy, error.what()};
    }
}

}  // namespace

Task<Result<ip::address>> connect_step(Attempt& attempt,
                                       std::unique_ptr<Wire>& wire,
                                       std::vector<ip::address> addresses,
                                       std::uint16_t port,
                                       bool measured) {
    const auto source = source_of(attempt.request);
    if (source) std::erase_if(addresses, [&](auto& a) { return a.is_v4() != source->is_v4(); });
    if (addresses.size() > kAddressesMax) addresses.resize(kAddressesMax);
    const auto poller = poller_of(attempt);
    if (!poller) co_return poller.error();
    const auto outer_limit = attempt.timer.limit();
    const auto limit = std::min(outer_limit, attempt.now() + kTcpBudget);
    const auto before = attempt.timer.spent();
    Failure deciding{Phase::tcp,
                     Reason::agent_unhealthy,
                     "The source address of probes is of the other IP version"};
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const auto left = static_cast<int>(addresses.size() - i);
        attempt.timer.limit(attempt.now() + (limit - attempt.now()) / left);
        wire = std::make_unique<Wire>(
            **poller, attempt.parts.clock, attempt.timer, attempt.parts.scratch);
        if (attempt.traced()) wire->trace_to(std::make_unique<WireTrace>(attempt));
        const ip::tcp::endpoint peer{addresses[i], port};
        auto connected = co_await wire->connect(peer, source);
        attempt.timer.limit(outer_limit);
        if (measured) attempt.report.peer_address = addresses[i].to_string();
        if (measured) attempt.report.timings.tcp = us_of(attempt.timer.spent() - before);
        if (connected) {
            attempt.report.os_error.reset();
            const auto tried = addresses.begin() + static_cast<std::ptrdiff_t>(i);
            const bool other_family = std::any_of(addresses.begin(), tried, [&](const auto& a) {
                return a.is_v4() != addresses[i].is_v4();
            });
            if (measured && other_family)
                attempt.report.warnings.add(Warning::one_family_unreachable);
            if (attempt.traced()) attempt.trace("connected to " + addresses[i].to_string());
            co_return addresses[i];
        }
        const auto& failure = connected.error();
        if (attempt.traced()) attempt.trace(addresses[i].to_string() + ": " + failure.detail);
        const bool final = is_final(failure, wire->os_error());
        if (final || weight_of(failure) >= weight_of(deciding)) {
            deciding = failure;
            if (wire->os_error() != 0) attempt.report.os_error = wire->os_error();
        }
        if (final) break;
    }
    wire.reset();
    co_return deciding;
}

Task<Result<void>> tls_step(Attempt& attempt, Wire& wire, const HttpUrl& url, bool measured) {
    auto context =
        same_origin(url, attempt.url) ? attempt.tls_context() : attempt.common_tls_context();
    // Neither SNI (RFC 6066 section 3) nor certificates know the dot at the end of a name.
    auto name = url.host;
    if (name.back() == '.') name.pop_back();
    const auto before = attempt.timer.spent();
    const auto outer_limit = attempt.timer.limit();
    attempt.timer.limit(std::min(outer_limit, attempt.now() + kTlsBudget));
    auto done = co_await wire.handshake(std::move(context), std::move(name), url.is_address);
    attempt.timer.limit(outer_limit);
    if (measured) {
        const auto& facts = wire.tls_facts();
        attempt.report.timings.tls = us_of(attempt.timer.spent() - before);
        attempt.report.tls = std::make_shared<const TlsReport>(TlsReport{facts.version,
                                                                         facts.not_after,
                                                                         facts.earliest_not_after,
                                                                         facts.issuer,
                                                                         facts.verify_code,
                                                                         facts.verify_depth});
        if (!done && wire.os_error() != 0) attempt.report.os_error = wire.os_error();
    }
    if (attempt.traced())
        attempt.trace(done ? "TLS established, " + wire.tls_facts().version : done.error().detail);
    co_return done;
}

Task<Result<void>> open_connection(Attempt& attempt, std::unique_ptr<Wire>& wire) {
    const bool first = !attempt.pinned;
    // A CA file that cannot be read is our trouble, whatever is wrong with the endpoint.
    if (attempt.url.tls) attempt.tls_context();
    std::vector<ip::address> addresses;
    if (first) {
        const PhaseStopwatch stopwatch{attempt, attempt.report.timings.dns};
        auto resolved = co_await resolve_step(attempt, attempt.url);
        if (!resolved) co_return resolved.error();
        addresses = *std::move(resolved);
    } else {
        addresses.push_back(*attempt.pinned);
    }
    auto peer = co_await connect_step(attempt, wire, std::move(addresses), attempt.url.port, first);
    if (!peer) co_return peer.error();
    attempt.pinned = *peer;
    if (!attempt.url.tls) co_return Result<void>{};
    auto secured = co_await tls_step(attempt, *wire, attempt.url, first);
    if (!secured) wire.reset();
    co_return secured;
}

}  // namespace quorate
