-- What each tool list says, once, by its hash: the canonical JSON of which `full_hash` is the SHA-256
-- (core/manifest). Lists that agents did not send, or that are larger than 1 MiB, are known by their hashes alone.
CREATE TABLE quorate.manifest (
    full_hash text        PRIMARY KEY,  -- 64 hexadecimal digits
    content   text        NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON quorate.manifest TO quorate_coordinator;
GRANT SELECT, INSERT, DELETE ON quorate.manifest TO quorate_archiver;
-- Who refers to a list.
CREATE INDEX manifest_seen_hash ON quorate.manifest_seen (full_hash);

-- As before; a list that is new to a region says what it is against the one before it (`k`), where the archiver could
-- compare them. @return the lists that are new to a region, and of which it is not stored what they say.
DROP FUNCTION quorate.see_manifests(json);
CREATE FUNCTION quorate.see_manifests(seen json) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH lists AS (
        SELECT x.e, x.r, x.s COLLATE "C" AS s, x.f COLLATE "C" AS f, max(x.n) AS n, min(x.m) AS first, max(x.m) AS last,
               (array_agg(x.k ORDER BY x.m))[1] AS k
        FROM json_to_recordset(seen) AS x (e integer, r smallint, s text, f text, n integer, m timestamptz, k text)
        GROUP BY 1, 2, 3, 4),
    known AS (
        UPDATE quorate.manifest_seen k SET last_seen = greatest(k.last_seen, l.last), tool_count = l.n FROM lists l
        WHERE k.endpoint_id = l.e AND k.region_id = l.r AND k.full_hash = l.f AND k.semantic_hash = l.s
        RETURNING l.e, l.r, l.s, l.f),
    ordered AS (
        SELECT l.*, lag(l.s) OVER (PARTITION BY l.e, l.r ORDER BY l.first) AS before FROM lists l),
    added AS (
        INSERT INTO quorate.manifest_seen AS m
        SELECT o.e, o.r, o.s, o.f, o.n, o.first, o.last,
               coalesce(o.k, CASE coalesce(o.before, (SELECT b.semantic_hash FROM quorate.manifest_seen b
                                                      WHERE b.endpoint_id = o.e AND b.region_id = o.r AND b.last_seen < o.first
                                                      ORDER BY b.last_seen DESC LIMIT 1)) = o.s
                             WHEN true THEN 'text' WHEN false THEN 'contract' END)
        FROM ordered o WHERE NOT EXISTS (SELECT FROM known k WHERE (k.e, k.r, k.s, k.f) = (o.e, o.r, o.s, o.f))
        RETURNING m.full_hash)
    SELECT DISTINCT a.full_hash FROM added a
    WHERE NOT EXISTS (SELECT FROM quorate.manifest c WHERE c.full_hash = a.full_hash);
END
$$;

-- What nobody refers to any more goes with the last row that did.
CREATE FUNCTION quorate.forget_manifests() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM quorate.manifest m USING (SELECT DISTINCT g.full_hash FROM gone g) g
    WHERE m.full_hash = g.full_hash AND NOT EXISTS (SELECT FROM quorate.manifest_seen s WHERE s.full_hash = g.full_hash);
    RETURN NULL;
END
$$;
CREATE TRIGGER forget_manifests AFTER DELETE ON quorate.manifest_seen REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION quorate.forget_manifests();

CREATE OR REPLACE VIEW dash.manifest AS
SELECT e.tenant, e.name AS endpoint, r.name AS region, m.semantic_hash, m.full_hash, m.first_seen, m.last_seen,
       m.tool_count, m.change_kind, c.full_hash IS NOT NULL AS content_stored
FROM quorate.manifest_seen m
JOIN quorate.endpoint e ON e.id = m.endpoint_id
JOIN quorate.region r ON r.id = m.region_id
LEFT JOIN quorate.manifest c ON c.full_hash = m.full_hash;
COMMENT ON COLUMN dash.manifest.change_kind IS
    'Against the list before it in the region, when it was first seen there: breaking, tightening, additive or text, the worst of its changes; contract where it is not known which of the first three, as one of the lists is not stored; null where it is the first.';
COMMENT ON COLUMN dash.manifest.content_stored IS 'What the list says is stored, not its hashes alone.';
