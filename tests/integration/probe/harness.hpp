#pragma once

#include <string>

#include <boost/asio/io_context.hpp>

#include "platform/runtime/clock.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/probe.hpp"
#include "probe/resolver.hpp"

namespace quorate {

/// A probe engine with its loop, for one test.
class ProbeHarness {
public:
    /// Runs one probe to its end and gives its report.
    ProbeReport probe(ProbeRequest request);
    /// As probe(), cancelled after `delay`.
    ProbeReport probe_cancelled_after(ProbeRequest request, milliseconds delay);

private:
    boost::asio::io_context io_{1};
    SystemClock clock_;
    TlsContexts contexts_;
    Resolver resolver_{io_.get_executor(), ResolverOptions{}};
    ProbeEngine engine_{clock_, contexts_, resolver_};
};

/// A request to `url` that fits tests: loopback allowed, 2 s of time, a retry after 20 ms.
ProbeRequest request_for(const std::string& url);

/// The names in one line, for EXPECT_EQ with a readable difference.
std::string name_or_none(const std::optional<Reason>& reason);
std::string name_or_none(const std::optional<Phase>& phase);

}  // namespace quorate
