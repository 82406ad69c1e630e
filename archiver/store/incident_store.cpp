#include "archiver/store/incident_store.hpp"

#include <map>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "archiver/store/sql_text.hpp"

namespace quorate {
namespace {

std::optional<int> number(std::optional<Severity> severity) {
    if (!severity) return std::nullopt;
    return static_cast<int>(*severity);
}

template <class T>
const T* or_null(const std::optional<T>& value) {
    return value ? &*value : nullptr;
}

/// The most frequent reason of the cells that speak for the transition; the smallest number of
/// equally frequent ones. P3 is about slow cells.
std::optional<int> reason_of(const Transition& transition, const SealedRow* row) {
    if (transition.to == Severity::p3) return static_cast<int>(Reason::slow);
    if (row == nullptr) return std::nullopt;
    std::map<Reason, int> counts;
    for (const auto& cell : row->cells)
        if (cell.verdict == Verdict::fail && cell.reason) ++counts[*cell.reason];
    std::optional<int> best;
    int most = 0;
    for (const auto& [reason, count] : counts)
        if (count > most) {
            most = count;
            best = static_cast<int>(reason);
        }
    return best;
}

/// `{single_witness,endpoint_deleted}`: what this transition has to tell of how it was decided.
std::string marks_text(const Transition& transition, const TransitionContext& context) {
    std::string text;
    const auto add = [&text](std::string_view mark) {
        if (!text.empty() && !mark.empty()) text += ',';
        text += mark;
    };
    if (context.row != nullptr && context.row->record.single_witness) add("single_witness");
    add(name_of(transition.close_mark));
    if (context.silenced_by && transition.notify) add("silenced");
    return "{" + text + "}";
}

IncidentId insert_incident(pqxx::work& work,
                           const Transition& transition,
                           const TransitionContext& context) {
    const auto& version = context.version;
    const auto reason = reason_of(transition, context.row);
    const auto row = work.exec_params1(
        "INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity, "
        "worst_severity, scope, started_at, detected_at, reason, regions, flaps, marks) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::smallint[], $12, $13::text[]) "
        "RETURNING id",
        version.endpoint.value(),
        transition.ordinal,
        version.tenant,
        version.name,
        static_cast<int>(transition.to.value_or(transition.worst)),
        static_cast<int>(transition.worst),
        static_cast<int>(transition.scope),
        timestamp_text(transition.opening.started),
        timestamp_text(transition.opening.detected),
        or_null(reason),
        array_text(transition.regions),
        transition.flaps,
        marks_text(transition, context));
    return IncidentId{row[0].as<std::uint64_t>()};
}

/// Everything but the first opening. `closed` leaves severity and scope as they were.
IncidentId update_incident(pqxx::work& work,
                           const Transition& transition,
                           const TransitionContext& context) {
    const bool closed = transition.kind == TransitionKind::closed;
    const auto severity = number(transition.to);
    // Only a P1 of before the seal has no scope yet; its reason is that of all cells, too.
    const bool sealed_now =
        transition.kind == TransitionKind::scope_changed && transition.from_scope == Scope::none;
    const bool failed_anew = transition.kind == TransitionKind::escalated ||
                             transition.kind == TransitionKind::reopened || sealed_now;
    const auto reason = failed_anew ? reason_of(transition, context.row) : std::nullopt;
    const auto closed_at = closed ? std::optional{timestamp_text(transition.at)} : std::nullopt;
    const auto recovered_at = closed && transition.opening.recovered
                                  ? std::optional{timestamp_text(*transition.opening.recovered)}
                                  : std::nullopt;
    // A recovery can be as old as its opening: the sum is 0 then, and no less known.
    const bool recovered = transition.opening.recovered || transition.mttr_sum.count() > 0;
    const auto mttr = recovered
                          ? std::optional{static_cast<double>(transition.mttr_sum.count()) / 1e6}
                          : std::nullopt;
    const auto row = work.exec_params1(
        "UPDATE quorate.incident SET severity = coalesce($3, severity), worst_severity = $4, "
        "scope = $5, recovered_at = $6, closed_at = $7, "
        "mttr_seconds = coalesce($8, mttr_seconds), reason = coalesce($9, reason), "
        "started_at = CASE WHEN $14 = 1 THEN $13 ELSE started_at END, "
        "regions = ARRAY(SELECT DISTINCT r FROM unnest(regions || $10::smallint[]) r ORDER BY r), "
        "flaps = $11, marks = marks || ARRAY(SELECT mark FROM unnest($12::text[]) mark "
        "WHERE mark <> ALL (marks)) "
        "WHERE endpoint_id = $1 AND ordinal = $2 RETURNING id",
        context.version.endpoint.value(),
        transition.ordinal,
        or_null(severity),
        static_cast<int>(transition.worst),
        static_cast<int>(transition.scope),
        or_null(recovered_at),
        or_null(closed_at),
        or_null(mttr),
        or_null(reason),
        array_text(transition.regions),
        transition.flaps,
        marks_text(transition, context),
        timestamp_text(transition.opening.started),
        transition.openings);
    return IncidentId{row[0].as<std::uint64_t>()};
}

/// The start of what opened before its seal is set at the seal.
void store_opening(pqxx::work& work, const Transition& transition, IncidentId incident) {
    const auto recovered = transition.opening.recovered
                               ? std::optional{timestamp_text(*transition.opening.recovered)}
                               : std::nullopt;
    work.exec_params0(
        "INSERT INTO quorate.incident_opening VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (incident_id, opening) DO UPDATE SET (started_at, recovered_at) = "
        "(excluded.started_at, excluded.recovered_at)",
        incident.value(),
        transition.openings,
        timestamp_text(transition.opening.started),
        timestamp_text(transition.opening.detected),
        or_null(recovered));
}

void store_event(pqxx::work& work,
                 const Transition& transition,
                 IncidentId incident,
                 const TransitionContext& context) {
    const auto from = number(transition.from);
    const auto to = number(transition.to);
    work.exec_params0(
        "INSERT INTO quorate.incident_event (incident_id, at, minute, kind, from_severity, "
        "to_severity, scope, rule_row, detail, inputs) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        incident.value(),
        timestamp_text(transition.at),
        timestamp_text(transition.minute),
        std::string{name_of(transition.kind)},
        or_null(from),
        or_null(to),
        static_cast<int>(transition.scope),
        static_cast<int>(transition.rule_row),
        transition.detail,
        context.row != nullptr ? inputs_json(*context.row, context.names) : inputs_of_deletion());
}

void store_notice(pqxx::work& work,
                  const Transition& transition,
                  IncidentId incident,
                  const TransitionContext& context,
                  const char* suffix) {
    const auto key = fmt::format("{}:{}:{}{}",
                                 incident.value(),
                                 transition.minute.epoch_ms(),
                                 name_of(transition.kind),
                                 suffix);
    work.exec_params0(
        "INSERT INTO quorate.outbox (key, payload) VALUES ($1, $2)",
        key,
        notice_json(context.version, transition, incident, context.names, context.silenced_by));
    if (context.silenced_by) return;
    work.exec_params0(
        "UPDATE quorate.incident SET notified_at = coalesce(notified_at, $2) WHERE id = $1",
        incident.value(),
        timestamp_text(transition.at));
}

}  // namespace

IncidentId store_transition(pqxx::work& work,
                            const Transition& transition,
                            const TransitionContext& context) {
    const auto incident = transition.kind == TransitionKind::opened
                              ? insert_incident(work, transition, context)
                              : update_incident(work, transition, context);
    store_opening(work, transition, incident);
    store_event(work, transition, incident, context);
    if (transition.notify) store_notice(work, transition, incident, context, "");
    return incident;
}

void store_caught_up(pqxx::work& work,
                     const Transition& transition,
                     const TransitionContext& context) {
    const auto row =
        work.exec_params1("SELECT id FROM quorate.incident WHERE endpoint_id = $1 AND ordinal = $2",
                          context.version.endpoint.value(),
                          transition.ordinal);
    store_notice(work, transition, IncidentId{row[0].as<std::uint64_t>()}, context, ":caught_up");
}

}  // namespace quorate
