-- Which tool lists each region was given, by their hashes. Regions tell hashes when they change, and once an hour.
CREATE TABLE quorate.manifest_seen (
    endpoint_id   integer     NOT NULL,
    region_id     smallint    NOT NULL,
    semantic_hash text        NOT NULL,  -- 64 hexadecimal digits: names, schemas and annotations
    full_hash     text        NOT NULL,  -- of everything, texts too
    tool_count    integer,
    first_seen    timestamptz NOT NULL,  -- start of the verdict-minute
    last_seen     timestamptz NOT NULL,
    change_kind   text,                  -- against the list before it in the region: text, or null: not known
    PRIMARY KEY (endpoint_id, region_id, full_hash, semantic_hash)
);
GRANT SELECT ON quorate.manifest_seen TO quorate_coordinator;
GRANT SELECT, INSERT, UPDATE, DELETE ON quorate.manifest_seen TO quorate_archiver;

-- Stores what regions saw; a JSON array of {e, r, s, f, n, m}.
CREATE FUNCTION quorate.see_manifests(seen json) RETURNS void LANGUAGE sql AS $$
    WITH lists AS (
        SELECT x.e, x.r, x.s, x.f, max(x.n) AS n, min(x.m) AS first, max(x.m) AS last
        FROM json_to_recordset(seen) AS x (e integer, r smallint, s text, f text, n integer, m timestamptz)
        GROUP BY x.e, x.r, x.s, x.f),
    ordered AS (
        SELECT l.*, lag(l.s) OVER (PARTITION BY l.e, l.r ORDER BY l.first) AS before FROM lists l)
    INSERT INTO quorate.manifest_seen AS known
    SELECT o.e, o.r, o.s, o.f, o.n, o.first, o.last,
           CASE WHEN coalesce(o.before, (SELECT b.semantic_hash FROM quorate.manifest_seen b
                                         WHERE b.endpoint_id = o.e AND b.region_id = o.r AND b.last_seen < o.first
                                         ORDER BY b.last_seen DESC LIMIT 1)) = o.s THEN 'text' END
    FROM ordered o
    ON CONFLICT (endpoint_id, region_id, full_hash, semantic_hash) DO UPDATE
        SET last_seen = greatest(known.last_seen, excluded.last_seen), tool_count = excluded.tool_count
$$;

CREATE VIEW dash.manifest AS
SELECT e.tenant, e.name AS endpoint, r.name AS region, m.semantic_hash, m.full_hash, m.first_seen, m.last_seen,
       m.tool_count, m.change_kind
FROM quorate.manifest_seen m
JOIN quorate.endpoint e ON e.id = m.endpoint_id
JOIN quorate.region r ON r.id = m.region_id;
COMMENT ON VIEW dash.manifest IS 'The tool lists that each region was given, by their hashes.';
COMMENT ON COLUMN dash.manifest.tenant IS 'Owner of the endpoint.';
COMMENT ON COLUMN dash.manifest.endpoint IS 'Name, unique within the tenant.';
COMMENT ON COLUMN dash.manifest.region IS 'Name of the region.';
COMMENT ON COLUMN dash.manifest.semantic_hash IS 'Hash of names, schemas and annotations (SHA-256 of canonical JSON).';
COMMENT ON COLUMN dash.manifest.full_hash IS 'Hash of everything, texts too.';
COMMENT ON COLUMN dash.manifest.first_seen IS 'First minute in which the region told of it.';
COMMENT ON COLUMN dash.manifest.last_seen IS 'Last minute in which it did; told once an hour while nothing changes.';
COMMENT ON COLUMN dash.manifest.tool_count IS 'How many tools it has.';
COMMENT ON COLUMN dash.manifest.change_kind IS 'Against the list before it: text where only texts differ; null where it is the first, or more differs.';
GRANT SELECT ON dash.manifest TO quorate_coordinator, quorate_archiver, quorate_reader;
