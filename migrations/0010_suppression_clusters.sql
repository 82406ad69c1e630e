-- P1s that opened within two windows of one another and share where they point: the host in the URL, the address that was
-- asked, or the label `as` (the network of the server). A notifier says one thing of a cluster in place of many. Of
-- the last 30 days; an incident may be in one cluster of each kind.
CREATE MATERIALIZED VIEW quorate.suppression_cluster AS
WITH opened AS (  -- the first time that each incident was a P1
    SELECT DISTINCT ON (ev.incident_id) ev.incident_id, i.endpoint_id, ev.minute
    FROM quorate.incident_event ev JOIN quorate.incident i ON i.id = ev.incident_id
    WHERE ev.to_severity = 1 AND ev.from_severity IS DISTINCT FROM 1 AND ev.minute > now() - interval '30 days'
    ORDER BY ev.incident_id, ev.minute),
shared AS (
    SELECT o.incident_id, o.minute, 'host' AS kind,
           lower(substring(v.url FROM '^https?://(?:[^/@]*@)?(\[[^]]*\]|[^/:?#]+)')) AS key
    FROM opened o JOIN quorate.endpoint_version v ON v.endpoint_id = o.endpoint_id
     AND v.valid_from <= o.minute AND (v.valid_to IS NULL OR v.valid_to > o.minute)
    UNION
    SELECT o.incident_id, o.minute, 'as', v.spec->'labels'->>'as'
    FROM opened o JOIN quorate.endpoint_version v ON v.endpoint_id = o.endpoint_id
     AND v.valid_from <= o.minute AND (v.valid_to IS NULL OR v.valid_to > o.minute)
    UNION
    SELECT o.incident_id, o.minute, 'address', cell.value->>'peer_address'
    FROM opened o JOIN quorate.minute m ON m.endpoint_id = o.endpoint_id AND m.minute = o.minute
    CROSS JOIN LATERAL jsonb_each(coalesce(m.details, '{}')) cell),
islands AS (
    SELECT s.*, CASE WHEN s.minute - lag(s.minute) OVER by_key <= 2 * d.window_ms * interval '1 millisecond'
                     THEN 0 ELSE 1 END AS begins
    FROM shared s CROSS JOIN quorate.deployment d WHERE s.key IS NOT NULL
    WINDOW by_key AS (PARTITION BY s.kind, s.key ORDER BY s.minute, s.incident_id)),
numbered AS (
    SELECT i.*, sum(i.begins) OVER (PARTITION BY i.kind, i.key ORDER BY i.minute, i.incident_id) AS island
    FROM islands i)
SELECT kind, key, min(minute) AS first_minute, max(minute) AS last_minute,
       array_agg(DISTINCT incident_id) AS incidents
FROM numbered GROUP BY kind, key, island HAVING count(DISTINCT incident_id) > 1;
CREATE UNIQUE INDEX suppression_cluster_key ON quorate.suppression_cluster (kind, key, first_minute);

CREATE FUNCTION quorate.refresh_suppression_clusters() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
'REFRESH MATERIALIZED VIEW CONCURRENTLY quorate.suppression_cluster';
REVOKE ALL ON FUNCTION quorate.refresh_suppression_clusters() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quorate.refresh_suppression_clusters() TO quorate_archiver;
GRANT SELECT ON quorate.suppression_cluster TO quorate_coordinator, quorate_archiver;

CREATE VIEW dash.suppression_cluster AS
SELECT c.kind, c.key, c.first_minute, c.last_minute, c.incidents,
       ARRAY(SELECT i.tenant || '/' || i.endpoint FROM quorate.incident i WHERE i.id = ANY (c.incidents)
             ORDER BY 1) AS endpoints
FROM quorate.suppression_cluster c;
COMMENT ON VIEW dash.suppression_cluster IS 'P1s that opened together and point to the same place, of the last 30 days; a minute old at most.';
COMMENT ON COLUMN dash.suppression_cluster.kind IS 'What they share: host, address or as (the label of that name).';
COMMENT ON COLUMN dash.suppression_cluster.key IS 'The host, address or label.';
COMMENT ON COLUMN dash.suppression_cluster.first_minute IS 'When the first of them became a P1.';
COMMENT ON COLUMN dash.suppression_cluster.last_minute IS 'When the last of them did.';
COMMENT ON COLUMN dash.suppression_cluster.incidents IS 'dash.incident.id of each.';
COMMENT ON COLUMN dash.suppression_cluster.endpoints IS 'TENANT/NAME of each.';
GRANT SELECT ON dash.suppression_cluster TO quorate_coordinator, quorate_archiver, quorate_reader;
