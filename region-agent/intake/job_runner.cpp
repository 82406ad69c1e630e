#include "region-agent/intake/job_runner.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "core/base/sha256.hpp"
#include "core/manifest/manifest.hpp"

namespace quorate::agent {
namespace {

/// How long before its end the probe's first attempt had failed: a self-check that began since then
/// saw the network that the second one saw.
microseconds since_first_failure(const ProbeReport& report, milliseconds retry_gap) {
    if (report.attempts.size() < 2) return microseconds{0};
    return retry_gap + microseconds{report.attempts.back().total_us.value_or(0)};
}

int percent(double part) {
    return static_cast<int>(std::lround(part * 100));
}

Refusal skewed() {
    return {Reason::clock_skew, "The agent's clock is more than 10 s off Redis's"};
}

Cell unknown(Reason reason, std::string detail) {
    Cell cell;
    cell.verdict = Verdict::unknown;
    cell.reason = reason;
    cell.detail = std::move(detail);
    return cell;
}

std::uint32_t clamp_us(microseconds duration) {
    constexpr auto kMax = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(duration.count(), 0, kMax));
}

}  // namespace

ProbeRequest to_request(const Job& job, const ProbeSettings& settings, const Clock& clock) {
    ProbeRequest request;
    const auto budget = 2 * job.timeout + job.retry_gap;
    request.report_by = clock.steady_now() + (job.not_after + budget - clock.utc_now());
    request.url = job.url;
    request.timeout = job.timeout;
    request.retry_gap = job.retry_gap;
    request.era = job.era;
    request.era_hint = job.era_hint;
    request.detect_era = job.detect_era;
    request.ip = job.ip;
    request.expect = job.expect;
    request.canary = job.canary;
    request.headers = job.headers;
    request.health_url = job.health_url;
    request.slow_over_ms = job.slow_over_ms;
    request.usual = job.usual;
    request.ca_file = settings.ca_file;
    request.bind_address = settings.bind_address;
    request.guard.allow_private = settings.allow_private_addresses;
    request.guard.allow_loopback_literal = settings.allow_private_addresses;
    return request;
}

JobRunner::JobRunner(
    Prober& prober, const RedisClock& clock, Logger& log, ProbeSettings settings, SelfView self)
    : prober_{&prober}, clock_{&clock}, log_{&log}, settings_{std::move(settings)}, self_{self} {}

std::optional<Refusal> JobRunner::refusal(const Job& job) const {
    if (clock_->skewed()) return skewed();
    if (clock_->utc_now() > job.not_after)
        return Refusal{Reason::missed_window, "The job came too late to be started"};
    if (job.held_back == HeldBack::origin)
        return Refusal{Reason::backpressure,
                       "Held back to spare the server's origin: it has more endpoints than it may "
                       "be asked for"};
    if (job.held_back == HeldBack::tenant)
        return Refusal{Reason::backpressure,
                       "Held back: the tenant has more endpoints than its tier allows"};
    return unfit();
}

std::optional<Refusal> JobRunner::unfit() const {
    if (clock_->skewed()) return skewed();
    if (self_.check.blind())
        return Refusal{Reason::agent_unhealthy, "The agent is blind: " + self_.check.why()};
    if (self_.load.overloaded()) {
        const auto load = std::to_string(percent(self_.load.load()));
        const auto most = std::to_string(percent(self_.load.load_max()));
        return Refusal{Reason::backpressure,
                       "The agent uses " + load + " % of its CPU; above " + most +
                           " % it would measure itself"};
    }
    return std::nullopt;
}

void JobRunner::sign(Cell& cell, const Job& job, microseconds lag) const {
    cell.key = job.key;
    cell.agent = settings_.agent;
    cell.slow_over_ms = job.slow_over_ms;
    cell.agent_lag_us = clamp_us(lag);
    cell.job = job.id;
    cell.trace_id = job.trace_id;
}

Cell JobRunner::refused(const Job& job, Refusal why) const {
    auto cell = unknown(why.reason, std::move(why.detail));
    sign(cell, job, self_.lag.worst());
    return cell;
}

/// The cell of a job whose endpoint wants to be left alone for now.
std::optional<Cell> JobRunner::held_off(const Job& job) {
    const auto left = turns_.held_off(job.key.endpoint, job.url, clock_->steady_now());
    if (!left) return std::nullopt;
    auto cell = refused(job,
                        {Reason::rate_limited,
                         "The server answered 429 and asked to be left alone; it was not probed"});
    cell.retry_after_s = static_cast<std::uint32_t>(left->count());
    return cell;
}

void JobRunner::keep_hold(const Job& job, std::chrono::seconds wait) {
    turns_.hold_off(job.key.endpoint, job.url, clock_->steady_now(), wait);
    const auto longest = std::min(wait, EndpointTurns::kHoldMax);
    if (told_hold_)
        told_hold_({job.key.endpoint, stable_hash(job.url), clock_->utc_now() + longest});
}

void JobRunner::hold_off(const Hold& hold) {
    const auto left = std::chrono::ceil<milliseconds>(hold.until - clock_->utc_now());
    if (left > milliseconds{0})
        turns_.hold_off(hold.endpoint, hold.url, clock_->steady_now(), left);
}

