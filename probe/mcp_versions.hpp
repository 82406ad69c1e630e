#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace quorate {

// The one table of protocol versions: dates, which compare as text.
inline constexpr std::string_view kModernVersion = "2026-07-28";
inline constexpr std::string_view kLegacyVersion = "2025-11-25";   ///< offered to legacy servers
inline constexpr std::string_view kHttpSseVersion = "2024-11-05";  ///< offered over HTTP+SSE
/// What an initialize answer may say; the first is of before the first release, never offered.
inline constexpr std::array<std::string_view, 5> kLegacyVersions{
    "2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"};

constexpr bool is_legacy_version(std::string_view version) {
    return std::find(kLegacyVersions.begin(), kLegacyVersions.end(), version) !=
           kLegacyVersions.end();
}
/// Of the stateless kind, known to us or not.
constexpr bool is_modern_version(std::string_view version) {
    return version.size() == kModernVersion.size() && version >= kModernVersion;
}
/// Whether a server that speaks only `versions` is ahead of us.
template <class Versions>
bool newer_than_ours(const Versions& versions) {
    return std::any_of(versions.begin(), versions.end(), [](std::string_view version) {
        return is_modern_version(version) && version > kModernVersion;
    });
}

}  // namespace quorate
