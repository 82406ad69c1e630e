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

/// What `resultType` says of a result of the modern era: a missing one is warned about, one other
/// than `complete` is `protocol_invalid_result`.
Result<void> check_result_type(const boost::json::object& result, Phase phase, Warnings& warnings);

/// Warns where a list of the modern era has no `ttlMs` from 0 up, or no string `cacheScope`.
void check_cache_hints(const boost::json::object& result, Warnings& warnings);

/// Whether an event stream of the modern era ended without the answer: it can't be resumed, so a
/// client sends its request again, with a new id.
bool is_lost_stream(const Attempt& attempt, const Failure& failure);

/// Whether `id` is 1*(0x21..0x7E), as the specification wants it.
bool is_session_id(std::string_view id);

}  // namespace quorate
