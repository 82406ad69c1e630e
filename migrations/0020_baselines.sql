-- How long endpoints take in calm minutes (decided OK, within no incident), a UTC day at a time: what archiver/rollup counts beside the
-- rollups, each minute once, and core/baseline writes. Kept for nine days.
CREATE TABLE quorate.baseline_day (
    endpoint_id integer     NOT NULL REFERENCES quorate.endpoint (id) ON DELETE CASCADE,
    start_at    timestamptz NOT NULL,
    regions     bytea       NOT NULL,
    PRIMARY KEY (endpoint_id, start_at)
) WITH (toast_tuple_target = 256);
-- Out of line; it does not compress.
ALTER TABLE quorate.baseline_day ALTER COLUMN regions SET STORAGE EXTERNAL;
CREATE INDEX baseline_day_start ON quorate.baseline_day USING brin (start_at);

-- What is usual of an endpoint seen from a region, by the last seven days and today. A row is written when what it says changes.
CREATE TABLE quorate.baseline (
    endpoint_id   integer     NOT NULL REFERENCES quorate.endpoint (id) ON DELETE CASCADE,
    region_id     smallint    NOT NULL,
    p50_ms        integer,    -- of the total; null: less than 24 hours of history
    p95_ms        integer,
    tcp_us        integer,    -- medians; null: the phase has no history
    tls_us        integer,
    initialize_us integer,
    tools_list_us integer,
    rest_us       integer,    -- of the total, what is in no phase above
    changed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (endpoint_id, region_id)
);
CREATE INDEX baseline_changed ON quorate.baseline (changed_at);

-- Which incidents touch the minutes that are counted.
CREATE INDEX incident_closed ON quorate.incident (closed_at);

GRANT SELECT ON quorate.baseline_day, quorate.baseline TO quorate_coordinator;
GRANT SELECT, INSERT, UPDATE, DELETE ON quorate.baseline_day, quorate.baseline TO quorate_archiver;

CREATE VIEW dash.baseline AS
SELECT e.tenant, e.name AS endpoint, r.name AS region, b.p50_ms::double precision, b.p95_ms::double precision,
       greatest(2 * b.p95_ms, b.p50_ms + 150)::double precision AS slow_over_ms,
       b.tcp_us / 1000.0::double precision AS connect_ms, b.tls_us / 1000.0::double precision AS tls_ms,
       b.initialize_us / 1000.0::double precision AS initialize_ms,
       b.tools_list_us / 1000.0::double precision AS tools_list_ms, b.changed_at
FROM quorate.baseline b
JOIN quorate.endpoint e ON e.id = b.endpoint_id
JOIN quorate.region r ON r.id = b.region_id
WHERE e.deleted_at IS NULL AND b.p50_ms IS NOT NULL;
COMMENT ON VIEW dash.baseline IS 'What is usual of an endpoint seen from a region, by the calm minutes of the last seven days and today; none with less than 24 hours of them.';
COMMENT ON COLUMN dash.baseline.tenant IS 'Owner of the endpoint.';
COMMENT ON COLUMN dash.baseline.endpoint IS 'Name, unique within the tenant.';
COMMENT ON COLUMN dash.baseline.region IS 'Name of the region.';
COMMENT ON COLUMN dash.baseline.p50_ms IS 'Median of the total time, within 2.5 %.';
COMMENT ON COLUMN dash.baseline.p95_ms IS '95th percentile of the total time, within 2.5 %.';
COMMENT ON COLUMN dash.baseline.slow_over_ms IS 'Cells that take longer are slow: the larger of 2 * p95 and p50 + 150 ms; an SLO of the endpoint that is lower counts instead.';
COMMENT ON COLUMN dash.baseline.connect_ms IS 'Median of TCP connect; null without history.';
COMMENT ON COLUMN dash.baseline.tls_ms IS 'Median of the TLS handshake; null without history.';
COMMENT ON COLUMN dash.baseline.initialize_ms IS 'Median of the initialize exchange; null without history.';
COMMENT ON COLUMN dash.baseline.tools_list_ms IS 'Median of the tools/list exchange; null without history.';
COMMENT ON COLUMN dash.baseline.changed_at IS 'When one of these figures was last another.';
GRANT SELECT ON dash.baseline TO quorate_coordinator, quorate_archiver, quorate_reader;

