#include "archiver/store/window_store.hpp"

#include <algorithm>
#include <memory>

#include "archiver/store/sql_text.hpp"
#include "core/maintenance/matchers_json.hpp"
#include "platform/time_zones/time_zones.hpp"

namespace quorate {
namespace {

UtcTime time_of(const pqxx::field& field) {
    return UtcTime{milliseconds{field.as<std::int64_t>()}};
}

/// The rule of a row that has one. What the coordinator stored it has read itself; where that
/// cannot be read the window holds never.
std::optional<WeeklyRule> rule_of(const pqxx::row& row) {
    WeeklyRule rule;
    const auto first_day = parse_local_day(row["first_day"].as<std::string>());
    const auto start = parse_time_of_day(row["start_of_day"].as<std::string>());
    if (!read_rrule(row["rrule"].as<std::string>(), rule).empty() || !first_day || !start)
        rule.days = {};
    rule.first_day = first_day.value_or(std::chrono::local_days{});
    rule.start_of_day = start.value_or(std::chrono::seconds{0});
    rule.duration = std::min<std::chrono::seconds>(
        std::chrono::seconds{row["duration_s"].as<std::int64_t>()}, WeeklyRule::kDurationMax);
    return rule;
}

void load_kind(pqxx::work& work,
               const std::string& table,
               const std::string& oldest,
               PlannedWindows& into,
               LoadedWindows& all) {
    for (const auto& row :
         work.exec_params("SELECT id, matchers, " + epoch_ms("starts_at") + " AS starts, " +
                              epoch_ms("ends_at") +
                              " AS ends, rrule, zone, first_day, start_of_day, duration_s, " +
                              epoch_ms("valid_from") + " AS valid_from, " + epoch_ms("valid_to") +
                              " AS valid_to FROM quorate." + table +
                              " WHERE coalesce(ends_at, 'infinity') > $1"
                              " AND coalesce(valid_to, 'infinity') > greatest($1, valid_from)",
                          oldest)) {
        PlannedWindow window;
        window.id = row["id"].as<std::uint64_t>();
        window.matchers = parse_matchers(row["matchers"].as<std::string>());
        window.start = time_of(row["starts"]);
        if (!row["ends"].is_null()) window.end = time_of(row["ends"]);
        window.valid_from = UtcMinute::from_epoch_ms(row["valid_from"].as<std::int64_t>());
        if (!row["valid_to"].is_null())
            window.valid_to = UtcMinute::from_epoch_ms(row["valid_to"].as<std::int64_t>());
        if (!row["rrule"].is_null()) {
            window.weekly = rule_of(row);
            const auto zone = row["zone"].as<std::string>();
            if (auto found = find_time_zone(zone))
                window.clock = std::move(found->utc_of);
            else
                all.unknown_zones.push_back(zone + " of " + table + " " +
                                            std::to_string(window.id));
        }
        all.by_labels =
            all.by_labels || std::ranges::any_of(window.matchers, [](const auto& matcher) {
                return !matcher.labels.empty();
            });
        into.push_back(std::make_shared<const PlannedWindow>(std::move(window)));
    }
}

/// The start of the oldest minute that some of these shards may have to seal, at most a day ago.
std::string oldest_unsealed(pqxx::work& work, const std::set<ShardId>& shards) {
    return work
        .exec_params1(
            "SELECT least((SELECT min(minute) FROM quorate.shard_watermark"
            "              WHERE shard = ANY ($1::smallint[])),"
            " (SELECT min(v.valid_from) FROM quorate.endpoint_version v"
            "  JOIN quorate.endpoint e ON e.id = v.endpoint_id"
            "  WHERE e.shard = ANY ($1::smallint[])"
            "    AND NOT EXISTS (SELECT FROM quorate.shard_watermark w WHERE w.shard = e.shard)),"
            " now() - interval '1 day')",
            array_text(shards))[0]
        .as<std::string>();
}

}  // namespace

LoadedWindows load_windows(pqxx::work& work, const std::set<ShardId>& shards) {
    LoadedWindows loaded;
    const auto oldest = oldest_unsealed(work, shards);
    load_kind(work, "maintenance", oldest, loaded.maintenance, loaded);
    load_kind(work, "silence", oldest, loaded.silences, loaded);
    return loaded;
}

void add_windows(const LoadedWindows& windows, std::string_view json, EndpointVersion& version) {
    if (windows.maintenance.empty() && windows.silences.empty()) return;
    const auto labels = json.empty() ? Labels{} : parse_labels(json);
    const auto add = [&](const PlannedWindows& from, PlannedWindows& to) {
        for (const auto& window : from)
            if (matches(*window, version.tenant, version.name, labels)) to.push_back(window);
    };
    add(windows.maintenance, version.maintenance);
    add(windows.silences, version.silences);
}

}  // namespace quorate
