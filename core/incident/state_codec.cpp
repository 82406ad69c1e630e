#include "core/incident/state_codec.hpp"

#include <algorithm>
#include <concepts>
#include <stdexcept>
#include <utility>

#include <boost/json.hpp>

namespace quorate {
namespace {

namespace json = boost::json;

[[noreturn]] void refuse(std::string_view key, std::string_view what) {
    throw std::invalid_argument{"endpoint state: " + std::string{key} + ": " + std::string{what}};
}

// One overload per kind of value; to_number and from_number are each other's inverse.

template <class T>
requires std::integral<T> || std::is_enum_v<T> std::int64_t to_number(T value) {
    return static_cast<std::int64_t>(value);
}
std::int64_t to_number(UtcTime time) {
    return time.time_since_epoch().count();
}
std::int64_t to_number(UtcMinute minute) {
    return minute.epoch_ms();
}
std::int64_t to_number(microseconds duration) {
    return duration.count();
}
std::int64_t to_number(RegionSet set) {
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
void from_number(std::string_view, std::int64_t number, UtcTime& time) {
    time = UtcTime{microseconds{number}};
}
void from_number(std::string_view, std::int64_t number, UtcMinute& minute) {
    minute = UtcMinute::from_epoch_ms(number);
}
void from_number(std::string_view, std::int64_t number, microseconds& duration) {
    duration = microseconds{number};
}
void from_number(std::string_view key, std::int64_t number, RegionSet& set) {
    std::uint32_t bits = 0;
    from_number(key, number, bits);
    set = RegionSet::from_bits(bits);
}
template <class Tag>
void from_number(std::string_view, std::int64_t number, Id<Tag>& id) {
    id = Id<Tag>{static_cast<std::uint64_t>(number)};
}

/// Visits fields by name: `Writer` puts what is not at its default, `Reader` takes what is there.
/// Both go through the same list of fields, so they can't drift apart.
class Writer {
public:
    template <class T>
    void operator()(std::string_view key, const T& value, const T& absent = T{}) {
        if (value != absent) object_.emplace(key, to_number(value));
    }
    template <class T>
    void operator()(std::string_view key, const std::optional<T>& value) {
        if (value) object_.emplace(key, to_number(*value));
    }
    template <class T, std::size_t N>
    void operator()(std::string_view key, const std::array<T, N>& values) {
        if (values == std::array<T, N>{}) return;
        json::array list;
        for (const auto& value : values)
            list.emplace_back(to_number(value));
        object_.emplace(key, std::move(list));
    }
    json::object take() { return std::move(object_); }

private:
    json::object object_;
};

std::int64_t number_at(std::string_view key, const json::value& value) {
    if (!value.is_int64()) refuse(key, "not a whole number");
    return value.get_int64();
}

class Reader {
public:
    explicit Reader(const json::object& object) : object_{object} {}

    template <class T>
    void operator()(std::string_view key, T& value, const T& absent = T{}) {
        value = absent;
        if (const auto* found = find(key)) from_number(key, number_at(key, *found), value);
    }
    template <class T>
    void operator()(std::string_view key, std::optional<T>& value) {
        value.reset();
        if (const auto* found = find(key))
            from_number(key, number_at(key, *found), value.emplace());
    }
    template <class T, std::size_t N>
    void operator()(std::string_view key, std::array<T, N>& values) {
        values = {};
        const auto* found = find(key);
        if (found == nullptr) return;
        const auto* list = found->if_array();
        if (list == nullptr || list->size() != N) refuse(key, "not a list of the right length");
        for (std::size_t i = 0; i < N; ++i)
            from_number(key, number_at(key, (*list)[i]), values[i]);
    }
    /// A reader of a newer or a broken encoding would lose what it does not know.
    void refuse_unknown() const {
        if (seen_ != object_.size()) refuse("object", "unknown or repeated keys");
    }

private:
    const json::value* find(std::string_view key) {
        const auto* found = object_.if_contains(key);
        if (found != nullptr) ++seen_;
        return found;
    }

    const json::object& object_;
    std::size_t seen_ = 0;
};

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
}

template <class Visit, class State>
void endpoint_fields(Visit& visit, State& state) {
    visit("last_minute", state.last_minute);
    visit("last_decision", state.last_decision);
    visit("blind_run", state.blind_run);
}

const json::object& object_at(std::string_view key, const json::value& value) {
    const auto* object = value.if_object();
    if (object == nullptr) refuse(key, "not an object");
    return *object;
}

void read_regions(const json::value& value, EndpointState& state) {
    const auto* list = value.if_array();
    if (list == nullptr || list->size() > kRegionsMax)
        refuse("regions", "not a list of at most 32");
    for (const auto& entry : *list) {
        Reader reader{object_at("region", entry)};
        region_fields(reader, state.regions.emplace_back(), state.states.emplace_back());
        reader.refuse_unknown();
    }
    if (std::ranges::adjacent_find(state.regions, std::ranges::greater_equal{}) !=
        state.regions.end())
        refuse("regions", "not sorted by id");
}

json::value parse(std::string_view text) {
    json::error_code error;
    auto value = json::parse(text, error);
    if (error) refuse("text", error.message());
    return value;
}

}  // namespace

std::string encode(const EndpointState& state) {
    Writer endpoint;
    endpoint_fields(endpoint, state);
    auto object = endpoint.take();
    object["version"] = kEndpointStateVersion;
    json::array regions;
    for (std::size_t i = 0; i < state.regions.size(); ++i) {
        Writer region;
        region_fields(region, state.regions[i], state.states[i]);
        regions.emplace_back(region.take());
    }
    object["regions"] = std::move(regions);
    Writer incident;
    incident_fields(incident, state.incident);
    auto incident_object = incident.take();
    if (!incident_object.empty()) object["incident"] = std::move(incident_object);
    return json::serialize(object);
}

EndpointState decode_endpoint_state(std::string_view text) {
    const auto value = parse(text);
    auto object = object_at("state", value);
    const auto* version = object.if_contains("version");
    if (version == nullptr || number_at("version", *version) != kEndpointStateVersion)
        refuse("version", "not one that this program reads");
    object.erase("version");
    EndpointState state;
    if (const auto* regions = object.if_contains("regions")) read_regions(*regions, state);
    object.erase("regions");
    if (const auto* incident = object.if_contains("incident")) {
        Reader reader{object_at("incident", *incident)};
        incident_fields(reader, state.incident);
        reader.refuse_unknown();
    }
    object.erase("incident");
    Reader reader{object};
    endpoint_fields(reader, state);
    reader.refuse_unknown();
    return state;
}

}  // namespace quorate
