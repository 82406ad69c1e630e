#include "region-agent/selfcheck/self_check.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/runtime/task_group.hpp"

namespace quorate::agent {
namespace {

constexpr milliseconds kEveryBlind{5000};

bool is_name(const std::string& host) {
    boost::system::error_code no_address;
    boost::asio::ip::make_address(host, no_address);
    return no_address && host != "localhost";
}

/// What name servers are asked for: a landmark's name, because that needs those above them, too;
/// else one that does not exist (RFC 6761 section 6.4), which every name server can say. With the
/// dot of the root, so that no search domain is tried.
std::string name_to_ask(const std::vector<Landmark>& landmarks) {
    const auto named = std::ranges::find_if(
        landmarks, [](const Landmark& landmark) { return is_name(landmark.host); });
    return (named == landmarks.end() ? std::string{"quorate.invalid"} : named->host) + ".";
}

bool answered(const Result<std::vector<boost::asio::ip::address>>& result) {
    return result || result.error().reason == Reason::dns_nxdomain ||
           result.error().reason == Reason::dns_no_address;
}

}  // namespace

SelfCheck::SelfCheck(asio::any_io_executor executor,
                     const Clock& clock,
                     Resolver& resolver,
                     Readiness& readiness,
                     Logger& log,
                     SelfCheckOptions options)
    : executor_{executor},
      clock_{&clock},
      resolver_{&resolver},
      readiness_{&readiness},
      log_{&log},
      options_{std::move(options)},
      asked_name_{name_to_ask(options_.landmarks)},
      turn_{executor},
      checked_{executor, asio::steady_timer::time_point::max()} {}

bool SelfCheck::judges_network() const {
    return options_.landmarks.size() >= kWitnessesMin ||
           options_.name_servers.size() >= kWitnessesMin;
}

Task<> SelfCheck::run() {
    if (options_.landmarks.size() < kWitnessesMin)
        log_event(*log_,
                  LogLevel::info,
                  "self_check.limited",
                  kv("detail",
                     "fewer than two landmarks are configured: whether the network of this agent "
                     "works is not judged by them"));
    for (;;) {
        co_await look();
        co_await wait_for_turn();
    }
}

Task<> SelfCheck::wait_for_turn() {
    const auto every = blind() ? std::min(kEveryBlind, options_.every) : options_.every;
    while (clock_->steady_now() < begun_ + (wanted_ ? options_.gap_min : every)) {
        turn_.expires_at(begun_ + (wanted_ ? options_.gap_min : every));
        co_await turn_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

Task<> SelfCheck::look() {
    wanted_ = false;
    const auto begun = clock_->steady_now();
    const auto deadline = begun + options_.patience;
    Findings found;
    found.landmarks = options_.landmarks.size();
    found.name_servers = options_.name_servers.size();
    TaskGroup parts{executor_, found.landmarks + found.name_servers + 1};
    for (const auto& landmark : options_.landmarks)
        parts.spawn("landmark", try_landmark(landmark, deadline, found));
    for (const auto& name_server : options_.name_servers)
        parts.spawn("name_server", ask(name_server, deadline, found));
    co_await parts.join();
    found.descriptors = descriptors_now();
    begun_ = begun;
    conclude(found);
    checked_.cancel();
}

Task<> SelfCheck::try_landmark(Landmark landmark, Deadline deadline, Findings& found) {
    const bool reached =
        co_await reachable(std::move(landmark), options_.bind_address, *resolver_, deadline);
    if (reached) ++found.landmarks_reached;
}

/// A resolver of its own: it knows this one name server alone, and has nothing in a cache.
Task<> SelfCheck::ask(std::string name_server, Deadline deadline, Findings& found) {
    ResolverOptions only;
    only.name_servers.push_back(std::move(name_server));
    Resolver resolver{executor_, *clock_, only};
    const auto result = co_await resolver.resolve(asked_name_, IpFamily::v4, deadline);
    if (answered(result)) ++found.name_servers_answering;
}

void SelfCheck::conclude(const Findings& found) {
    findings_ = found;
    why_ = blindness(found);
    if (why_.empty() && readiness_->clear(kBlind))
        log_event(*log_, LogLevel::info, "readiness.regained", kv("reason", kBlind));
    if (!why_.empty() && readiness_->set(kBlind))
        log_event(
            *log_, LogLevel::warn, "readiness.lost", kv("reason", kBlind), kv("detail", why_));
}

Task<bool> SelfCheck::blind_since(SteadyTime since) {
    const auto stop = co_await asio::this_coro::cancellation_state;
    while (judges_network() && begun_ < since) {
        if (stop.cancelled() != asio::cancellation_type::none) break;
        if (!std::exchange(wanted_, true)) turn_.cancel();
        co_await checked_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return blind();
}

}  // namespace quorate::agent
