#include "region-agent/outbox/details_memory.hpp"

#include <string>
#include <string_view>

#include "platform/wire/cell_codec.hpp"

namespace quorate::agent {
namespace {

void add(std::string_view text, std::string& all) {
    all += text;
    all += '\0';
}

template <class T>
void add(const std::optional<T>& value, std::string& all) {
    add(value ? std::to_string(*value) : "", all);
}

void add(const std::optional<UtcTime>& time, std::string& all) {
    add(time ? std::to_string(time->time_since_epoch().count()) : "", all);
}

/// Of what stays the same from look to look while nothing changes. The address does not: behind one
/// name there may be many.
std::size_t hash_of(const Cell& cell) {
    std::string all;
    add(cell.protocol_version, all);
    add(cell.server_name, all);
    add(cell.server_version, all);
    add(cell.tool_count, all);
    add(cell.semantic_hash, all);
    add(cell.full_hash, all);
    add(cell.certificate_not_after, all);
    add(cell.certificate_earliest_not_after, all);
    return std::hash<std::string>{}(all);
}

}  // namespace

bool DetailsMemory::due(const Cell& cell, SteadyTime now) {
    if (wire::needs_details(cell)) return true;
    const auto what = hash_of(cell);
    if (const auto* told = told_.find(cell.key.endpoint);
        told != nullptr && told->what == what && now < told->again_at)
        return false;
    // Sooner by up to a quarter, endpoint by endpoint, lest all come at once each hour.
    const std::chrono::seconds sooner{cell.key.endpoint.value() % 900};
    told_.put(cell.key.endpoint, {what, now + kRepeat - sooner});
    return true;
}

}  // namespace quorate::agent
