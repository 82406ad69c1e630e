#include "core/notice/notice_json.hpp"

#include <stdexcept>
#include <utility>

#include <boost/json.hpp>

namespace quorate {
namespace {

namespace json = boost::json;

UtcTime time_of(const json::value& value) {
    return UtcTime{microseconds{value.to_number<std::int64_t>()}};
}

template <class T>
T number(const json::object& in, const char* key) {
    const auto* value = in.if_contains(key);
    return value == nullptr ? T{} : value->to_number<T>();
}

NoticeState read(const json::object& in) {
    NoticeState state;
    state.semantic = number<std::uint64_t>(in, "semantic");
    state.full = number<std::uint64_t>(in, "full");
    if (const auto* since = in.if_contains("disagree")) state.disagree_since = time_of(*since);
    if (const auto* era = in.if_contains("era"))
        state.era = static_cast<Era>(era->to_number<std::uint8_t>());
    for (const auto& each : in.at("regions").as_array()) {
        const auto& value = each.as_object();
        RegionMemory region{RegionId{value.at("id").to_number<std::uint64_t>()}};
        region.fails = number<std::uint16_t>(value, "fails");
        region.unknown_run = number<std::uint8_t>(value, "unknown");
        region.limited_run = number<std::uint8_t>(value, "limited");
        region.auth_run = number<std::uint8_t>(value, "auth");
        region.degraded_run = number<std::uint8_t>(value, "degraded");
        if (const auto* end = value.if_contains("certificate")) region.certificate = time_of(*end);
        state.regions.push_back(region);
    }
    if (const auto* lists = in.if_contains("tools"))
        for (const auto& list : lists->as_array())
            for (const auto& id : list.at(2).as_array())
                for (auto& region : state.regions)
                    if (region.region.value() == id.to_number<std::uint64_t>()) {
                        region.semantic = list.at(0).to_number<std::uint64_t>();
                        region.full = list.at(1).to_number<std::uint64_t>();
                    }
    if (const auto* open = in.if_contains("open"))
        for (const auto& each : open->as_array()) {
            const auto kind = static_cast<NoticeKind>(each.at(0).to_number<std::uint8_t>());
            if (name_of(kind).empty()) throw std::invalid_argument{"notices: no such kind"};
            OpenNotice notice{
                kind, time_of(each.at(1)), each.at(2).to_number<std::int32_t>(), {}, Told::all};
            for (const auto& region : each.at(3).as_array())
                notice.regions.emplace_back(region.to_number<std::uint64_t>());
            notice.told = each.at(4).as_bool() ? Told::all : Told::nothing;
            state.open.push_back(std::move(notice));
        }
    return state;
}

}  // namespace

NoticeState notice_state_of_json(std::string_view text) {
    try {
        return read(json::parse(text).as_object());
    } catch (const std::invalid_argument&) {
        throw;
    } catch (const std::exception& error) {  // of Boost.JSON
        throw std::invalid_argument{std::string{"notices: "} + error.what()};
    }
}

}  // namespace quorate
