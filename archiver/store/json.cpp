#include "archiver/store/json.hpp"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace quorate {
namespace {

namespace json = boost::json;

/// jsonb takes no NUL, and one such text must not hold up a whole batch.
void add_text(json::object& object, const char* key, std::string text) {
    std::ranges::replace(text, '\0', ' ');
    if (!text.empty()) object[key] = text;
}

template <class T>
void add_number(json::object& object, const char* key, const std::optional<T>& value) {
    if (value) object[key] = *value;
}

std::string region_name(const RegionNames& names, RegionId region) {
    const auto found = names.find(region);
    return found == names.end() ? std::to_string(region.value()) : found->second;
}

json::array region_names(const RegionNames& names, const std::vector<RegionId>& regions) {
    json::array list;
    for (const auto region : regions)
        list.emplace_back(region_name(names, region));
    return list;
}

json::array members(const SealedRow& row, RegionSet set, const RegionNames& names) {
    json::array list;
    set.for_each(
        [&](std::size_t i) { list.emplace_back(region_name(names, row.cells[i].key.region)); });
    return list;
}

bool is_early(const SealedRow& row) {
    return std::ranges::any_of(row.transitions, &Transition::early);
}

json::value severity_or_null(std::optional<Severity> severity) {
    if (!severity) return nullptr;
    return json::string{name_of(*severity)};
}

}  // namespace

json::object cell_details(const Cell& cell) {
    json::object details;
    add_text(details, "agent", cell.agent);
    json::array warnings;
    for (const auto& row : kWarningNames)
        if (cell.warnings.has(row.value)) warnings.emplace_back(row.name);
    if (!warnings.empty()) details["warnings"] = std::move(warnings);
    if (cell.verdict == Verdict::up) return details;
    add_text(details, "detail", cell.detail);
    add_text(details, "peer_address", cell.peer_address);
    add_text(details, "server_name", cell.server_name);
    add_text(details, "server_version", cell.server_version);
    add_text(details, "protocol_version", cell.protocol_version);
    if (cell.era) details["era"] = name_of(*cell.era);
    add_number(details, "os_error", cell.os_error);
    add_number(details, "rpc_code", cell.rpc_code);
    add_number(details, "tls_verify_code", cell.tls_verify_code);
    add_number(details, "retry_after_s", cell.retry_after_s);
    add_number(details, "slow_over_ms", cell.slow_over_ms);
    if (cell.slow_phase) details["slow_phase"] = name_of(*cell.slow_phase);
    add_number(details, "tool_count", cell.tool_count);
    add_text(details, "trace_id", cell.trace_id);
    return details;
}

std::string details_json(const std::vector<Cell>& cells) {
    json::object all;
    for (const auto& cell : cells) {
        auto details = cell_details(cell);
        if (!details.empty()) all[std::to_string(cell.key.region.value())] = std::move(details);
    }
    return all.empty() ? std::string{} : json::serialize(all);
}

std::string inputs_json(const SealedRow& row, const RegionNames& names) {
    json::object cells;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const auto& cell = row.cells[i];
        json::object entry{{"verdict", name_of(cell.verdict)},
                           {"state", name_of(row.states[i].phase)},
                           {"slow", cell.slow}};
        if (cell.reason) entry["reason"] = name_of(*cell.reason);
        if (cell.slow_over_ms) entry["slow_over_ms"] = *cell.slow_over_ms;
        if (cell.slow_phase) entry["slow_phase"] = name_of(*cell.slow_phase);
        if (cell.started) entry["started"] = to_rfc3339(*cell.started);
        cells[region_name(names, cell.key.region)] = std::move(entry);
    }
    const auto& record = row.record;
    const json::object inputs{{"rule_version", kRuleVersion},
                              {"rule_row", record.rule_row},
                              {"early", is_early(row)},
                              {"regions", record.regions},
                              {"quorum", record.quorum},
                              {"voters", members(row, record.voters, names)},
                              {"failing", members(row, record.failing, names)},
                              {"healthy", members(row, record.healthy, names)},
                              {"silent", members(row, record.silent, names)},
                              {"slow", members(row, record.slow, names)},
                              {"quarantined", region_names(names, row.quarantined)},
                              {"cells", std::move(cells)}};
    return json::serialize(inputs);
}

std::string inputs_of_deletion() {
    return json::serialize(json::object{{"rule_version", kRuleVersion}});
}

std::string notice_json(const EndpointVersion& version,
                        const Transition& transition,
                        IncidentId incident,
                        const RegionNames& names,
                        std::optional<std::uint64_t> silenced_by) {
    json::object notice{{"incident_id", incident.value()},
                        {"tenant", version.tenant},
                        {"endpoint", version.name},
                        {"kind", name_of(transition.kind)},
                        {"minute", to_rfc3339(transition.minute)},
                        {"at", to_rfc3339(transition.at)},
                        {"from_severity", severity_or_null(transition.from)},
                        {"to_severity", severity_or_null(transition.to)},
                        {"scope", name_of(transition.scope)},
                        {"flapping", transition.flapping},
                        {"regions", region_names(names, transition.regions)},
                        {"detail", transition.detail}};
    add_number(notice, "silenced_by", silenced_by);
    return json::serialize(notice);
}

std::string notice_payload(const NoticeContext& context,
                           const NoticeChange& notice,
                           std::uint64_t id,
                           const char* change) {
    json::object payload{{"notice_id", id},
                         {"tenant", context.version.tenant},
                         {"endpoint", context.version.name},
                         {"notice", name_of(notice.kind)},
                         {"kind", change},
                         {"minute", to_rfc3339(context.minute)},
                         {"at", to_rfc3339(notice.at)},
                         {"regions", region_names(context.names, notice.regions)}};
    add_text(payload, "detail", notice.detail);
    add_number(payload, "silenced_by", context.silenced_by);
    return json::serialize(payload);
}

}  // namespace quorate
