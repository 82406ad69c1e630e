#pragma once

#include "core/model/failure.hpp"
#include "core/model/http_url.hpp"
#include "probe/request.hpp"

namespace quorate {

/// Checks everything in a request that a probe could stumble over later.
/// @return the URL; or `config_invalid` with one sentence that names what is wrong
Result<HttpUrl> check_request(const ProbeRequest& request);

}  // namespace quorate
