#include "core/incident/advance.hpp"

namespace quorate {

Transition transition_of(const IncidentState& incident,
                         TransitionKind kind,
                         UtcMinute minute,
                         UtcTime at) {
    Transition entry;
    entry.kind = kind;
    entry.ordinal = incident.ordinal;
    entry.incident = incident.id;
    entry.minute = minute;
    entry.at = at;
    if (incident.open) entry.to = incident.severity;
    entry.worst = incident.worst;
    entry.scope = incident.scope;
    entry.close_mark = incident.close_mark;
    entry.opening = incident.opening;
    entry.openings = incident.openings;
    entry.mttr_sum = incident.mttr_sum;
    entry.flaps = incident.flaps;
    return entry;
}

namespace {

constexpr std::string_view kCaughtUp = "changed while nobody was told";

/// The incident that was notified as open is not the present one: it closed meanwhile.
Transition closed_meanwhile(const Notified& notified, UtcMinute minute, UtcTime at) {
    Transition entry;
    entry.kind = TransitionKind::closed;
    entry.ordinal = notified.ordinal;
    entry.incident = notified.id;
    entry.minute = minute;
    entry.at = at;
    entry.from = notified.severity;
    entry.worst = notified.severity;
    entry.detail = kCaughtUp;
    return entry;
}

/// What became of the present incident since the last notice; nothing if all is as notified.
std::optional<TransitionKind> changed_kind(const IncidentState& incident) {
    const auto& told = incident.notified;
    const bool same = told.ordinal == incident.ordinal;
    const bool was_open = told.open && same;
    if (!incident.open) {
        if (was_open) return TransitionKind::closed;
        return std::nullopt;
    }
    if (!was_open) return same ? TransitionKind::reopened : TransitionKind::opened;
    if (incident.severity < told.severity) return TransitionKind::escalated;
    if (incident.severity > told.severity) return TransitionKind::deescalated;
    return std::nullopt;
}

}  // namespace

std::vector<Transition> net_change(const IncidentState& incident, UtcMinute minute, UtcTime at) {
    std::vector<Transition> changes;
    const auto& told = incident.notified;
    if (told.open && told.ordinal != incident.ordinal)
        changes.push_back(closed_meanwhile(told, minute, at));
    if (const auto kind = changed_kind(incident)) {
        auto entry = transition_of(incident, *kind, minute, at);
        if (told.open && told.ordinal == incident.ordinal) entry.from = told.severity;
        entry.detail = kCaughtUp;
        changes.push_back(std::move(entry));
    }
    return changes;
}

Notified notified_now(const IncidentState& incident) {
    return Notified{incident.open, incident.ordinal, incident.id, incident.severity};
}

}  // namespace quorate
