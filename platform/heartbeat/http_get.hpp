#pragma once

#include <string>

#include "core/model/http_url.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

/// Sends one GET and reads the head of its answer; redirects are not followed. Over TLS (1.2
/// or 1.3) the certificate must name the host and be signed by an authority of `ca_file`, or of the
/// system where that is empty.
/// @return the HTTP status. Throws std::runtime_error, boost::system::system_error among them; none
///     of their words holds the URL. Has no time limit: see within(). Only looking up the host's
///     name does not react to cancellation.
Task<unsigned> http_get_status(HttpUrl url, std::string ca_file);

}  // namespace quorate
