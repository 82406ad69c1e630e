#pragma once

#include "probe/attempt.hpp"

namespace quorate {

/// GET of a URL beside the endpoint, on a connection of its own, without the endpoint's headers and
/// without following redirects, until `reader` has what it wants. Its host is resolved and passes
/// the guard, unless it is the endpoint's own origin: then the pinned address serves. Within the
/// attempt's limit. `reader` stays alive until the task ends.
Task<Result<void>> side_get(Attempt& attempt, HttpUrl url, ResponseReader& reader);

}  // namespace quorate
