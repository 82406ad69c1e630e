#include "tests/bench/probe/engine_bench.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>

#include "core/model/http_url.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate::bench {
namespace {

std::chrono::nanoseconds in_ns(double seconds) {
    return std::chrono::nanoseconds{static_cast<long>(seconds * 1e9)};
}

/// What the target answers makes no other report than this one.
void expect_healthy(const ProbeReport& report) {
    const bool healthy = report.verdict == Verdict::up && report.attempts.size() == 1 &&
                         report.tools && report.tools->count == 2;
    if (!healthy)
        throw std::runtime_error{
            fmt::format("a probe of {} that should be UP: {}", report.url, report.detail)};
}

}  // namespace

std::string HangFigures::json() const {
    const auto grown = static_cast<double>(resident_kib) - static_cast<double>(resident_before_kib);
    return fmt::format(R"({{"in_flight": {}, "kib_per_probe": {:.3f}, "late_ms_p50": {:.3f}, )"
                       R"("late_ms_max": {:.3f}, "resident_kib": {}}})",
                       in_flight,
                       grown / static_cast<double>(std::max<std::size_t>(in_flight, 1)),
                       late_ms.empty() ? 0.0 : late_ms[late_ms.size() / 2],
                       late_ms.empty() ? 0.0 : late_ms.back(),
                       resident_kib);
}

EngineBench::EngineBench(TargetOptions target)
    : target_{std::move(target)},
      resolver_{io_.get_executor(), clock_, ResolverOptions{}},
      engine_{clock_, contexts_, resolver_} {
    contexts_.trusting(target_.ca_file);  // read once, before anything is measured
    prepare_requests();
}

void EngineBench::prepare_requests() {
    const auto url = parse_http_url(target_.url);
    if (!url) throw std::runtime_error{url.error().detail};
    ProbeRequest request;
    request.url = target_.url;
    request.timeout = target_.timeout;
    request.retry = false;
    request.era_hint = target_.era;
    request.ca_file = target_.ca_file;
    request.guard.allow_private = true;
    for (unsigned i = 1; i <= target_.addresses; ++i) {
        request.overrides = {{url->host, url->port, fmt::format("{}.{}", target_.network, i)}};
        requests_.push_back(request);
    }
}

/// No coroutine: its frame would hold the request a second time.
Task<> EngineBench::next_probe(ProbeReport& report) {
    const auto& request = requests_[next_request_];
    next_request_ = (next_request_ + 1) % requests_.size();
    return engine_.probe(request, report);
}

void EngineBench::spawn(Task<> task) {
    asio::co_spawn(io_, std::move(task), [this](std::exception_ptr thrown) {
        if (thrown && !thrown_) thrown_ = std::move(thrown);
        if (thrown_) stopping_ = true;
    });
}

void EngineBench::run() {
    io_.restart();
    io_.run();
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void EngineBench::probe_once() {
    spawn(look(clock_.steady_now()));
    run();
}

Task<> EngineBench::look(SteadyTime due) {
    ++waiting_;
    ProbeReport report;
    co_await next_probe(report);
    --waiting_;
    expect_healthy(report);
    window_.add(clock_.steady_now() - due);
}

Task<> EngineBench::look_again_and_again() {
    while (!stopping_)
        co_await look(clock_.steady_now());
}

Task<> EngineBench::arrivals(LoadOptions options) {
    const auto gap = in_ns(1 / options.rate);
    for (auto due = clock_.steady_now(); !stopping_; due += gap) {
        if (clock_.steady_now() < due) co_await sleep_until(due);
        spawn(look(due));
    }
}

Task<> EngineBench::measure(LoadOptions options) {
    const auto began = clock_.steady_now();
    co_await sleep_until(began + in_ns(options.warm_up_s));
    window_.open(clock_.steady_now());
    co_await sleep_until(began + in_ns(options.warm_up_s + options.seconds));
    window_.close(clock_.steady_now());
    stopping_ = true;
}

Window EngineBench::load(LoadOptions options) {
    stopping_ = false;
    window_ = {};
    spawn(measure(options));
    if (options.rate > 0)
        spawn(arrivals(options));
    else
        for (unsigned i = 0; i < options.in_flight; ++i)
            spawn(look_again_and_again());
    run();
    return std::move(window_);
}

Task<> EngineBench::hang_once(HangFigures& figures) {
    const auto deadline = clock_.steady_now() + target_.timeout;
    ++waiting_;
    ProbeReport report;
    co_await next_probe(report);
    --waiting_;
    if (report.reason != Reason::timeout_headers)
        throw std::runtime_error{"a probe that should hang until its timeout: " + report.detail};
    const std::chrono::duration<double, std::milli> late = clock_.steady_now() - deadline;
    figures.late_ms.push_back(late.count());
}

Task<> EngineBench::start_hanging(HangOptions options, HangFigures& figures) {
    figures.resident_before_kib = resident_kib();
    const auto began = clock_.steady_now();
    for (unsigned i = 0; i < options.in_flight && !stopping_; ++i) {
        co_await sleep_until(began + in_ns(i / options.rate));
        spawn(hang_once(figures));
    }
    // The last ones finish their handshake while the first still wait.
    co_await sleep_for(milliseconds{500});
    figures.in_flight = waiting_;
    figures.resident_kib = resident_kib();
}

HangFigures EngineBench::hang(HangOptions options) {
    const auto ramp = in_ns(options.in_flight / options.rate) + std::chrono::seconds{1};
    if (ramp > target_.timeout)
        throw std::runtime_error{"the first probe would end before the last one starts"};
    stopping_ = false;
    HangFigures figures;
    figures.late_ms.reserve(options.in_flight);
    spawn(start_hanging(options, figures));
    run();
    std::sort(figures.late_ms.begin(), figures.late_ms.end());
    if (figures.in_flight != options.in_flight)
        throw std::runtime_error{fmt::format(
            "only {} of {} probes were in flight at once", figures.in_flight, options.in_flight)};
    return figures;
}

}  // namespace quorate::bench
