#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/probe.hpp"
#include "probe/resolver.hpp"
#include "tests/bench/probe/gauge.hpp"

namespace quorate::bench {

/// Which endpoint the engine looks at.
struct TargetOptions {
    std::string url;
    std::string network =
        "127.0.1";           ///< the URL's host is resolved to addresses of this /24, in turn
    unsigned addresses = 1;  ///< how many, from .1 on
    Era era = Era::modern;   ///< known from the last look
    std::string ca_file;
    milliseconds timeout = std::chrono::seconds{8};
};

struct LoadOptions {
    unsigned in_flight = 64;
    double rate = 0;  ///< probes per second, open loop; 0: always `in_flight` of them
    double warm_up_s = 0.5;
    double seconds = 3;
};

struct HangOptions {
    unsigned in_flight = 1000;
    double rate = 1000;  ///< probes started per second
};

/// What many probes in flight at once cost, and how punctually they end.
struct HangFigures {
    std::size_t in_flight = 0;  ///< when they were weighed
    std::size_t resident_before_kib = 0;
    std::size_t resident_kib = 0;
    std::vector<double> late_ms;  ///< sorted: how long after its timeout each probe returned

    std::string json() const;
};

/// The engine under load: one ProbeEngine on one io_context and one thread, as in an agent.
/// All functions throw std::runtime_error where a probe ends as it should not, in its own words.
class EngineBench {
public:
    explicit EngineBench(TargetOptions target);

    /// One healthy probe.
    void probe_once();
    /// Healthy probes for the time asked.
    Window load(LoadOptions options);
    /// Starts `in_flight` probes of an endpoint that accepts and never answers, weighs them while
    /// all of them wait, and lets them run into their timeout.
    HangFigures hang(HangOptions options);

private:
    /// Made ready before anything is measured, like the reference's requests.
    void prepare_requests();
    Task<> next_probe(ProbeReport& report);
    /// Runs `task` beside the others; run() rethrows what it throws.
    void spawn(Task<> task);
    void run();

    Task<> look(SteadyTime due);
    Task<> look_again_and_again();
    Task<> arrivals(LoadOptions options);
    Task<> measure(LoadOptions options);
    Task<> hang_once(HangFigures& figures);
    Task<> start_hanging(HangOptions options, HangFigures& figures);

    TargetOptions target_;
    SystemClock clock_;
    TlsContexts contexts_;
    asio::io_context io_{1};
    Resolver resolver_;
    ProbeEngine engine_;
    std::vector<ProbeRequest> requests_;  ///< one per address of the target
    std::size_t next_request_ = 0;
    std::size_t waiting_ = 0;  ///< probes in flight
    bool stopping_ = false;
    std::exception_ptr thrown_;
    Window window_;
};

}  // namespace quorate::bench
