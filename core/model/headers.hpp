#pragma once

#include <string_view>

namespace quorate {

/// Whether the probe writes the header of that name itself, or it would change how the message is
/// framed: owners can't give it. Names in any case.
bool is_reserved_header(std::string_view name);

/// Whether the value of a header of that name is a credential, whatever it holds. Names in any
/// case.
bool is_credential_header(std::string_view name);

}  // namespace quorate
