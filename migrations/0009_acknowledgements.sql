-- Who took notice of an incident, and what they said: rows are added, never changed, by any role of the service.
CREATE TABLE quorate.incident_ack (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES quorate.incident (id) ON DELETE CASCADE,
    at          timestamptz NOT NULL DEFAULT now(),
    principal   text NOT NULL,
    note        text NOT NULL
);
CREATE INDEX incident_ack_incident ON quorate.incident_ack (incident_id);
GRANT SELECT, INSERT ON quorate.incident_ack TO quorate_coordinator;
GRANT SELECT ON quorate.incident_ack TO quorate_archiver;

CREATE OR REPLACE VIEW dash.incident AS
SELECT i.id, i.tenant, i.endpoint, severity.name AS severity, worst.name AS worst_severity,
       nullif(scope.name, '') AS scope, i.started_at, i.detected_at, i.recovered_at, i.closed_at,
       extract(epoch FROM i.detected_at - i.started_at)::double precision AS mttd_seconds,
       i.mttr_seconds, reason.name AS reason,
       ARRAY(SELECT r.name FROM quorate.region r WHERE r.id = ANY (i.regions) ORDER BY r.name)
           AS regions,
       i.flaps, i.marks, ack.at AS acknowledged_at, ack.principal AS acknowledged_by
FROM quorate.incident i
JOIN quorate.enum_name severity ON severity.kind = 'severity' AND severity.value = i.severity
JOIN quorate.enum_name worst ON worst.kind = 'severity' AND worst.value = i.worst_severity
JOIN quorate.enum_name scope ON scope.kind = 'scope' AND scope.value = i.scope
LEFT JOIN quorate.enum_name reason ON reason.kind = 'reason' AND reason.value = i.reason
LEFT JOIN LATERAL (SELECT a.at, a.principal FROM quorate.incident_ack a WHERE a.incident_id = i.id
                   ORDER BY a.id LIMIT 1) ack ON true;

COMMENT ON COLUMN dash.incident.acknowledged_at IS 'When somebody first took notice of it; null: nobody has.';
COMMENT ON COLUMN dash.incident.acknowledged_by IS 'Who did.';
