#include "archiver/store/seal_store.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "archiver/store/health_store.hpp"
#include "archiver/store/incident_store.hpp"
#include "archiver/store/manifest_store.hpp"
#include "archiver/store/notice_store.hpp"
#include "archiver/store/packed_cell.hpp"
#include "archiver/store/sql_text.hpp"
#include "archiver/store/state_store.hpp"
#include "platform/postgres/binary_copy.hpp"

namespace quorate {
namespace {

std::int64_t insert_batch(pqxx::work& work, const SealPlan& plan) {
    const auto [first, last] = std::ranges::minmax_element(plan.rows, {}, &SealedRow::minute);
    return work
        .exec_params1(
            "INSERT INTO quorate.batch (minute_min, minute_max, minutes, sealed_at) "
            "VALUES ($1, $2, $3, $4) RETURNING id",
            timestamp_text(first->minute),
            timestamp_text(last->minute),
            plan.rows.size(),
            timestamp_text(plan.decided_at))[0]
        .as<std::int64_t>();
}

void pack(const SealedRow& row, std::string& bytes) {
    bytes.clear();
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
        auto cell = packed_cell(row.cells[i], row.maintenance);
        cell.region_state = row.states[i].phase;
        cell.absent = is_absent(row.states[i]);
        cell.silent = row.record.silent.has(i);
        append_packed(cell, bytes);
    }
}

/// In the order of the primary key, which is what COPY is fastest with.
void copy_minutes(pqxx::work& work, const SealPlan& plan, std::int64_t batch) {
    std::vector<const SealedRow*> sorted;
    sorted.reserve(plan.rows.size());
    for (const auto& row : plan.rows)
        sorted.push_back(&row);
    std::ranges::sort(sorted, {}, [](const SealedRow* row) {
        return std::tuple{row->version.endpoint, row->minute};
    });
    BinaryCopy copy{work,
                    "quorate.minute",
                    {"minute",
                     "batch_id",
                     "endpoint_id",
                     "decision",
                     "scope",
                     "rule_row",
                     "rule_version",
                     "uptime_use",
                     "cells",
                     "details"}};
    std::string cells;
    for (const auto* row : sorted) {
        pack(*row, cells);
        copy.row();
        copy.timestamp(row->minute.start());
        copy.int8(batch);
        copy.int4(static_cast<std::int32_t>(row->version.endpoint.value()));
        copy.int2(static_cast<std::int16_t>(row->record.decision));
        copy.int2(static_cast<std::int16_t>(row->record.scope));
        copy.int2(static_cast<std::int16_t>(row->record.rule_row));
        copy.int2(static_cast<std::int16_t>(kRuleVersion));
        copy.int2(static_cast<std::int16_t>(row->use));
        copy.bytes(cells);
        if (const auto details = details_json(row->cells); details.empty())
            copy.null();
        else
            copy.jsonb(details);
    }
    copy.finish();
}

/// After the minutes, as spells reach back over minutes of the same plan.
void grow_spells(pqxx::work& work, const SealPlan& plan) {
    std::string spells;
    for (const auto& row : plan.rows)
        for (const auto& spell : row.spells)
            spells += fmt::format(R"({}{{"e":{},"r":{},"f":"{}","l":"{}","q":{}}})",
                                  spells.empty() ? "" : ",",
                                  row.version.endpoint.value(),
                                  spell.region.value(),
                                  timestamp_text(spell.first),
                                  timestamp_text(spell.last),
                                  row.record.quorum);
    if (spells.empty()) return;
    work.exec_params("SELECT quorate.grow_spells($1::json)", "[" + spells + "]");
}

void note_incident(SealPlan& plan, EndpointId endpoint, std::uint32_t ordinal, IncidentId id) {
    auto& rule = plan.changed.at(endpoint).rule;
    if (rule.incident.ordinal == ordinal) set_incident_id(rule, id);
}

void store_incidents(pqxx::work& work, SealPlan& plan, const RegionNames& names) {
    for (const auto* rows : {&plan.early, &plan.rows})
        for (const auto& row : *rows) {
            const TransitionContext context{row.version, &row, names, row.silenced_by};
            for (const auto& transition : row.transitions) {
                const auto id = store_transition(work, transition, context);
                note_incident(plan, row.version.endpoint, transition.ordinal, id);
            }
            for (const auto& transition : row.caught_up)
                store_caught_up(work, transition, context);
        }
    for (const auto& close : plan.closes) {
        const NoticeContext notices{close.version, close.minute, names, {}};
        store_notices(work, close.notices, notices);
        const TransitionContext context{close.version, nullptr, names, {}};
        for (const auto& transition : close.transitions) {
            const auto id = store_transition(work, transition, context);
            note_incident(plan, close.version.endpoint, transition.ordinal, id);
        }
        for (const auto& transition : close.caught_up)
            store_caught_up(work, transition, context);
    }
}

void store_watermarks(pqxx::work& work, const SealPlan& plan) {
    std::string watermarks;
    for (const auto& watermark : plan.watermarks)
        watermarks += fmt::format(R"({}{{"shard":{},"minute":"{}"}})",
                                  watermarks.empty() ? "" : ",",
                                  watermark.shard.value(),
                                  timestamp_text(watermark.minute));
    if (watermarks.empty()) return;
    work.exec_params(
        "INSERT INTO quorate.shard_watermark (shard, minute) SELECT shard, minute "
        "FROM json_to_recordset($1::json) AS x (shard smallint, minute timestamptz) "
        "ON CONFLICT (shard) DO UPDATE SET minute = excluded.minute, "
        "updated_at = CURRENT_TIMESTAMP WHERE excluded.minute > shard_watermark.minute",
        "[" + watermarks + "]");
}

}  // namespace

void store_plan(pqxx::work& work,
                SealPlan& plan,
                const std::vector<ShardStates>& states,
                const RegionNames& names) {
    // Redis forgets what is committed here: a server set to lose its last commits must not.
    work.exec0("SET LOCAL synchronous_commit TO on");
    if (!plan.rows.empty()) {
        const auto batch = insert_batch(work, plan);
        copy_minutes(work, plan, batch);
        grow_spells(work, plan);
        store_manifests(work, plan);
    }
    store_incidents(work, plan, names);
    for (const auto& row : plan.rows)
        store_notices(work, row.notices, {row.version, row.minute, names, row.silenced_by});
    store_tallies(work, plan.tallies);
    store_states(work, plan, states);
    store_watermarks(work, plan);
    if (!plan.rows.empty()) work.exec("NOTIFY quorate_sealed");
}

}  // namespace quorate
