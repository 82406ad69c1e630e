-- How regions did in a minute, over all endpoints. The rows of a minute are written once: when it is decided
-- whether a region is believed (what replays need), or when all of the minute is sealed.
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

-- Opens the notice of each region that is not believed in this minute, and closes those of regions that were
-- believed in this minute and the one before it.
CREATE FUNCTION quorate.settle_region_faults(of timestamptz, before timestamptz, at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO quorate.notice (kind, regions, opened_at, changed_at, detail)
    SELECT 'region_fault', ARRAY[h.region_id], at, at,
           h.lone_fails || ' of ' || h.votes || ' endpoints fail from ' || r.name
               || ' and from no other region: '
               || coalesce((SELECT string_agg(named.name, ', ' ORDER BY named.name)
                            FROM (SELECT e.tenant || '/' || e.name AS name
                                  FROM quorate.minute m JOIN quorate.endpoint e ON e.id = m.endpoint_id
                                  CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c
                                  WHERE m.minute = of AND c.region_id = h.region_id AND c.verdict = 0
                                    AND c.reason = (SELECT value FROM quorate.enum_name
                                                    WHERE kind = 'reason' AND name = 'region_fault')
                                  ORDER BY 1 LIMIT 10) named), '')
    FROM quorate.region_health h JOIN quorate.region r ON r.id = h.region_id
    WHERE h.minute = of AND h.quarantined
      AND NOT EXISTS (SELECT FROM quorate.notice n WHERE n.kind = 'region_fault'
                      AND n.closed_at IS NULL AND n.regions = ARRAY[h.region_id]);
    UPDATE quorate.notice n SET closed_at = at, changed_at = at
    WHERE n.kind = 'region_fault' AND n.closed_at IS NULL
      AND NOT EXISTS (SELECT FROM quorate.region_health h WHERE h.minute IN (of, before)
                      AND ARRAY[h.region_id] = n.regions AND h.quarantined);
END
$$;

CREATE VIEW dash.region_health AS
SELECT r.name AS region, h.minute, h.agents_alive, h.votes AS probes,
       h.fails::double precision / nullif(h.votes, 0) AS fail_ratio, h.quarantined, h.lone_fails
FROM quorate.region_health h JOIN quorate.region r ON r.id = h.region_id;

COMMENT ON VIEW dash.region_health IS 'How each region did in each sealed minute, over all endpoints.';
COMMENT ON COLUMN dash.region_health.region IS 'Name of the region.';
COMMENT ON COLUMN dash.region_health.minute IS 'Start of the verdict-minute.';
COMMENT ON COLUMN dash.region_health.agents_alive IS 'Agents heard in the 45 s before the watermark; null where the minute is not all sealed yet.';
COMMENT ON COLUMN dash.region_health.probes IS 'Endpoints with a vote in the region.';
COMMENT ON COLUMN dash.region_health.fail_ratio IS 'Share of these that fail, 0..1; null where none voted.';
COMMENT ON COLUMN dash.region_health.quarantined IS 'The region was not believed where it alone saw a failure: its cells are UNKNOWN(region_fault) there.';
COMMENT ON COLUMN dash.region_health.lone_fails IS 'Endpoints that fail in this region while others vote and none of them fails.';

GRANT SELECT ON dash.region_health TO quorate_coordinator, quorate_archiver, quorate_reader;
