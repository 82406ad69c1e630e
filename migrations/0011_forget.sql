-- What was ordered, by whom, and what came of it: rows are added, never changed, by any role of the service.
CREATE TABLE quorate.audit (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    principal text  NOT NULL,
    method    text  NOT NULL,
    target    text  NOT NULL,
    outcome   text  NOT NULL,
    receipt   jsonb NOT NULL DEFAULT '{}'
);
GRANT SELECT, INSERT ON quorate.audit TO quorate_coordinator;
GRANT SELECT ON quorate.audit TO quorate_archiver;

-- Deletes everything that is known of a tenant, or of one endpoint of it, deleted ones of the same name included. All
-- have to be out of the catalogue, and their last minutes sealed: what is watched would come back. A test looks for
-- tables that are forgotten here. @return what was deleted, by table
CREATE FUNCTION quorate.forget(wanted_tenant text, wanted_endpoint text)
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
    FOREACH from_table IN ARRAY ARRAY['minute', 'rollup_hour', 'rollup_day', 'rollup_month', 'rollup_stale',
                                      'rolling', 'spell', 'endpoint_state', 'endpoint_version', 'manifest_seen'] LOOP
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
REVOKE ALL ON FUNCTION quorate.forget(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quorate.forget(text, text) TO quorate_coordinator;
