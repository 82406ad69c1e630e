#include "archiver/store/window_store.hpp"

#include <algorithm>
#include <memory>

#include "archiver/store/sql_text.hpp"
#include "core/base/text.hpp"
#include "core/maintenance/matchers_json.hpp"
#include "platform/time_zones/time_zones.hpp"

namespace quorate {
namespace {

constexpr std::size_t kZoneMax = 64;

UtcTime time_of(const pqxx::field& field) {
    return UtcTime{milliseconds{field.as<std::int64_t>()}};
}

/// Fills in when the window holds. @return what of it can't be read here; empty: nothing
std::string read_when(const pqxx::row& row, PlannedWindow& window) {
    window.start = time_of(row["starts"]);
    if (!row["ends"].is_null()) window.end = time_of(row["ends"]);
    window.valid_from = UtcMinute::from_epoch_ms(row["valid_from"].as<std::int64_t>());
    if (!row["valid_to"].is_null())
        window.valid_to = UtcMinute::from_epoch_ms(row["valid_to"].as<std::int64_t>());
    if (row["rrule"].is_null()) return {};
    window.weekly = read_stored({row["rrule"].as<std::string>(),
                                 row["first_day"].as<std::string>(),
                                 row["start_of_day"].as<std::string>(),
                                 row["duration_s"].as<std::int64_t>()});
    if (!window.weekly) return "its rule";
    const auto zone = row["zone"].as<std::string>();
    auto found = find_time_zone(zone);
    if (!found) return "its time zone " + safe_text(zone, kZoneMax);
    window.clock = std::move(found->utc_of);
    return {};
}

void load_kind(pqxx::work& work,
               const std::string& table,
               const std::string& oldest,
               PlannedWindows& into,
               LoadedWindows& all) {
    for (const auto& row :
         work.exec_params("SELECT id, matchers, jsonb_array_length(matchers) AS matcher_count, " +
                              epoch_ms("starts_at") + " AS starts, " + epoch_ms("ends_at") +
                              " AS ends, rrule, zone, first_day, start_of_day, duration_s, " +
                              epoch_ms("valid_from") + " AS valid_from, " + epoch_ms("valid_to") +
                              " AS valid_to FROM quorate." + table +
                              " WHERE coalesce(least(ends_at, valid_to), 'infinity') > $1"
                              " AND coalesce(valid_to, 'infinity') > valid_from",
                          oldest)) {
        PlannedWindow window;
        window.id = row["id"].as<std::uint64_t>();
        window.matchers = parse_matchers(row["matchers"].as<std::string>());
        auto wrong = read_when(row, window);
        if (wrong.empty() && window.matchers.size() != row["matcher_count"].as<std::size_t>())
            wrong = "one of its matchers";
        if (!wrong.empty())
            all.unusable.push_back(table + " " + std::to_string(window.id) + ": " + wrong +
                                   " can't be read");
        if (window.weekly.has_value() != !row["rrule"].is_null()) continue;
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
    load_kind(work, "maintenance", oldest, loaded.windows.maintenance, loaded);
    load_kind(work, "silence", oldest, loaded.windows.silences, loaded);
    return loaded;
}

}  // namespace quorate
