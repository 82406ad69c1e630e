-- What a large fleet, and years of history, ask of the archive.

-- When each incident became a P1: suppression clusters ask for it each minute, of 30 days.
CREATE INDEX incident_event_p1 ON quorate.incident_event (minute) WHERE to_severity = 1;
COMMENT ON COLUMN quorate.incident_event.inputs IS
    'Cells, region states, voters, failing, healthy, silent, quarantined, row and rule version; of the close of a deleted endpoint the rule version alone.';

-- As before, by a look into the primary key for each endpoint: quorate.minute has no index by minute alone.
CREATE OR REPLACE FUNCTION quorate.disbelieved(of timestamptz, region smallint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(name, ', ' ORDER BY name) FILTER (WHERE place <= 10)
                    || CASE WHEN count(*) > 10 THEN ' and ' || count(*) - 10 || ' more' ELSE '' END, '')
    FROM (SELECT e.tenant || '/' || e.name AS name, row_number() OVER (ORDER BY e.tenant, e.name) AS place
          FROM quorate.endpoint e
          CROSS JOIN LATERAL (SELECT m.cells FROM quorate.minute m
                              WHERE m.endpoint_id = e.id AND m.minute = of OFFSET 0) m
          CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c
          WHERE c.region_id = region AND c.verdict = 0
            AND c.reason = (SELECT value FROM quorate.enum_name
                            WHERE kind = 'reason' AND name = 'region_fault')) named
$$;

