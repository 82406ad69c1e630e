#include "probe/secret_mask.hpp"

#include <algorithm>
#include <array>

#include "core/base/text.hpp"
#include "core/model/headers.hpp"

namespace quorate {
namespace {

constexpr std::string_view kMask = "***";
constexpr std::string_view kCut = "…";
constexpr std::size_t kSecretBytesMin = 6;
constexpr std::size_t kCredentialBytesMin = 3;
constexpr std::size_t kNamedBytesMin = 8;
/// As much of a secret may stand at the end of a text that was cut.
constexpr std::size_t kBeginningBytesMin = 4;

/// As JSON writes it, with or without escaped slashes.
std::string json_form(std::string_view text, bool escape_slash) {
    std::string form;
    for (const char c : text) {
        if (c == '"' || c == '\\' || (escape_slash && c == '/')) form += '\\';
        form += c;
    }
    return form;
}

std::string url_form(std::string_view text) {
    static constexpr std::string_view kDigits = "0123456789ABCDEF";
    static constexpr std::string_view kPlain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    std::string form;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (kPlain.find(c) != kPlain.npos)
            form += c;
        else
            form.append("%").append({kDigits[byte >> 4U], kDigits[byte & 0xFU]});
    }
    return form;
}

void replace_all(std::string& text, const std::string& secret) {
    for (auto at = text.find(secret); at != text.npos; at = text.find(secret, at + kMask.size()))
        text.replace(at, secret.size(), kMask);
}

/// Masks the beginning of a secret at the end of `text`, where what came was cut off.
void replace_beginning(std::string& text, const std::string& secret) {
    const bool marked = text.ends_with(kCut);
    const auto end = text.size() - (marked ? kCut.size() : 0);
    for (auto size = std::min(secret.size() - 1, end); size >= kBeginningBytesMin; --size) {
        if (text.compare(end - size, size, secret, 0, size) != 0) continue;
        text.replace(end - size, size, kMask);
        return;
    }
}

}  // namespace

SecretMask::SecretMask(const std::vector<std::pair<std::string, std::string>>& headers,
                       const SecretHeaders* credentials) {
    for (const auto& [name, value] : headers)
        add_header(name, value, is_credential_header(name) ? kCredentialBytesMin : kSecretBytesMin);
    if (credentials != nullptr)
        for (const auto& header : *credentials)
            add_header(header.name, header.value.view(), kCredentialBytesMin);
    std::sort(secrets_.begin(), secrets_.end(), [](const auto& left, const auto& right) {
        return left.size() != right.size() ? left.size() > right.size() : left < right;
    });
    secrets_.erase(std::unique(secrets_.begin(), secrets_.end()), secrets_.end());
}

SecretMask::~SecretMask() {
    std::for_each(secrets_.begin(), secrets_.end(), [](std::string& secret) { wipe(secret); });
}

/// The value, the token behind a scheme, and the values of cookies.
void SecretMask::add_header(std::string_view name, std::string_view value, std::size_t bytes_min) {
    add(value, bytes_min);
    auto rest = value;
    if (const auto space = rest.find(' '); space != rest.npos)
        add(rest.substr(space + 1), bytes_min);
    if (!equal_ignoring_case(name, "cookie")) return;
    while (!rest.empty()) {
        const auto pair = rest.substr(0, rest.find(';'));
        if (const auto equals = pair.find('='); equals != pair.npos)
            add(pair.substr(equals + 1), bytes_min);
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    }
}

void SecretMask::add(std::string_view secret, std::size_t bytes_min) {
    if (secret.size() < bytes_min) return;
    for (auto form :
         {std::string{secret}, json_form(secret, false), json_form(secret, true), url_form(secret)})
        secrets_.push_back(std::move(form));
}

std::string SecretMask::masked(std::string text) const {
    for (const auto& secret : secrets_)
        replace_all(text, secret);
    for (const auto& secret : secrets_)
        replace_beginning(text, secret);
    return text;
}

std::string SecretMask::masked_name(std::string name) const {
    const bool was_cut = name.ends_with(kCut);
    for (const auto& secret : secrets_) {
        if (secret.size() < kNamedBytesMin) break;
        replace_all(name, secret);
        if (was_cut) replace_beginning(name, secret);
    }
    return name;
}

}  // namespace quorate
