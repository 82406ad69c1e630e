#include "platform/heartbeat/heartbeat.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "platform/runtime/sleep.hpp"
#include "platform/runtime/within.hpp"

namespace quorate {
namespace {

constexpr milliseconds kCallMax{10'000};
constexpr milliseconds kLookEvery{500};

}  // namespace

HeartbeatCaller::HeartbeatCaller(const HeartbeatSettings& settings,
                                 Metrics& metrics,
                                 const Clock& clock,
                                 Logger& log,
                                 Trouble trouble)
    : url_{parse_http_url(settings.url)},
      interval_{settings.interval},
      ca_file_{settings.ca_file.string()},
      clock_{clock},
      log_{log},
      trouble_{std::move(trouble)},
      calls_{metrics.counters("quorate_heartbeat_calls_total",
                              "Calls of the dead man's switch: answered (2xx), failed.",
                              {"outcome"})},
      succeeded_at_{metrics.gauge("quorate_heartbeat_success_timestamp_seconds",
                                  "When the dead man's switch answered last; 0: never.")} {}

Task<> HeartbeatCaller::run() {
    while (url_) {
        co_await until_well();
        const auto next = clock_.steady_now() + interval_;
        const auto failure = co_await call();
        note(failure);
        co_await sleep_until(next);
    }
}

Task<> HeartbeatCaller::until_well() {
    for (auto why = trouble_(); !why.empty(); why = trouble_()) {
        // A daemon that has just started is not well yet, and that is no news.
        if (answered_ && !std::exchange(withheld_, true))
            log_event(log_, LogLevel::warn, "heartbeat.withheld", kv("detail", why));
        co_await sleep_for(kLookEvery);
    }
    if (std::exchange(withheld_, false)) log_event(log_, LogLevel::info, "heartbeat.resumed");
}

/// @return why it failed; empty: it was answered.
Task<std::string> HeartbeatCaller::call() {
    std::string failure;
    try {
        auto getting = http_get_status(*url_, ca_file_);
        const auto status = co_await within(clock_.steady_now() + kCallMax, std::move(getting));
        if (!status)
            failure = "no answer within 10 s";
        else if (*status / 100 != 2)
            failure = "HTTP status " + std::to_string(*status);
    } catch (const boost::system::system_error& error) {
        if (error.code() == asio::error::operation_aborted) throw;
        failure = error.code().message();
    } catch (const std::runtime_error& error) {
        failure = error.what();
    }
    co_return failure;
}

void HeartbeatCaller::note(const std::string& failure) {
    const bool answered = failure.empty();
    calls_.with({answered ? "answered" : "failed"}).add();
    if (answered)
        succeeded_at_.set(
            std::chrono::duration<double>(clock_.utc_now().time_since_epoch()).count());
    if (std::exchange(answered_, answered) == answered) return;
    if (answered)
        log_event(log_, LogLevel::info, "heartbeat.answered");
    else
        log_event(log_, LogLevel::warn, "heartbeat.failed", kv("detail", failure));
}

}  // namespace quorate
