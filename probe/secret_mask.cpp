#include "probe/secret_mask.hpp"

#include <algorithm>
#include <optional>

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

constexpr std::string_view kUnescapedInUrls =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

/// As JSON writes it, with or without escaped slashes; nothing where that is the text itself.
std::optional<SecretBytes> json_form(std::string_view text, bool escape_slash) {
    const auto is_escaped = [escape_slash](char c) {
        return c == '"' || c == '\\' || (escape_slash && c == '/');
    };
    const auto escaped = std::count_if(text.begin(), text.end(), is_escaped);
    if (escaped == 0) return std::nullopt;
    auto form = SecretBytes::zeros(text.size() + static_cast<std::size_t>(escaped));
    char* at = form.data();
    for (const char c : text) {
        if (is_escaped(c)) *at++ = '\\';
        *at++ = c;
    }
    return form;
}

/// As a URL writes it; nothing where that is the text itself.
std::optional<SecretBytes> url_form(std::string_view text) {
    static constexpr std::string_view kDigits = "0123456789ABCDEF";
    const auto is_plain = [](char c) { return kUnescapedInUrls.find(c) != kUnescapedInUrls.npos; };
    const auto plain = std::count_if(text.begin(), text.end(), is_plain);
    const auto escaped = text.size() - static_cast<std::size_t>(plain);
    if (escaped == 0) return std::nullopt;
    auto form = SecretBytes::zeros(text.size() + 2 * escaped);
    char* at = form.data();
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (is_plain(c)) {
            *at++ = c;
            continue;
        }
        *at++ = '%';
        *at++ = kDigits[byte >> 4U];
        *at++ = kDigits[byte & 0xFU];
    }
    return form;
}

void replace_all(std::string& text, std::string_view secret) {
    for (auto at = text.find(secret); at != text.npos; at = text.find(secret, at + kMask.size()))
        text.replace(at, secret.size(), kMask);
}

/// Masks the beginning of a secret at the end of `text`, where what came was cut off.
void replace_beginning(std::string& text, std::string_view secret) {
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
        add_header(name, value, is_credential_header(name));
    if (credentials != nullptr)
        for (const auto& header : *credentials)
            add_header(header.name, header.value.view(), true);
    std::ranges::sort(secrets_, [](const Secret& left, const Secret& right) {
        const auto a = left.text.view();
        const auto b = right.text.view();
        if (a.size() != b.size()) return a.size() > b.size();
        return a != b ? a < b : left.is_credential && !right.is_credential;
    });
    const auto same =
        std::ranges::unique(secrets_, {}, [](const Secret& secret) { return secret.text.view(); });
    secrets_.erase(same.begin(), same.end());
}

/// The value, the token behind a scheme, and the values of cookies.
void SecretMask::add_header(std::string_view name, std::string_view value, bool is_credential) {
    add(value, is_credential);
    auto rest = value;
    if (const auto space = rest.find(' '); space != rest.npos)
        add(rest.substr(space + 1), is_credential);
    if (!equal_ignoring_case(name, "cookie")) return;
    while (!rest.empty()) {
        const auto pair = rest.substr(0, rest.find(';'));
        if (const auto equals = pair.find('='); equals != pair.npos)
            add(pair.substr(equals + 1), is_credential);
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    }
}

void SecretMask::add(std::string_view secret, bool is_credential) {
    if (secret.size() < (is_credential ? kCredentialBytesMin : kSecretBytesMin)) return;
    secrets_.push_back({SecretBytes{secret}, is_credential});
    if (auto form = json_form(secret, false)) secrets_.push_back({*std::move(form), is_credential});
    if (auto form = json_form(secret, true)) secrets_.push_back({*std::move(form), is_credential});
    if (auto form = url_form(secret)) secrets_.push_back({*std::move(form), is_credential});
}

std::string SecretMask::masked(std::string text) const {
    for (const auto& secret : secrets_)
        replace_all(text, secret.text.view());
    for (const auto& secret : secrets_)
        replace_beginning(text, secret.text.view());
    return text;
}

std::string SecretMask::masked_name(std::string name) const {
    const bool was_cut = name.ends_with(kCut);
    for (const auto& secret : secrets_) {
        if (secret.text.size() < kNamedBytesMin) break;
        replace_all(name, secret.text.view());
        if (was_cut) replace_beginning(name, secret.text.view());
    }
    return name;
}

bool SecretMask::finds_credential_in(std::string_view text) const {
    return std::ranges::any_of(secrets_, [text](const Secret& secret) {
        return secret.is_credential && secret.text.size() >= kNamedBytesMin &&
               text.find(secret.text.view()) != text.npos;
    });
}

}  // namespace quorate
