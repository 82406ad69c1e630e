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

-- Which of these endpoints there are. They stay until the transaction ends: forget() waits for it, and who asks while one
-- is forgotten waits and does not get it. So what is written of an endpoint without a foreign key does not outlive it.
CREATE FUNCTION quorate.hold_endpoints(wanted integer[]) RETURNS SETOF integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.id FROM quorate.endpoint e WHERE e.id = ANY (wanted) ORDER BY e.id FOR KEY SHARE
$$;
REVOKE ALL ON FUNCTION quorate.hold_endpoints(integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quorate.hold_endpoints(integer[]) TO quorate_archiver;

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

-- As before (0024), of such sentences too; and nobody writes anything of what is forgotten meanwhile.
CREATE OR REPLACE FUNCTION quorate.forget(wanted_tenant text, wanted_endpoint text)
RETURNS TABLE (from_table text, deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM quorate.forget_secrets(wanted_tenant, wanted_endpoint);
    PERFORM FROM quorate.endpoint e
    WHERE e.tenant = wanted_tenant AND (wanted_endpoint = '' OR e.name = wanted_endpoint) ORDER BY e.id FOR UPDATE;
    RETURN QUERY SELECT * FROM quorate.forget_watched(wanted_tenant, wanted_endpoint);
    RETURN QUERY SELECT * FROM quorate.forget_windows(wanted_tenant, wanted_endpoint);
    RETURN QUERY SELECT * FROM quorate.forget_names(wanted_tenant, wanted_endpoint);
END
$$;
