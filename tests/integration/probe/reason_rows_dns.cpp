// Rows of what name servers say. They wait for the name server that the resolver's tests bring.
#include "tests/integration/probe/reason_row.hpp"

namespace quorate {
namespace {

ReasonRow waiting_row(Reason reason, std::string how) {
    return {
        reason, Verdict::fail, Phase::dns, Provoker::scripted, std::move(how), [](ReasonBench&) {
            Outcome outcome;
            outcome.skipped = "no name server of ours yet";
            return outcome;
        }};
}

}  // namespace

std::vector<ReasonRow> dns_rows() {
    return {
        waiting_row(Reason::dns_nxdomain, "two name servers know no such name"),
        waiting_row(Reason::dns_no_address, "the name has no address"),
        waiting_row(Reason::dns_server_failure, "SERVFAIL of two name servers"),
        waiting_row(Reason::dns_timeout, "two silent name servers"),
    };
}

}  // namespace quorate
