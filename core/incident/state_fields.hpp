#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/incident/endpoint_rule.hpp"

namespace quorate::state_fields {

[[noreturn]] inline void refuse(std::string_view key, std::string_view what) {
    throw std::invalid_argument{"endpoint state: " + std::string{key} + ": " + std::string{what}};
}

// One overload per kind of value; to_number and from_number are each other's inverse.

template <class T>
requires std::integral<T> || std::is_enum_v<T>
constexpr std::int64_t to_number(T value) {
    return static_cast<std::int64_t>(value);
}
inline std::int64_t to_number(UtcTime time) {
    return time.time_since_epoch().count();
}
inline std::int64_t to_number(UtcMinute minute) {
    return minute.epoch_ms();
}
inline std::int64_t to_number(microseconds duration) {
    return duration.count();
}
inline std::int64_t to_number(RegionSet set) {
    return set.bits();
}
template <class Tag>
std::int64_t to_number(Id<Tag> id) {
    return static_cast<std::int64_t>(id.value());
}

template <std::integral T>
void from_number(std::string_view key, std::int64_t number, T& value) {
    if (!std::in_range<std::conditional_t<std::same_as<T, bool>, std::uint8_t, T>>(number) ||
        (std::same_as<T, bool> && number > 1))
        refuse(key, "number out of range");
    value = static_cast<T>(number);
}
template <class Enum>
requires std::is_enum_v<Enum>
void from_number(std::string_view key, std::int64_t number, Enum& value) {
    std::underlying_type_t<Enum> raw{};
    from_number(key, number, raw);
    value = static_cast<Enum>(raw);
    // Scope::none and CloseMark::none are named by an empty text.
    constexpr bool kHasNone = std::same_as<Enum, Scope> || std::same_as<Enum, CloseMark>;
    if (name_of(value).empty() && !(kHasNone && raw == 0)) refuse(key, "no such value");
}
inline void from_number(std::string_view, std::int64_t number, UtcTime& time) {
    time = UtcTime{microseconds{number}};
}
inline void from_number(std::string_view, std::int64_t number, UtcMinute& minute) {
    minute = UtcMinute::from_epoch_ms(number);
}
inline void from_number(std::string_view, std::int64_t number, microseconds& duration) {
    duration = microseconds{number};
}
inline void from_number(std::string_view key, std::int64_t number, RegionSet& set) {
    std::uint32_t bits = 0;
    from_number(key, number, bits);
    set = RegionSet::from_bits(bits);
}
template <class Tag>
void from_number(std::string_view, std::int64_t number, Id<Tag>& id) {
    id = Id<Tag>{static_cast<std::uint64_t>(number)};
}

// The fields in the order in which they are packed: append, and never move one.

template <class Visit, class Id, class State>
void region_fields(Visit& visit, Id& id, State& state) {
    visit("id", id);
    visit("phase", state.phase);
    visit("fails", state.fails);
    visit("healthies", state.healthies);
    visit("unknowns", state.unknowns);
    visit("slow_votes", state.slow_votes);
    visit("fail_votes", state.fail_votes);
    visit("unknown_reason", state.unknown_reason);
    visit("last_vote", state.last_vote);
    visit("fail_minute", state.fail_minute);
    visit("fail_started", state.fail_started);
    visit("healthy_started", state.healthy_started);
    visit("fast_started", state.fast_started);
    visit("slow_started", state.slow_started);
}

template <class Visit, class State>
void incident_fields(Visit& visit, State& state) {
    visit("open", state.open);
    visit("ordinal", state.ordinal);
    visit("id", state.id);
    visit("severity", state.severity, Severity::p3);
    visit("worst", state.worst, Severity::p3);
    visit("scope", state.scope);
    visit("closed_minute", state.closed_minute);
    visit("close_mark", state.close_mark);
    visit("clean_run", state.clean_run);
    visit("clean_first", state.clean_first);
    visit("witness_run", state.witness_run);
    visit("witness_first", state.witness_first);
    visit("below_run", state.below_run);
    visit("below_last", state.below_last, Severity::p3);
    visit("started", state.opening.started);
    visit("detected", state.opening.detected);
    visit("recovered", state.opening.recovered);
    visit("contributed", state.contributed);
    visit("slow_contributed", state.slow_contributed);
    visit("openings", state.openings);
    visit("mttr_sum", state.mttr_sum);
    visit("flaps", state.flaps);
    visit("flap_minutes", state.flap_minutes);
    visit("notified_open", state.notified.open);
    visit("notified_ordinal", state.notified.ordinal);
    visit("notified_id", state.notified.id);
    visit("notified_severity", state.notified.severity, Severity::p3);
    visit("behind", state.behind);
    visit("opened_early", state.opened_early);
}

template <class Visit, class State>
void decision_fields(Visit& visit, State& state) {
    visit("last_decision", state.last_decision);
    visit("blind_run", state.blind_run);
}

}  // namespace quorate::state_fields
