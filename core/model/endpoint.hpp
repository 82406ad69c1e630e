#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/enum_names.hpp"
#include "core/base/ids.hpp"
#include "core/model/protocol.hpp"
#include "core/time/time.hpp"

namespace quorate {

/// How many failing regions make a P1.
enum class P1Quorum : std::uint8_t { two = 0, majority = 1, all = 2 };

inline constexpr std::array kP1QuorumNames{
    EnumName<P1Quorum>{P1Quorum::two, "2"},
    EnumName<P1Quorum>{P1Quorum::majority, "majority"},
    EnumName<P1Quorum>{P1Quorum::all, "all"},
};
constexpr std::string_view name_of(P1Quorum quorum) {
    return enum_name(kP1QuorumNames, quorum);
}
constexpr std::optional<P1Quorum> p1_quorum_named(std::string_view name) {
    return enum_value(kP1QuorumNames, name);
}

/// A value written in the endpoint file, or the name of a secret that holds it.
struct Credential {
    std::string value;   ///< the literal; empty when `secret` names one
    std::string secret;  ///< name of a secret of the tenant; empty for a literal
    friend bool operator==(const Credential&, const Credential&) = default;
};

/// What the owner wrote down about the tools and the wall.
struct Expectations {
    std::vector<std::string> tools;
    bool required = true;  ///< an unmet expectation is FAIL, else DEGRADED
    bool auth_wall = false;
    friend bool operator==(const Expectations&, const Expectations&) = default;
};

/// One assertion on a canary's answer, as text: a JSONPath subset, an operator of
/// `== >= <= contains is`, and a JSON value.
struct CanaryAssertion {
    std::string path;
    std::string op;
    std::string value_json;
    friend bool operator==(const CanaryAssertion&, const CanaryAssertion&) = default;
};

struct Canary {
    std::string tool;
    std::string arguments_json = "{}";
    std::vector<CanaryAssertion> assertions;
    bool required = true;
    friend bool operator==(const Canary&, const Canary&) = default;
};

/// What we watch: URL, expectations, schedule, as its owner wrote it. The catalogue stores it; the
/// job carries what an agent needs of it.
struct EndpointSpec {
    std::string tenant = "default";
    std::string name;
    std::string url;
    std::vector<std::string> regions;      ///< sorted by name; empty: all configured regions
    std::optional<milliseconds> interval;  ///< nothing: the window
    milliseconds timeout = std::chrono::seconds{8};
    EraMode era = EraMode::automatic;
    IpFamily ip = IpFamily::any;
    P1Quorum p1_quorum = P1Quorum::two;
    std::optional<milliseconds> latency_slo;
    Expectations expect;
    std::optional<Canary> canary;
    std::optional<Credential> bearer;
    std::map<std::string, Credential> headers;
    std::string tls_ca_secret;
    std::string tls_client_secret;
    std::string health_url;
    std::map<std::string, std::string> labels;
    bool paused = false;
    friend bool operator==(const EndpointSpec&, const EndpointSpec&) = default;
};

/// `tenant/name`: how people and logs call an endpoint, and what its stable hash is taken over.
inline std::string full_name(const EndpointSpec& spec) {
    return spec.tenant + "/" + spec.name;
}

}  // namespace quorate