-- Which of these endpoints there are, without those that are being forgotten; forget() waits until the transaction ends. So
-- what is written of an endpoint without a foreign key does not outlive it, and nobody waits for a tenant that takes minutes.
CREATE FUNCTION quorate.hold_endpoints(wanted integer[]) RETURNS SETOF integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.id FROM quorate.endpoint e WHERE e.id = ANY (wanted) ORDER BY e.id FOR KEY SHARE SKIP LOCKED
$$;
REVOKE ALL ON FUNCTION quorate.hold_endpoints(integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quorate.hold_endpoints(integer[]) TO quorate_archiver;

-- As before, but not of an endpoint that is being forgotten, else what moves would stay. @return how many
CREATE OR REPLACE FUNCTION quorate.unpack_blocks(endpoint integer, since timestamptz, till timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    length interval := quorate.block_length();
    block  timestamptz;
    count  integer;
    found  integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM quorate.hold_endpoints(ARRAY[endpoint])) THEN
        RETURN 0;
    END IF;
    FOR block IN
        SELECT b.start_at FROM quorate.minute_block b
        WHERE b.endpoint_id = endpoint AND b.start_at > since - length AND b.start_at <= till
    LOOP
        INSERT INTO quorate.minute SELECT u.* FROM quorate.unpacked_minute u
        WHERE u.endpoint_id = endpoint AND u.minute >= block AND u.minute < block + length;
        GET DIAGNOSTICS count = ROW_COUNT;
        found := found + count;
        DELETE FROM quorate.minute_block b WHERE b.endpoint_id = endpoint AND b.start_at = block;
    END LOOP;
    RETURN found;
EXCEPTION WHEN check_violation THEN  -- no partition
    RETURN 0;
END
$$;

-- Sentences about regions name endpoints of any tenant: one that names what is forgotten names nobody any more.
CREATE FUNCTION quorate.forget_names(wanted_tenant text, wanted_endpoint text)
RETURNS TABLE (from_table text, deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named text := '[:,] ' || wanted_tenant || '/' || CASE wanted_endpoint WHEN '' THEN '' ELSE wanted_endpoint || '(,| and |$)' END;
BEGIN
    UPDATE quorate.notice n SET detail = split_part(n.detail, ': ', 1)
    WHERE n.kind = 'region_fault' AND n.detail ~ named;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    from_table := 'notice.detail';
    RETURN NEXT;
    UPDATE quorate.outbox o SET payload = jsonb_set(o.payload, '{detail}', to_jsonb(split_part(o.payload->>'detail', ': ', 1)))
    WHERE o.payload->>'notice' = 'region_fault' AND o.payload->>'detail' ~ named;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    from_table := 'outbox.payload';
    RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION quorate.forget_names(text, text) FROM PUBLIC;

-- Refuses to forget what is watched, or has a minute that is not sealed.
CREATE FUNCTION quorate.expect_unwatched(wanted_tenant text, wanted_endpoint text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    living text;
BEGIN
    SELECT min(e.name) INTO living
    FROM quorate.endpoint e
    WHERE e.tenant = wanted_tenant AND (wanted_endpoint = '' OR e.name = wanted_endpoint)
      AND (e.deleted_at IS NULL OR EXISTS (
               SELECT FROM quorate.endpoint_version v
               LEFT JOIN quorate.shard_watermark w ON w.shard = e.shard
               WHERE v.endpoint_id = e.id AND v.valid_to IS DISTINCT FROM v.valid_from
                 AND (v.valid_to IS NULL OR v.valid_to > w.minute)));
    IF living IS NOT NULL THEN
        RAISE EXCEPTION '%/% is watched still: delete it from the catalogue first, and wait until its last minute is sealed',
            wanted_tenant, living USING ERRCODE = 'object_in_use';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION quorate.expect_unwatched(text, text) FROM PUBLIC;

-- As before (0020), without a lock of all blocks, which holds up other endpoints for as long as this takes: those of what is
-- forgotten are left alone (hold_endpoints). The tenant itself goes with its secrets, below.
CREATE OR REPLACE FUNCTION quorate.forget_watched(wanted_tenant text, wanted_endpoint text)
RETURNS TABLE (from_table text, deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids       integer[];
    incidents bigint[];
BEGIN
    PERFORM quorate.expect_unwatched(wanted_tenant, wanted_endpoint);
    SELECT array_agg(e.id) INTO ids
    FROM quorate.endpoint e
    WHERE e.tenant = wanted_tenant AND (wanted_endpoint = '' OR e.name = wanted_endpoint);
    IF ids IS NULL AND wanted_endpoint <> '' THEN
        RAISE EXCEPTION 'nothing is known of %/%', wanted_tenant, wanted_endpoint USING ERRCODE = 'no_data_found';
    END IF;
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
    REFRESH MATERIALIZED VIEW quorate.suppression_cluster;
END
$$;

-- As before (0024), of such sentences too; and secrets, which lock those of all tenants, come last, before the tenant they refer to.
-- What is watched is refused before anything is locked: archivers leave out what is locked (hold_endpoints).
CREATE OR REPLACE FUNCTION quorate.forget(wanted_tenant text, wanted_endpoint text)
RETURNS TABLE (from_table text, deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM quorate.expect_unwatched(wanted_tenant, wanted_endpoint);
    PERFORM FROM quorate.endpoint e
    WHERE e.tenant = wanted_tenant AND (wanted_endpoint = '' OR e.name = wanted_endpoint) AND e.deleted_at IS NOT NULL
    ORDER BY e.id FOR UPDATE;
    RETURN QUERY SELECT * FROM quorate.forget_watched(wanted_tenant, wanted_endpoint);
    RETURN QUERY SELECT * FROM quorate.forget_windows(wanted_tenant, wanted_endpoint);
    RETURN QUERY SELECT * FROM quorate.forget_names(wanted_tenant, wanted_endpoint);
    RETURN QUERY SELECT * FROM quorate.forget_secrets(wanted_tenant, wanted_endpoint);
    IF wanted_endpoint = '' THEN
        DELETE FROM quorate.tenant WHERE name = wanted_tenant;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        from_table := 'tenant';
        RETURN NEXT;
    END IF;
END
$$;

COMMENT ON COLUMN dash.endpoint_status.state IS
    'PAUSED where the version in force is; else MAINT where the last sealed minute is, so of the last sealed minute and not of now; else the severity of the open incident; else the last decision; NEW before the first sealed minute.';
