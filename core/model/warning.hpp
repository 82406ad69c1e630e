#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/enum_names.hpp"

namespace quorate {

/// Something worth saying beside a verdict; any number, never changes the class. A closed list; the
/// numbers are bit positions in stored cells: append, never renumber.
enum class Warning : std::uint8_t {
    redirect_followed = 0,
    version_downgraded = 1,
    legacy_transport = 2,
    session_recovered = 3,
    session_loss_status_not_404 = 4,
    notification_status_not_202 = 5,
    cleanup_not_supported = 6,
    cleanup_failed = 7,
    missing_result_type = 8,
    missing_cache_hints = 9,
    unexpected_batch = 10,
    unexpected_server_request = 11,
    stream_resumed = 12,
    tool_definition_invalid = 13,
    tool_name_duplicate = 14,
    tool_text_changed = 15,
    auth_metadata_invalid = 16,
    tls_cert_expiring = 17,
    one_family_unreachable = 18,
    era_changed = 19,
};

inline constexpr std::array kWarningNames{
    EnumName<Warning>{Warning::redirect_followed, "redirect_followed"},
    EnumName<Warning>{Warning::version_downgraded, "version_downgraded"},
    EnumName<Warning>{Warning::legacy_transport, "legacy_transport"},
    EnumName<Warning>{Warning::session_recovered, "session_recovered"},
    EnumName<Warning>{Warning::session_loss_status_not_404, "session_loss_status_not_404"},
    EnumName<Warning>{Warning::notification_status_not_202, "notification_status_not_202"},
    EnumName<Warning>{Warning::cleanup_not_supported, "cleanup_not_supported"},
    EnumName<Warning>{Warning::cleanup_failed, "cleanup_failed"},
    EnumName<Warning>{Warning::missing_result_type, "missing_result_type"},
    EnumName<Warning>{Warning::missing_cache_hints, "missing_cache_hints"},
    EnumName<Warning>{Warning::unexpected_batch, "unexpected_batch"},
    EnumName<Warning>{Warning::unexpected_server_request, "unexpected_server_request"},
    EnumName<Warning>{Warning::stream_resumed, "stream_resumed"},
    EnumName<Warning>{Warning::tool_definition_invalid, "tool_definition_invalid"},
    EnumName<Warning>{Warning::tool_name_duplicate, "tool_name_duplicate"},
    EnumName<Warning>{Warning::tool_text_changed, "tool_text_changed"},
    EnumName<Warning>{Warning::auth_metadata_invalid, "auth_metadata_invalid"},
    EnumName<Warning>{Warning::tls_cert_expiring, "tls_cert_expiring"},
    EnumName<Warning>{Warning::one_family_unreachable, "one_family_unreachable"},
    EnumName<Warning>{Warning::era_changed, "era_changed"},
};

constexpr std::string_view name_of(Warning warning) {
    return enum_name(kWarningNames, warning);
}
constexpr std::optional<Warning> warning_named(std::string_view name) {
    return enum_value(kWarningNames, name);
}

/// A set of warnings in one word.
class Warnings {
public:
    constexpr Warnings() = default;
    static constexpr Warnings from_bits(std::uint32_t bits) {
        Warnings set;
        set.bits_ = bits;
        return set;
    }
    constexpr void add(Warning warning) { bits_ |= 1U << static_cast<unsigned>(warning); }
    constexpr bool has(Warning warning) const {
        return (bits_ >> static_cast<unsigned>(warning) & 1U) != 0;
    }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr std::uint32_t bits() const { return bits_; }
    friend constexpr auto operator<=>(const Warnings&, const Warnings&) = default;

private:
    std::uint32_t bits_ = 0;
};

}  // namespace quorate
