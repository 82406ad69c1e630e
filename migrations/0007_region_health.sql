-- How regions did in a minute, over all endpoints: written when it is decided whether a region is believed (that
-- stays), and filled up when all of the minute is sealed.
CREATE TABLE quorate.region_health (
    minute       timestamptz NOT NULL,
    region_id    smallint    NOT NULL,
    agents_alive integer,               -- at the watermark; null: not told yet
    votes        integer     NOT NULL,  -- endpoints with a vote in the region
    fails        integer     NOT NULL,  -- of these, FAIL
    lone_fails   integer     NOT NULL,  -- of these, where the region alone FAILs
    hosts        smallint    NOT NULL,  -- distinct hosts of the lone fails; 3 stands for more too
    quarantined  boolean     NOT NULL,  -- the lone fails count as UNKNOWN(region_fault)
    PRIMARY KEY (minute, region_id)
);

GRANT SELECT ON quorate.region_health TO quorate_coordinator;
GRANT SELECT, INSERT, UPDATE, DELETE ON quorate.region_health TO quorate_archiver;

-- The endpoints that were not believed in a region in a minute, ten by name.
CREATE FUNCTION quorate.disbelieved(of timestamptz, region smallint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(name, ', ' ORDER BY name) FILTER (WHERE place <= 10)
                    || CASE WHEN count(*) > 10 THEN ' and ' || count(*) - 10 || ' more' ELSE '' END, '')
    FROM (SELECT e.tenant || '/' || e.name AS name, row_number() OVER (ORDER BY e.tenant, e.name) AS place
          FROM quorate.minute m JOIN quorate.endpoint e ON e.id = m.endpoint_id
          CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c
          WHERE m.minute = of AND c.region_id = region AND c.verdict = 0
            AND c.reason = (SELECT value FROM quorate.enum_name
                            WHERE kind = 'reason' AND name = 'region_fault')) named
$$;

-- Opens the notice of each region that is not believed in this minute. Closes those of regions that were believed in
-- the last two minutes in which they had a vote, or that had none for an hour. Each change is a row of the outbox,
-- where somebody shall be told. @return what changed.
CREATE FUNCTION quorate.settle_region_faults(of timestamptz, at timestamptz, tell boolean)
RETURNS TABLE (change text, region text, detail text) LANGUAGE plpgsql AS $$
DECLARE
    notice bigint;
BEGIN
    FOR notice, change, region, detail IN
        WITH opened AS (
            INSERT INTO quorate.notice AS n (kind, regions, opened_at, changed_at, detail)
            SELECT 'region_fault', ARRAY[h.region_id], at, at,
                   h.lone_fails || ' of ' || h.votes || ' endpoints fail from ' || r.name
                       || ' and from no other region: ' || quorate.disbelieved(of, h.region_id)
            FROM quorate.region_health h JOIN quorate.region r ON r.id = h.region_id
            WHERE h.minute = of AND h.quarantined
              AND NOT EXISTS (SELECT FROM quorate.notice o WHERE o.kind = 'region_fault'
                              AND o.closed_at IS NULL AND o.regions = ARRAY[h.region_id])
            RETURNING n.id, n.regions, n.detail),
        closed AS (
            UPDATE quorate.notice n SET closed_at = at, changed_at = at
            WHERE n.kind = 'region_fault' AND n.closed_at IS NULL AND NOT EXISTS (
                SELECT FROM (SELECT h.minute, h.quarantined FROM quorate.region_health h
                             WHERE h.region_id = n.regions[1] AND h.minute <= of AND h.votes > 0
                             ORDER BY h.minute DESC LIMIT 2) last
                WHERE last.quarantined AND last.minute > of - interval '1 hour')
            RETURNING n.id, n.regions, n.detail)
        SELECT o.id, 'opened', r.name, o.detail FROM opened o JOIN quorate.region r ON r.id = o.regions[1]
        UNION ALL
        SELECT c.id, 'closed', r.name, c.detail FROM closed c JOIN quorate.region r ON r.id = c.regions[1]
    LOOP
        IF tell THEN
            INSERT INTO quorate.outbox (key, payload)
            VALUES ('notice:' || notice || ':' || (extract(epoch FROM of) * 1000)::bigint || ':' || change,
                    jsonb_build_object('notice_id', notice, 'tenant', NULL, 'endpoint', NULL,
                                       'notice', 'region_fault', 'kind', change, 'minute', of, 'at', at,
                                       'regions', jsonb_build_array(region), 'detail', detail))
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

CREATE VIEW dash.region_health AS
SELECT r.name AS region, h.minute, h.agents_alive, h.votes AS probes,
       h.fails::double precision / nullif(h.votes, 0) AS fail_ratio, h.quarantined, h.lone_fails
FROM quorate.region_health h JOIN quorate.region r ON r.id = h.region_id;

COMMENT ON VIEW dash.region_health IS 'How each region did in each sealed minute, over all endpoints.';
COMMENT ON COLUMN dash.region_health.region IS 'Name of the region.';
COMMENT ON COLUMN dash.region_health.minute IS 'Start of the verdict-minute.';
COMMENT ON COLUMN dash.region_health.agents_alive IS 'Agents heard in the 45 s before the minute was all sealed; null where it is not yet.';
COMMENT ON COLUMN dash.region_health.probes IS 'Endpoints with a vote in the region.';
COMMENT ON COLUMN dash.region_health.fail_ratio IS 'Share of these that fail, 0..1; null where none voted.';
COMMENT ON COLUMN dash.region_health.quarantined IS 'The region was not believed where it alone saw a failure: its cells are UNKNOWN(region_fault) there.';
COMMENT ON COLUMN dash.region_health.lone_fails IS 'Endpoints that fail in this region while others vote and none of them fails.';

GRANT SELECT ON dash.region_health TO quorate_coordinator, quorate_archiver, quorate_reader;
