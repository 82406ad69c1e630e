#include "tests/simulation/targets.hpp"

#include <algorithm>
#include <utility>

#include "platform/runtime/sleep.hpp"

namespace quorate::simulation {
namespace {

constexpr milliseconds kQuickLeast{10};
constexpr milliseconds kQuickMost{60};
constexpr milliseconds kSlowLeast{700};
constexpr milliseconds kSlowMost{900};
const std::string kUrlFront = "http://target.example/";

}  // namespace

std::string Targets::url_of(EndpointId endpoint) {
    return kUrlFront + std::to_string(endpoint.value());
}

EndpointId Targets::endpoint_of(const std::string& url) {
    return EndpointId{std::stoull(url.substr(kUrlFront.size()))};
}

Health Targets::health(EndpointId endpoint, RegionId region, UtcTime at) const {
    const auto found = troubles_.find(endpoint);
    if (found == troubles_.end()) return Health::up;
    auto health = Health::up;
    for (const auto& trouble : found->second) {
        const bool there = trouble.regions.empty() ||
                           std::ranges::find(trouble.regions, region) != trouble.regions.end();
        if (there && trouble.from <= at && at < trouble.until)
            health = std::max(health, trouble.health);
    }
    return health;
}

bool Targets::is_down(EndpointId endpoint, RegionId region, UtcTime at) const {
    const auto now = health(endpoint, region, at);
    return now == Health::refuses || now == Health::hangs;
}

const std::vector<Look>& Targets::looks(EndpointId endpoint, RegionId region) const {
    static const std::vector<Look> kNone;
    const auto found = looks_.find({endpoint, region});
    return found == looks_.end() ? kNone : found->second;
}

std::size_t Targets::look_count() const {
    std::size_t count = 0;
    for (const auto& [of, looks] : looks_)
        count += looks.size();
    return count;
}

Task<AttemptReport> ModelProber::attempt(EndpointId endpoint, milliseconds timeout) {
    const auto health = targets_.health(endpoint, region_, world_.utc_now());
    auto& chance = world_.chance();
    AttemptReport report;
    auto takes = chance.between(kQuickLeast, kQuickMost);
    switch (health) {
        case Health::up:
            report.verdict = Verdict::up;
            break;
        case Health::slow:
            report.verdict = Verdict::up;
            takes = chance.between(kSlowLeast, kSlowMost);
            break;
        case Health::refuses:
            report.verdict = Verdict::fail;
            report.reason = Reason::connection_refused;
            report.phase = Phase::tcp;
            break;
        case Health::hangs:
            report.verdict = Verdict::fail;
            report.reason = Reason::timeout_connect;
            report.phase = Phase::tcp;
            takes = timeout;
            break;
    }
    co_await sleep_for(takes);
    report.total_us = static_cast<std::uint32_t>(microseconds{takes}.count());
    co_return report;
}

Task<> ModelProber::probe(ProbeRequest request, ProbeReport& report) {
    const auto endpoint = Targets::endpoint_of(request.url);
    Look look{world_.utc_now(), clock_.utc_now(), Verdict::unknown, agent_};
    report.url = request.url;
    report.started = look.started;
    auto deciding = co_await attempt(endpoint, request.timeout);
    report.attempts.push_back(deciding);
    if (deciding.verdict == Verdict::fail) {
        co_await sleep_for(request.retry_gap);
        deciding = co_await attempt(endpoint, request.timeout);
        report.attempts.push_back(deciding);
        report.retried = true;
    }
    report.verdict = deciding.verdict;
    report.reason = deciding.reason;
    report.phase = deciding.phase;
    report.timings.total = deciding.total_us;
    if (deciding.verdict == Verdict::up) {
        report.http_status = 200;
        report.era = Era::modern;
        report.slow = request.slow_over_ms && *deciding.total_us > *request.slow_over_ms * 1000U;
        if (report.slow) {
            report.verdict = Verdict::slow;
            report.reason = Reason::slow;
            report.phase = Phase::tools_list;
            report.slow_phase = Phase::tools_list;
        }
    }
    look.verdict = report.verdict;
    targets_.seen(endpoint, region_, std::move(look));
}

}  // namespace quorate::simulation
