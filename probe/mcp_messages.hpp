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

/// `initialize`, which offers `version`.
McpCall make_initialize(Attempt& attempt, std::string_view version);

/// `notifications/initialized`.
McpCall make_initialized();

/// Reads name and version of the server out of a result: `serverInfo`, or the modern `_meta`.
/// @return whether both are strings
bool keep_server_info(ProbeReport& report, const boost::json::object& result);

}  // namespace quorate
