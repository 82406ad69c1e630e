#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quorate {

/// Which 4xx answers to `initialize` send a client of that version on to the HTTP+SSE transport.
/// Those about who we are or how often we come (401, 402, 403, 429, 451) never do.
enum class SseFallback : std::uint8_t { none, on_400_404_405, on_any_4xx };

/// What a probe must know of one version of the protocol.
struct VersionRules {
    std::string_view version;  ///< a date: versions compare as text
    bool modern;               ///< stateless: discover in place of initialize
    bool offered;              ///< we may ask for it; otherwise it is accepted in an answer alone
    bool batches;              ///< arrays of messages are legal
    SseFallback sse_fallback;  ///< where this version was offered
};

// The one table of versions. The header MCP-Protocol-Version carries whatever was negotiated over
// Streamable HTTP (undefined before 2025-06-18, and harmless), and never goes with HTTP+SSE.
inline constexpr std::array<VersionRules, 6> kVersions{{
    {"2024-10-07", false, false, false, SseFallback::none},  // before the first release
    {"2024-11-05", false, true, false, SseFallback::on_any_4xx},
    {"2025-03-26", false, true, true, SseFallback::on_any_4xx},
    {"2025-06-18", false, true, false, SseFallback::on_any_4xx},
    {"2025-11-25", false, true, false, SseFallback::on_400_404_405},
    {"2026-07-28", true, true, false, SseFallback::none},
}};

inline constexpr std::string_view kModernVersion = "2026-07-28";   ///< offered to modern servers
inline constexpr std::string_view kLegacyVersion = "2025-11-25";   ///< offered to legacy servers
inline constexpr std::string_view kHttpSseVersion = "2024-11-05";  ///< offered over HTTP+SSE

/// The rules of a version that we know; nothing of another.
constexpr const VersionRules* rules_of(std::string_view version) {
    for (const auto& rules : kVersions)
        if (rules.version == version) return &rules;
    return nullptr;
}

/// Whether an InitializeResult may say it.
constexpr bool is_legacy_version(std::string_view version) {
    const auto* rules = rules_of(version);
    return rules != nullptr && !rules->modern;
}
/// Of the stateless kind, known to us or not.
constexpr bool is_modern_version(std::string_view version) {
    return version.size() == kModernVersion.size() && version >= kModernVersion;
}
constexpr bool allows_batches(std::string_view version) {
    const auto* rules = rules_of(version);
    return rules != nullptr && rules->batches;
}

/// The newest version that we offer in that era and `supported` lists.
template <class Versions>
std::optional<std::string> best_mutual(const Versions& supported, bool modern) {
    std::optional<std::string> best;
    for (const auto& version : supported) {
        const auto* rules = rules_of(version);
        const bool fits = rules != nullptr && rules->modern == modern && rules->offered;
        if (fits && (!best || version > *best)) best = version;
    }
    return best;
}

/// Whether a server that speaks only `versions` is ahead of us.
template <class Versions>
bool newer_than_ours(const Versions& versions) {
    return std::any_of(versions.begin(), versions.end(), [](std::string_view version) {
        return is_modern_version(version) && version > kModernVersion;
    });
}

}  // namespace quorate
