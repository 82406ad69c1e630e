#pragma once

#include <optional>
#include <string_view>

#include "core/time/time.hpp"

namespace quorate::coordinator {

/// When a JSON Web Token (RFC 7519) ends by its own claim `exp`, also behind a scheme such as
/// `Bearer`; nothing where the value is none, or has none. Its signature is not looked at.
std::optional<UtcTime> jwt_expiry(std::string_view value);

}  // namespace quorate::coordinator
