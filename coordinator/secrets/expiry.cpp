#include "coordinator/secrets/expiry.hpp"

#include <algorithm>
#include <cmath>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <openssl/evp.h>

#include "platform/crypto/secret_bytes.hpp"

namespace quorate::coordinator {
namespace {

constexpr double kLatestS = 253'402'300'799;  // the end of the year 9999

/// Base64url without padding (RFC 4648, section 5); nothing where it is none.
std::optional<SecretBytes> from_base64url(std::string_view text) {
    auto padded = SecretBytes::zeros((text.size() + 3) / 4 * 4);
    for (std::size_t i = 0; i < padded.size(); ++i) {
        const char c = i < text.size() ? text[i] : '=';
        padded.data()[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    const auto padding = padded.size() - text.size();
    if (text.empty() || padding > 2) return std::nullopt;
    auto out = SecretBytes::zeros(padded.size() / 4 * 3);
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(padded.data()),
                                     static_cast<int>(padded.size()));
    if (size < 0) return std::nullopt;
    out.shorten(static_cast<std::size_t>(size) - padding);
    return out;
}

std::optional<boost::json::value> object_in(std::string_view part) {
    const auto bytes = from_base64url(part);
    if (!bytes) return std::nullopt;
    boost::system::error_code error;
    auto value = boost::json::parse({bytes->view().data(), bytes->size()}, error);
    if (error || !value.is_object()) return std::nullopt;
    return value;
}

}  // namespace

std::optional<UtcTime> jwt_expiry(std::string_view value) {
    if (const auto space = value.rfind(' '); space != value.npos) value.remove_prefix(space + 1);
    const auto first = value.find('.');
    const auto second = first == value.npos ? first : value.find('.', first + 1);
    if (second == value.npos || value.find('.', second + 1) != value.npos) return std::nullopt;
    const auto header = object_in(value.substr(0, first));
    if (!header || !header->as_object().contains("alg")) return std::nullopt;
    const auto claims = object_in(value.substr(first + 1, second - first - 1));
    if (!claims) return std::nullopt;
    const auto* exp = claims->as_object().if_contains("exp");
    if (exp == nullptr || !exp->is_number()) return std::nullopt;
    const auto seconds = exp->to_number<double>();
    if (!(seconds >= 0 && seconds <= kLatestS)) return std::nullopt;
    return UtcTime{std::chrono::seconds{static_cast<std::int64_t>(std::floor(seconds))}};
}

}  // namespace quorate::coordinator
