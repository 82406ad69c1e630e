#include "platform/time_zones/time_zones.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

namespace quorate {
namespace {

namespace chrono = std::chrono;

constexpr std::size_t kNameMax = 64;
constexpr std::string_view kZones = "/usr/share/zoneinfo/";

/// Absl would open a path as well, and take what is no area of tzdata: `localtime`, `right/…`.
bool is_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '/' || c == '_' || c == '-' || c == '+';
    };
    const bool area =
        name.find('/') != std::string_view::npos && name.front() >= 'A' && name.front() <= 'Z';
    return name.size() <= kNameMax && (name == "UTC" || area) && std::ranges::all_of(name, allowed);
}

/// Absl keeps each name that it was asked for, those too that there are not, as long as the process
/// lives: so it is asked for what is there alone.
bool is_installed(std::string_view name) {
    std::error_code error;
    return name == "UTC" ||
           std::filesystem::is_regular_file(std::string{kZones} + std::string{name}, error);
}

}  // namespace

std::optional<TimeZone> find_time_zone(std::string_view name) {
    absl::TimeZone zone;
    if (!is_name(name) || !is_installed(name) ||
        !absl::LoadTimeZone({name.data(), name.size()}, &zone))
        return std::nullopt;
    TimeZone found;
    found.utc_of = [zone](chrono::local_seconds local) {
        const auto civil = absl::CivilSecond{} + local.time_since_epoch().count();
        // `pre` is by the offset before a change: what a skipped time means, and of a time that
        // there is twice the first.
        return UtcTime{chrono::seconds{absl::ToUnixSeconds(zone.At(civil).pre)}};
    };
    found.local_of = [zone](UtcTime time) {
        const auto seconds = chrono::floor<chrono::seconds>(time).time_since_epoch().count();
        const auto civil = zone.At(absl::FromUnixSeconds(seconds)).cs;
        return chrono::local_seconds{chrono::seconds{civil - absl::CivilSecond{}}};
    };
    return found;
}

}  // namespace quorate
