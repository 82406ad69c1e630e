#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/enum_names.hpp"

namespace quorate {

/// Which exchange a server speaks; the numbers are stored. `sse` is the legacy era over the
/// HTTP+SSE transport of 2024-11-05.
enum class Era : std::uint8_t { modern = 1, legacy = 2, sse = 3 };

inline constexpr std::array kEraNames{
    EnumName<Era>{Era::modern, "modern"},
    EnumName<Era>{Era::legacy, "legacy"},
    EnumName<Era>{Era::sse, "sse"},
};
constexpr std::string_view name_of(Era era) {
    return enum_name(kEraNames, era);
}
constexpr std::optional<Era> era_named(std::string_view name) {
    return enum_value(kEraNames, name);
}

/// What an endpoint's `era` key asks for; `automatic` is written `auto`.
enum class EraMode : std::uint8_t { automatic = 0, modern = 1, legacy = 2, sse = 3 };

inline constexpr std::array kEraModeNames{
    EnumName<EraMode>{EraMode::automatic, "auto"},
    EnumName<EraMode>{EraMode::modern, "modern"},
    EnumName<EraMode>{EraMode::legacy, "legacy"},
    EnumName<EraMode>{EraMode::sse, "sse"},
};
constexpr std::string_view name_of(EraMode mode) {
    return enum_name(kEraModeNames, mode);
}
constexpr std::optional<EraMode> era_mode_named(std::string_view name) {
    return enum_value(kEraModeNames, name);
}

enum class IpFamily : std::uint8_t { any = 0, v4 = 4, v6 = 6 };

inline constexpr std::array kIpFamilyNames{
    EnumName<IpFamily>{IpFamily::any, "any"},
    EnumName<IpFamily>{IpFamily::v4, "4"},
    EnumName<IpFamily>{IpFamily::v6, "6"},
};
constexpr std::string_view name_of(IpFamily family) {
    return enum_name(kIpFamilyNames, family);
}
constexpr std::optional<IpFamily> ip_family_named(std::string_view name) {
    return enum_value(kIpFamilyNames, name);
}

}  // namespace quorate
