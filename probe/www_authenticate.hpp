#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quorate {

/// One challenge of `WWW-Authenticate` (RFC 9110 section 11.6.1).
struct AuthChallenge {
    std::string scheme;                             ///< lower case
    std::map<std::string, std::string> parameters;  ///< names in lower case; values unquoted
};

/// Reads all challenges of one field value: several schemes, quoted strings, commas inside quotes.
/// Lenient: what cannot be read is left out, a token68 too. At most 16 challenges of 32 parameters.
std::vector<AuthChallenge> parse_challenges(std::string_view value);

}  // namespace quorate
