-- The marks of an incident, so far stored and not shown.
CREATE OR REPLACE VIEW dash.incident AS
SELECT i.id, i.tenant, i.endpoint, severity.name AS severity, worst.name AS worst_severity,
       nullif(scope.name, '') AS scope, i.started_at, i.detected_at, i.recovered_at, i.closed_at,
       extract(epoch FROM i.detected_at - i.started_at)::double precision AS mttd_seconds,
       i.mttr_seconds, reason.name AS reason,
       ARRAY(SELECT r.name FROM quorate.region r WHERE r.id = ANY (i.regions) ORDER BY r.name)
           AS regions,
       i.flaps, i.marks
FROM quorate.incident i
JOIN quorate.enum_name severity ON severity.kind = 'severity' AND severity.value = i.severity
JOIN quorate.enum_name worst ON worst.kind = 'severity' AND worst.value = i.worst_severity
JOIN quorate.enum_name scope ON scope.kind = 'scope' AND scope.value = i.scope
LEFT JOIN quorate.enum_name reason ON reason.kind = 'reason' AND reason.value = i.reason;

COMMENT ON COLUMN dash.incident.marks IS
    'What to know about how it was decided: single_witness (a P1 that one region alone could see), closed_single_witness (closed on the word of one region), endpoint_deleted (closed because the endpoint was deleted); empty without any.';
