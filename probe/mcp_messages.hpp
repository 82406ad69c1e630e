#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "probe/call.hpp"

namespace quorate {

/// The next message of an attempt: a request with the next id, in the form of the attempt's era
/// (modern ones carry version, client and capabilities in `params._meta`).
McpCall make_request(Attempt& attempt,
                     Phase phase,
                     std::string_view method,
                     boost::json::object params = {});

/// The members of `params._meta` that every modern message carries, as a JSON object.
std::string client_meta(const ProbeEngineOptions& options);

/// `initialize`, which offers `version`.
McpCall make_initialize(Attempt& attempt, std::string_view version);

/// `notifications/initialized`.
McpCall make_initialized();

struct ServerInfo {
    std::string name;  ///< made safe
    std::string version;
    bool complete = false;  ///< both are strings
};

/// Name and version of the server in a result: `serverInfo`, or the modern `_meta`.
ServerInfo server_info_of(const boost::json::object& result);

}  // namespace quorate