-- As before, of baselines too; the receipt counts the tool lists that nobody else refers to. A test looks for tables that
-- are forgotten here. @return what was deleted, by table
CREATE OR REPLACE FUNCTION quorate.forget(wanted_tenant text, wanted_endpoint text)
RETURNS TABLE (from_table text, deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids       integer[];
    incidents bigint[];
    living    text;
BEGIN
    SELECT array_agg(e.id), min(e.name) FILTER (WHERE e.deleted_at IS NULL OR EXISTS (
               SELECT FROM quorate.endpoint_version v
               LEFT JOIN quorate.shard_watermark w ON w.shard = e.shard
               WHERE v.endpoint_id = e.id AND v.valid_to IS DISTINCT FROM v.valid_from
                 AND (v.valid_to IS NULL OR v.valid_to > w.minute)))
    INTO ids, living
    FROM quorate.endpoint e
    WHERE e.tenant = wanted_tenant AND (wanted_endpoint = '' OR e.name = wanted_endpoint);
    IF living IS NOT NULL THEN
        RAISE EXCEPTION '%/% is watched still: delete it from the catalogue first, and wait until its last minute is sealed',
            wanted_tenant, living USING ERRCODE = 'object_in_use';
    END IF;
    IF ids IS NULL AND wanted_endpoint <> '' THEN
        RAISE EXCEPTION 'nothing is known of %/%', wanted_tenant, wanted_endpoint USING ERRCODE = 'no_data_found';
    END IF;
    -- Nothing is packed or unpacked meanwhile, else what moves would stay.
    LOCK TABLE quorate.minute_block IN SHARE ROW EXCLUSIVE MODE;
    SELECT array_agg(i.id) INTO incidents FROM quorate.incident i
    WHERE i.tenant = wanted_tenant AND (wanted_endpoint = '' OR i.endpoint = wanted_endpoint);

    FOREACH from_table IN ARRAY ARRAY['incident_ack', 'incident_event', 'incident_opening'] LOOP
        EXECUTE format('DELETE FROM quorate.%I WHERE incident_id = ANY ($1)', from_table) USING incidents;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        RETURN NEXT;
    END LOOP;
    DELETE FROM quorate.outbox o
    WHERE o.payload->>'tenant' = wanted_tenant
      AND (wanted_endpoint = '' OR o.payload->>'endpoint' = wanted_endpoint);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    from_table := 'outbox';
    RETURN NEXT;
    FOREACH from_table IN ARRAY ARRAY['incident', 'notice'] LOOP
        EXECUTE format('DELETE FROM quorate.%I WHERE tenant = $1 AND ($2 = '''' OR endpoint = $2)', from_table)
            USING wanted_tenant, wanted_endpoint;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        RETURN NEXT;
    END LOOP;
    -- They go with the last row that names them.
    SELECT count(*) INTO deleted FROM quorate.manifest m
    WHERE EXISTS (SELECT FROM quorate.manifest_seen s WHERE s.full_hash = m.full_hash AND s.endpoint_id = ANY (ids))
      AND NOT EXISTS (SELECT FROM quorate.manifest_seen s WHERE s.full_hash = m.full_hash AND s.endpoint_id <> ALL (ids));
    from_table := 'manifest';
    RETURN NEXT;
    FOREACH from_table IN ARRAY ARRAY['minute', 'minute_block', 'rollup_hour', 'rollup_day', 'rollup_month',
                                      'rollup_stale', 'rolling', 'spell', 'endpoint_state', 'endpoint_version',
                                      'manifest_seen', 'baseline_day', 'baseline'] LOOP
        EXECUTE format('DELETE FROM quorate.%I WHERE endpoint_id = ANY ($1)', from_table) USING ids;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        RETURN NEXT;
    END LOOP;
    DELETE FROM quorate.endpoint WHERE id = ANY (ids);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    from_table := 'endpoint';
    RETURN NEXT;
    IF wanted_endpoint = '' THEN
        DELETE FROM quorate.tenant WHERE name = wanted_tenant;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        from_table := 'tenant';
        RETURN NEXT;
    END IF;
    REFRESH MATERIALIZED VIEW quorate.suppression_cluster;
END
$$;
