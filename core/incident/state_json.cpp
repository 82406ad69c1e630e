#include "core/incident/state_json.hpp"

#include <algorithm>

#include <boost/json.hpp>

#include "core/incident/state_fields.hpp"

namespace quorate {
namespace {

namespace json = boost::json;
using namespace state_fields;

constexpr std::int64_t kVersion = 1;

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

EndpointState endpoint_state_of_json(std::string_view text) {
    const auto value = parse(text);
    auto object = object_at("state", value);
    const auto* version = object.if_contains("version");
    if (version == nullptr || number_at("version", *version) != kVersion)
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
    reader("last_minute", state.last_minute);
    decision_fields(reader, state);
    reader.refuse_unknown();
    return state;
}

}  // namespace quorate
