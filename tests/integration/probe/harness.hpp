#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "platform/runtime/clock.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/probe.hpp"
#include "probe/resolver.hpp"

namespace quorate {

/// The system's clock, put forward by a test.
class ShiftedClock final : public Clock {
public:
    UtcTime utc_now() const override {
        return system_.utc_now() + std::chrono::duration_cast<microseconds>(shift_);
    }
    SteadyTime steady_now() const override { return system_.steady_now() + shift_; }
    void pass(milliseconds time) { shift_ += time; }

private:
    SystemClock system_;
    milliseconds shift_{0};
};

/// A probe engine with its loop, for one test.
class ProbeHarness {
public:
    explicit ProbeHarness(const ResolverOptions& options = {})
        : resolver_{io_.get_executor(), clock_, options} {}

    /// Lets that much time pass between probes, for what is kept from one to the next.
    void pass(milliseconds time) { clock_.pass(time); }
    TlsContexts& contexts() { return contexts_; }
    /// Runs one probe to its end and gives its report.
    ProbeReport probe(ProbeRequest request);
    /// Runs them at once; their reports come in the order in which they end.
    std::vector<ProbeReport> probe_together(std::vector<ProbeRequest> requests);
    /// As probe(), with a call between any two handlers of the loop, which never sleeps meanwhile.
    ProbeReport probe_between(ProbeRequest request, const std::function<void()>& between);
    /// As probe(), cancelled after `delay`, and once more so much later where that is given.
    ProbeReport probe_cancelled_after(ProbeRequest request,
                                      milliseconds delay,
                                      std::optional<milliseconds> again_after = std::nullopt);

private:
    boost::asio::io_context io_{1};
    ShiftedClock clock_;
    TlsContexts contexts_;
    Resolver resolver_;
    ProbeEngine engine_{clock_, contexts_, resolver_};
};

/// A request to `url` that fits tests: loopback allowed, 2 s of time, a retry after 20 ms.
ProbeRequest request_for(const std::string& url);

/// The names in one line, for EXPECT_EQ with a readable difference.
std::string name_or_none(const std::optional<Reason>& reason);
std::string name_or_none(const std::optional<Phase>& phase);

}  // namespace quorate
