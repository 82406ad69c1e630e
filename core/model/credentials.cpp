#include "core/model/credentials.hpp"

#include <stdexcept>

#include "core/base/varint.hpp"

namespace quorate {
namespace {

constexpr std::size_t kVarintMax = 10;

std::string_view take_text(std::string_view& bytes) {
    const auto size = take_varint(bytes);
    if (size > bytes.size()) throw std::invalid_argument{"a text is cut off"};
    const auto text = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return text;
}

}  // namespace

void append_credential(const CredentialView& credential, std::string& bytes) {
    append_varint(static_cast<std::uint64_t>(credential.kind), bytes);
    append_varint(credential.header.size(), bytes);
    bytes += credential.header;
    append_varint(credential.value.size(), bytes);
    bytes += credential.value;
}

std::size_t credential_size(const CredentialView& credential) {
    return 3 * kVarintMax + credential.header.size() + credential.value.size();
}

std::optional<std::vector<CredentialView>> read_credentials(std::string_view bytes) {
    std::vector<CredentialView> found;
    try {
        while (!bytes.empty()) {
            const auto kind = take_varint(bytes);
            if (kind > static_cast<std::uint64_t>(CredentialKind::tls_client)) return std::nullopt;
            auto& credential = found.emplace_back();
            credential.kind = static_cast<CredentialKind>(kind);
            credential.header = take_text(bytes);
            credential.value = take_text(bytes);
        }
    } catch (const std::invalid_argument&) {
        return std::nullopt;
    }
    return found;
}

}  // namespace quorate
