// Rows of what name servers say: two of ours, since real ones do not fail on request.
#include <utility>

#include "tests/integration/probe/asker.hpp"
#include "tests/integration/probe/dns_script.hpp"
#include "tests/integration/probe/reason_row.hpp"

namespace quorate {
namespace {

/// A probe of a name of which two name servers say these things.
Outcome probe_by(const DnsScript::Say& first_says, const DnsScript::Say& second_says) {
    DnsScript first;
    DnsScript second;
    first.on("mcp.test", first_says);
    second.on("mcp.test", second_says);
    ProbeHarness harness{asking({first.address(), second.address()})};
    return Outcome::of(harness.probe(request_for("http://mcp.test/mcp")));
}

DnsScript::Say saying(DnsReply reply) {
    return [reply = std::move(reply)](const DnsQuestion&) { return reply; };
}

std::optional<DnsReply> nothing(const DnsQuestion&) {
    return std::nullopt;
}

ReasonRow row(Reason reason, std::string how, DnsScript::Say first, DnsScript::Say second) {
    const bool ours = reason == Reason::agent_unhealthy;
    return {reason,
            ours ? Verdict::unknown : Verdict::fail,
            Phase::dns,
            Provoker::scripted,
            std::move(how),
            [first = std::move(first), second = std::move(second)](ReasonBench&) {
                return probe_by(first, second);
            }};
}

}  // namespace

std::vector<ReasonRow> dns_rows() {
    const auto no_such_name = saying({.rcode = kNxDomain});
    const auto no_address = saying({});
    const auto fails = saying({.rcode = kServFail});
    return {
        row(Reason::dns_nxdomain, "two name servers know no such name", no_such_name, no_such_name),
        row(Reason::dns_no_address, "the name has no address", no_address, no_address),
        row(Reason::dns_server_failure, "SERVFAIL of two name servers", fails, fails),
        row(Reason::dns_timeout, "two silent name servers", nothing, nothing),
        row(Reason::agent_unhealthy,
            "SERVFAIL of one name server, the other silent",
            fails,
            nothing),
    };
}

}  // namespace quorate
