#pragma once

#include <span>
#include <string>

#include "core/model/reason.hpp"
#include "probe/dns_answer.hpp"

namespace quorate {

/// What it comes to that none of the name servers that were asked has settled a question.
///
/// A failing lookup has two suspects, the endpoint's zone and our own name server, and a name
/// server cannot vouch for itself. So the endpoint is blamed only where two of them fail *in the
/// same way*:
///
/// | the name servers                             | reason                                    |
/// |----------------------------------------------|-------------------------------------------|
/// | two or more answer SERVFAIL, REFUSED, FORMERR | `dns_server_failure`                      |
/// | else, two or more are silent                  | `dns_timeout`                             |
/// | one fails, one is silent                      | `agent_unhealthy`: each says another thing |
/// | one fails or is silent, one is unreachable    | `agent_unhealthy`: one witness is none    |
/// | there is only one                             | `agent_unhealthy`                         |
/// | none could be reached                         | `agent_unhealthy`                         |
///
/// An answer with addresses, NXDOMAIN or NODATA is never looked at here: it settles the question,
/// whatever others said before or would say. NXDOMAIN of one server is believed without a second
/// opinion, as every other client behind it would; where it was wrong, attempt 2 asks the other one
/// (see Resolver::resolve).
Reason reason_of(std::span<const DnsSays> witnesses);

/// The same for people: "of 2 name servers, 1 failed, 1 was silent".
std::string describe(std::span<const DnsSays> witnesses);

}  // namespace quorate
