#include "region-agent/intake/job_runner.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

namespace quorate::agent {
namespace {

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

ProbeRequest to_request(const Job& job, const ProbeSettings& settings) {
    ProbeRequest request;
    request.url = job.url;
    request.timeout = job.timeout;
    request.retry_gap = job.retry_gap;
    request.era = job.era;
    request.era_hint = job.era_hint;
    request.ip = job.ip;
    request.expect = job.expect;
    request.canary = job.canary;
    request.headers = job.headers;
    request.health_url = job.health_url;
    request.slow_over_ms = job.slow_over_ms;
    request.ca_file = settings.ca_file;
    request.bind_address = settings.bind_address;
    request.guard.allow_private = settings.allow_private_addresses;
    request.guard.allow_loopback_literal = settings.allow_private_addresses;
    return request;
}

JobRunner::JobRunner(ProbeEngine& engine,
                     const RedisClock& clock,
                     Logger& log,
                     ProbeSettings settings)
    : engine_{&engine}, clock_{&clock}, log_{&log}, settings_{std::move(settings)} {}

Task<std::optional<Cell>> JobRunner::run(Job job, microseconds lag) {
    std::optional<Cell> cell;
    if (clock_->skewed())
        cell = unknown(Reason::clock_skew, "The agent's clock is more than 10 s off Redis's");
    else if (clock_->utc_now() > job.not_after)
        cell = unknown(Reason::missed_window, "The job came too late to be started");
    else
        cell = co_await look(job);
    if (!cell) co_return std::nullopt;
    cell->key = job.key;
    cell->agent = settings_.agent;
    cell->slow_over_ms = job.slow_over_ms;
    cell->agent_lag_us = clamp_us(lag);
    cell->job = job.id;
    cell->trace_id = job.trace_id;
    co_return cell;
}

Task<std::optional<Cell>> JobRunner::look(const Job& job) {
    auto request = to_request(job, settings_);
    auto asked = request;
    ++probes_;
    try {
        const auto report = co_await engine_->probe(std::move(asked));
        const bool cancelled = report.reason == Reason::aborted;
        if (cancelled) co_return std::nullopt;
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
        co_return to_cell(report, request);
    } catch (const std::exception& error) {
        // A fault of ours must cost one cell, not the agent.
        log_event(*log_,
                  LogLevel::error,
                  "probe.broke",
                  kv("endpoint_id", job.key.endpoint),
                  kv("job", job.id),
                  kv("detail", error.what()));
    }
    co_return unknown(Reason::agent_unhealthy, "The agent could not run the probe");
}

}  // namespace quorate::agent
