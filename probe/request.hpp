#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "core/model/endpoint.hpp"
#include "core/model/protocol.hpp"
#include "core/model/usual_times.hpp"
#include "core/time/time.hpp"
#include "platform/crypto/secret_bytes.hpp"

namespace quorate {

/// Which peer addresses a probe may connect to beyond the public internet.
struct GuardPolicy {
    bool allow_loopback_literal = false;  ///< 127.0.0.1, [::1] or localhost, written in the URL
    bool allow_private = false;  ///< loopback, private, link-local, CGNAT, ULA, also by name
};

/// An address to use for one host and port in place of asking DNS; it passes the guard like any
/// other.
struct ResolveOverride {
    std::string host;
    std::uint16_t port = 0;
    std::string address;
};

/// Gets one line per event on the wire, and of every message: the attempt, the time since its
/// start, what happened. What the owner's headers hold is masked, also where the server sends it
/// back; text of the peer is already made safe. Called on the probe's executor.
using TraceSink = std::function<void(unsigned attempt, microseconds at, std::string_view line)>;

/// A header whose value is a secret of the owner's, whatever its name.
struct SecretHeader {
    std::string name;
    SecretBytes value;
};
/// Wiped when the last who holds it lets go.
using SecretHeaders = std::vector<SecretHeader>;

/// What the endpoint's own TLS takes, in PEM; for other origins it is not used.
struct TlsSecrets {
    SecretBytes authorities;  ///< that alone may sign the server; empty: those of all
    SecretBytes client;       ///< our certificate, its chain and its key; empty: none
};

/// A tool list to compare with. It holds for one era, credential and set of capabilities: the probe
/// declares none of these, and that the credential is the same is the caller's to see to.
struct ToolListBaseline {
    Era era = Era::modern;
    std::vector<boost::json::object> tools;
};

/// The order for one look at one endpoint.
struct ProbeRequest {
    std::string url;
    milliseconds timeout = std::chrono::seconds{8};  ///< of one attempt, up to the verdict
    milliseconds retry_gap = std::chrono::seconds{2};
    bool retry = true;  ///< one fresh attempt where the first FAILs
    /// When the report is waited for. Cleaning up after the last attempt then takes no longer, but
    /// for 200 ms that it always has.
    Deadline report_by = Deadline::max();
    EraMode era = EraMode::automatic;
    std::optional<Era> era_hint;  ///< last known era; wrong hints cost one detection, nothing else
    bool detect_era = false;      ///< take the hint for what was known alone, and find out anew
    IpFamily ip = IpFamily::any;
    Expectations expect;
    std::optional<Canary> canary;
    std::vector<std::pair<std::string, std::string>>
        headers;                                       ///< of a one-shot probe with the credential
    std::shared_ptr<const SecretHeaders> credentials;  ///< sent beside the headers; null: none
    std::shared_ptr<const TlsSecrets> tls;             ///< null: none
    std::string health_url;
    std::optional<std::uint32_t> slow_over_ms;
    std::optional<UsualTimes> usual;  ///< what the phases take usually, to name the guilty one
    std::string ca_file;              ///< PEM, beside the system's; empty: the system's alone
    std::string bind_address;         ///< source address; empty: the kernel's choice
    std::vector<ResolveOverride> overrides;
    GuardPolicy guard;
    std::shared_ptr<const ToolListBaseline> baseline;  ///< another contract is `schema_drift`
    bool keep_tools = false;                           ///< the report has the list itself
    /// Asked of a list that had to be read, as its answer is not one that is known by its text:
    /// whether the report shall have it although `keep_tools` is not set.
    std::function<bool(std::string_view full_hash)> wants_tools;
    TraceSink trace;
};

}  // namespace quorate
