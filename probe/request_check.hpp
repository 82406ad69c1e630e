#pragma once

#include <string_view>

#include "core/model/failure.hpp"
#include "core/model/http_url.hpp"
#include "probe/request.hpp"

namespace quorate {

/// Checks everything in a request that a probe could stumble over later.
/// @return the URL; or `config_invalid` with one sentence that names what is wrong
Result<HttpUrl> check_request(const ProbeRequest& request);

/// Whether a header of that name is a credential (`Authorization`, `X-API-Key`, `Cookie`).
bool is_credential(std::string_view header_name);

}  // namespace quorate
