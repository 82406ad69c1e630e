#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <pqxx/pqxx>

#include "coordinator/access/caller.hpp"
#include "core/time/time.hpp"

#include "quorate/v1/admin.pb.h"

namespace quorate::coordinator {

/// A token, or a certificate that was given a role.
struct Credential {
    std::int64_t id = 0;
    std::string principal;
    std::string secret_sha256;  ///< of a token, 64 hexadecimal digits
    std::string certificate;    ///< a name that the certificate bears
    Role role = Role::viewer;
    std::optional<std::set<std::string>> tenants;
    std::optional<UtcTime> expires_at;
};

/// A token as it is shown once, and later presented: `qt_<id>_<64 hexadecimal digits>`.
struct TokenText {
    std::int64_t id = 0;
    std::string secret;
};
std::optional<TokenText> parse_token(std::string_view text);
std::string format_token(const TokenText& token);

inline constexpr std::size_t kCredentialsMax = 10'000;  ///< at the same time
inline constexpr int kExpiryDaysMax = 3650;

/// The tenants that a caller is bound to, as SQL's `{a,b}`; nothing: to none.
std::optional<std::string> bound_to(const Caller& caller);

// What follows runs in the transaction that it is given, and throws what libpqxx throws.

/// Those that were not revoked. Ones that expired in the last week are among them, so that their
/// bearers are told.
std::vector<Credential> load_credentials(pqxx::work& work);

/// Makes one of at most the caller's own rights, which ends no later than the caller's own. Throws
/// BadRequest, AccessRefused.
/// @param admins  names of certificates that the config makes admins
v1::CreateTokenResponse create_token(pqxx::work& work,
                                     const v1::CreateTokenRequest& request,
                                     const Caller& caller,
                                     UtcTime now,
                                     const std::vector<std::string>& admins);

/// Those that the caller might make; the newest first.
v1::ListTokensResponse list_tokens(pqxx::work& work,
                                   const v1::ListTokensRequest& request,
                                   const Caller& caller);

/// Ends one, for ever. Throws NotFound where the caller could not see it; BadRequest where the
/// config makes its certificate an admin all the same.
v1::RevokeTokenResponse revoke_token(pqxx::work& work,
                                     const v1::RevokeTokenRequest& request,
                                     const Caller& caller,
                                     const std::vector<std::string>& admins);

/// Ends those that are bound to this tenant alone.
void revoke_tokens_of(pqxx::work& work, const std::string& tenant, const Actor& actor);

/// The audit log, the newest first; to who is bound to tenants what concerns theirs alone. Throws
/// BadRequest.
v1::ListAuditResponse list_audit(pqxx::work& work,
                                 const v1::ListAuditRequest& request,
                                 const Caller& caller);

}  // namespace quorate::coordinator
