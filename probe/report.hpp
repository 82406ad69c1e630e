#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "core/manifest/manifest_change.hpp"
#include "core/model/cell.hpp"
#include "core/model/phase.hpp"
#include "core/model/protocol.hpp"
#include "core/model/reason.hpp"
#include "core/model/verdict.hpp"
#include "core/model/warning.hpp"
#include "core/time/time.hpp"

namespace quorate {

/// How one attempt of a probe ended.
struct AttemptReport {
    Verdict verdict = Verdict::unknown;
    std::optional<Reason> reason;
    std::optional<Phase> phase;
    std::optional<std::uint32_t> total_us;
    std::string peer_address;
};

/// The tool list over all its pages.
struct ToolsReport {
    std::uint32_t count = 0;
    std::uint32_t pages = 0;
    std::vector<std::string> names;  ///< sorted
    std::string semantic_hash;       ///< 64 hexadecimal digits
    std::string full_hash;           ///< 64 hexadecimal digits
};

/// What the TLS handshake showed, also where verification failed.
struct TlsReport {
    std::string version;               ///< "TLSv1.3"; empty where the handshake did not finish
    std::optional<UtcTime> not_after;  ///< of the leaf
    std::optional<UtcTime> earliest_not_after;  ///< over the chain
    std::string issuer;                         ///< of the leaf
    int verify_code = 0;                        ///< X509_V_…; 0 is verified
    int verify_depth = 0;                       ///< where `verify_code` was found; 0 is the leaf
};

struct AuthReport {
    bool required = false;  ///< the server answered with a wall
    bool bearer = false;    ///< with a Bearer challenge (RFC 6750 section 3)
    /// Where that metadata is: as the challenge says, or the well-known place where it was found.
    std::optional<std::string> resource_metadata;
    std::optional<std::string> scope;
    std::optional<std::string> error;
    std::optional<std::string> error_description;
    bool metadata_found = false;  ///< sound metadata of the resource tells clients where to log in
};

/// What the owner's health URL said; shown, never part of the verdict.
struct HealthReport {
    std::optional<std::uint16_t> status;  ///< nothing: no answer
    std::uint32_t ms = 0;
};

/// What one probe found. Everything but `attempts`, `retried` and `started` is of the deciding
/// (last) attempt.
struct ProbeReport {
    std::string url;
    Verdict verdict = Verdict::unknown;
    std::optional<Reason> reason;  ///< set unless UP
    std::optional<Phase> phase;    ///< set where `reason` is
    std::string detail;            ///< one human sentence; hostile text is made safe

    std::optional<Era> era;
    std::string protocol_version;  ///< as negotiated
    std::string server_name;
    std::string server_version;
    std::vector<std::string> peer_versions;  ///< with protocol_version_unsupported
    std::optional<std::uint16_t> http_status;
    std::optional<std::int64_t> rpc_code;
    std::optional<std::int32_t> os_error;
    std::optional<std::uint32_t> retry_after_s;
    std::string peer_address;
    std::string final_url;  ///< where redirects led; empty without one
    bool credential_sent = false;
    bool slow = false;                ///< over the threshold; a flag of any healthy verdict
    std::optional<Phase> slow_phase;  ///< of a slow attempt: guilty_phase

    PhaseTimings timings;
    std::shared_ptr<const ToolsReport> tools;  ///< nothing where no list came
    ManifestChanges changes;                   ///< against the request's baseline
    /// Where the request asks for it and the list came; empty where a server has no tools.
    std::shared_ptr<const std::vector<boost::json::object>> tool_list;
    bool list_has_credential = false;      ///< of ours, sent back: `tool_list` was dropped
    std::shared_ptr<const TlsReport> tls;  ///< nothing without a handshake
    AuthReport auth;
    std::optional<HealthReport> health;
    Warnings warnings;

    UtcTime started;  ///< of the first attempt
    bool retried = false;
    std::vector<AttemptReport> attempts;
};

}  // namespace quorate