Task<std::optional<Cell>> JobRunner::run(Job job) {
    const auto endpoint = job.key.endpoint;
    const bool ours = co_await turns_.wait(endpoint);
    if (!ours) co_return std::nullopt;
    const EndpointTurns::Turn turn{turns_, endpoint};
    co_return co_await take(std::move(job));
}

Task<std::optional<Cell>> JobRunner::run_beside(Job job) {
    const bool alone = co_await turns_.wait(job.key.endpoint);
    if (!alone) co_return std::nullopt;
    co_return co_await take(std::move(job));
}

Task<std::optional<Cell>> JobRunner::take(Job job) {
    if (auto why = refusal(job)) co_return refused(job, *std::move(why));
    if (auto held = held_off(job)) co_return held;
    const auto begun = clock_->steady_now();
    auto cell = co_await look(job);
    if (cell) sign(*cell, job, self_.lag.worst_since(begun));
    co_return cell;
}

/// Servers that answered are there; where nothing did, a check that is recent enough decides.
Task<bool> JobRunner::fails_by_our_fault(const ProbeReport& report, milliseconds retry_gap) {
    if (report.verdict != Verdict::fail) co_return false;
    if (report.http_status) co_return self_.check.blind();
    const auto since = clock_->steady_now() - since_first_failure(report, retry_gap);
    const bool blind = co_await self_.check.blind_since(since);
    co_return blind;
}

void JobRunner::ask_for_list(ProbeRequest& request, EndpointId endpoint) {
    if (shelf_ == nullptr) return;
    const auto now = clock_->steady_now();
    request.keep_tools = shelf_->owes(endpoint, now);
    request.wants_tools = [this, endpoint, now](std::string_view full_hash) {
        return shelf_->wants(endpoint, full_hash, now);
    };
}

/// On its way before the cell that names it.
void JobRunner::keep_list(const ProbeReport& report, EndpointId endpoint) {
    if (shelf_ == nullptr || !report.tools) return;
    if (report.list_has_credential) shelf_->withhold(endpoint, report.tools->full_hash);
    if (!report.tool_list) return;
    shelf_->put(endpoint, report.tools->full_hash, manifest_text(*report.tool_list));
}

/// In clear from here to the end of the probe. @return why there is none
std::optional<Refusal> JobRunner::add_credentials(const Job& job, ProbeRequest& request) const {
    if (!job.wants_credentials) return std::nullopt;
    static const Strongroom kEmpty;
    auto opened = (strongroom_ == nullptr ? kEmpty : *strongroom_).open(job);
    if (!opened.why_not.empty())
        return Refusal{Reason::auth_token_unavailable, std::move(opened.why_not)};
    request.credentials = std::move(opened.headers);
    request.tls = std::move(opened.tls);
    return std::nullopt;
}

Task<std::optional<Cell>> JobRunner::look(const Job& job) {
    auto request = to_request(job, settings_, *clock_);
    if (auto refused = add_credentials(job, request)) {
        auto cell = unknown(refused->reason, std::move(refused->detail));
        cell.phase = Phase::config;
        co_return cell;
    }
    ask_for_list(request, job.key.endpoint);
    auto asked = request;
    const auto stop = co_await asio::this_coro::cancellation_state;
    ++probes_;
    try {
        ProbeReport report;
        co_await prober_->probe(std::move(asked), report);
        if (report.reason == Reason::aborted) co_return std::nullopt;
        if (report.reason == Reason::rate_limited && report.retry_after_s)
            keep_hold(job, std::chrono::seconds{*report.retry_after_s});
        const bool ours = co_await fails_by_our_fault(report, job.retry_gap);
        // Cancelled before a check could tell: another agent shall look again.
        const bool cancelled = stop.cancelled() != asio::cancellation_type::none;
        if (cancelled && report.verdict == Verdict::fail) co_return std::nullopt;
        log_event(*log_,
                  LogLevel::debug,
                  "probe.finished",
                  kv("endpoint", job.tenant + "/" + job.name),
                  kv("endpoint_id", job.key.endpoint),
                  kv("region", job.region),
                  kv("minute", job.key.minute),
                  kv("job", job.id),
                  kv("trace_id", job.trace_id),
                  kv("verdict", name_of(report.verdict)),
                  kv("reason", report.reason ? name_of(*report.reason) : std::string_view{}));
        if (ours)
            co_return unknown(Reason::agent_unhealthy,
                              "Failed while the agent is blind: " + self_.check.why());
        keep_list(report, job.key.endpoint);
        co_return to_cell(report, request);
    } catch (const std::exception& error) {
        // A fault of ours must cost one cell, not the agent.
        log_event(*log_,
                  LogLevel::error,
                  "probe.broke",
                  kv("endpoint", job.tenant + "/" + job.name),
                  kv("endpoint_id", job.key.endpoint),
                  kv("region", job.region),
                  kv("minute", job.key.minute),
                  kv("job", job.id),
                  kv("trace_id", job.trace_id),
                  kv("detail", error.what()));
    }
    co_return unknown(Reason::agent_unhealthy, "The agent could not run the probe");
}

}  // namespace quorate::agent
