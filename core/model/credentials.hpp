#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quorate {

/// What a credential is for. The numbers are in sealed boxes: append, never change.
enum class CredentialKind : std::uint8_t {
    header = 0,
    tls_ca = 1,      ///< PEM: authorities that sign the server
    tls_client = 2,  ///< PEM: our certificate, its chain and its private key
};

/// One credential, in bytes that somebody else holds and wipes.
struct CredentialView {
    CredentialKind kind = CredentialKind::header;
    std::string_view header;  ///< its name
    std::string_view value;
};

/// Appends it to what is sealed: kind, header and value, each behind its length. Give `bytes` room
/// beforehand: where they have to move, a copy is left behind.
void append_credential(const CredentialView& credential, std::string& bytes);

/// How many bytes append_credential adds at most.
std::size_t credential_size(const CredentialView& credential);

/// What append_credential wrote; nothing where it is something else.
std::optional<std::vector<CredentialView>> read_credentials(std::string_view bytes);

}  // namespace quorate
