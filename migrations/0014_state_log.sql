-- What the rule and the notices carry from one minute of an endpoint to the next, by archiver/store/state_store: each transaction
-- appends the states that it changed, a row a shard, and the last one of an endpoint counts. A shard's rows are replaced by one
-- with all of its states when they hold ten times as many. endpoint_state keeps what is shown, and is written when that changes.
CREATE TABLE quorate.state_log (
    id        bigint GENERATED ALWAYS AS IDENTITY,
    shard     smallint  NOT NULL,
    endpoints integer[] NOT NULL,
    minutes   bigint[]  NOT NULL,  -- of each: its last sealed minute, in milliseconds since the epoch
    states    bytea[]   NOT NULL,  -- of each: core/incident/state_codec and core/notice/notice_codec
    PRIMARY KEY (shard, id)
);
-- Each is read once, and they are too short to compress well.
ALTER TABLE quorate.state_log ALTER COLUMN states SET STORAGE EXTERNAL;
GRANT SELECT, INSERT, DELETE ON quorate.state_log TO quorate_archiver;

-- What a foreign key would do: states go with their endpoints.
CREATE FUNCTION quorate.forget_states() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE quorate.state_log l SET (endpoints, minutes, states) = (
        SELECT coalesce(array_agg(u.endpoint), '{}'), coalesce(array_agg(u.minute), '{}'), coalesce(array_agg(u.state), '{}')
        FROM unnest(l.endpoints, l.minutes, l.states) AS u(endpoint, minute, state)
        WHERE u.endpoint NOT IN (SELECT g.id FROM gone g))
    WHERE l.endpoints && (SELECT array_agg(g.id) FROM gone g);
    DELETE FROM quorate.state_log WHERE endpoints = '{}';
    RETURN NULL;
END
$$;
CREATE TRIGGER forget_states AFTER DELETE ON quorate.endpoint REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION quorate.forget_states();

-- States of before are read from here until the log has a later one.
ALTER TABLE quorate.endpoint_state ALTER COLUMN state DROP NOT NULL;
COMMENT ON COLUMN quorate.endpoint_state.state IS 'As stored before migration 0014: JSON; cleared when what is shown changes.';
COMMENT ON COLUMN quorate.endpoint_state.notices IS 'As stored before migration 0014: JSON; cleared when what is shown changes.';

-- The last minute that was sealed of an endpoint: of its minutes, packed or not, and where none are kept that of the last state
-- that was stored. What is packed is two hours old at least: whoever asks often looks for later minutes first.
CREATE FUNCTION quorate.last_minute(wanted integer) RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN coalesce(
    greatest((SELECT m.minute FROM quorate.minute m WHERE m.endpoint_id = wanted ORDER BY m.minute DESC LIMIT 1),
             (SELECT max(u.minute) FROM quorate.unpacked_minute u
              WHERE u.endpoint_id = wanted AND u.minute >= (SELECT b.start_at FROM quorate.minute_block b
                                                              WHERE b.endpoint_id = wanted ORDER BY b.start_at DESC LIMIT 1))),
    (SELECT to_timestamp(max(x.minute) / 1000.0)
     FROM quorate.endpoint e JOIN quorate.state_log l ON l.shard = e.shard
     CROSS JOIN LATERAL unnest(l.endpoints, l.minutes) AS x(endpoint, minute)
     WHERE e.id = wanted AND x.endpoint = wanted));

CREATE OR REPLACE VIEW dash.endpoint_status AS
SELECT e.tenant,
       e.name AS endpoint,
       v.url,
       CASE WHEN v.paused THEN 'PAUSED'
            WHEN s.endpoint_id IS NULL THEN 'NEW'
            WHEN decision.name = 'MAINT' THEN 'MAINT'
            ELSE coalesce(severity.name, decision.name)
       END AS state,
       nullif(scope.name, '') AS scope,
       CASE WHEN v.paused THEN v.valid_from
            WHEN i.id IS NOT NULL AND decision.name <> 'MAINT'
            THEN (SELECT max(ev.minute) FROM quorate.incident_event ev
                  WHERE ev.incident_id = i.id AND ev.to_severity IS NOT NULL
                    AND ev.to_severity IS DISTINCT FROM ev.from_severity)
            ELSE s.since
       END AS since,
       coalesce(s.flapping, false) AS flapping,
       s.voters::double precision / nullif(s.cells, 0) AS coverage,
       CASE WHEN s.endpoint_id IS NOT NULL THEN coalesce(
           (SELECT m.minute FROM quorate.minute m WHERE m.endpoint_id = e.id AND m.minute > now() - interval '2 hours'
            ORDER BY m.minute DESC LIMIT 1),
           quorate.last_minute(e.id)) END AS last_minute,
       CASE WHEN r.endpoint_id IS NOT NULL
            THEN CASE WHEN r.until > now() - interval '25 hours' THEN r.p95_ms_24h END ELSE
           (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY c.total_ms)
            FROM quorate.minute m CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c
            WHERE m.endpoint_id = e.id AND m.minute > now() - interval '24 hours'
              AND c.verdict BETWEEN 1 AND 4)
       END AS p95_ms_24h,
       u.up::double precision / nullif(u.up + u.down, 0) AS uptime_30d
FROM quorate.endpoint e
JOIN quorate.uptime_30d u ON u.endpoint_id = e.id
CROSS JOIN LATERAL (  -- the version in force; before its first minute the one to come
    SELECT * FROM quorate.endpoint_version ev WHERE ev.endpoint_id = e.id
      AND (ev.valid_to IS NULL OR (ev.valid_to > now() AND ev.valid_to > ev.valid_from))
    ORDER BY ev.valid_from LIMIT 1) v
LEFT JOIN quorate.endpoint_state s ON s.endpoint_id = e.id
LEFT JOIN quorate.rolling r ON r.endpoint_id = e.id
LEFT JOIN quorate.incident i ON i.endpoint_id = e.id AND i.closed_at IS NULL
LEFT JOIN quorate.enum_name decision ON decision.kind = 'decision' AND decision.value = s.decision
LEFT JOIN quorate.enum_name severity ON severity.kind = 'severity' AND severity.value = i.severity
LEFT JOIN quorate.enum_name scope
       ON scope.kind = 'scope' AND scope.value = coalesce(i.scope, s.scope)
WHERE e.deleted_at IS NULL;

ALTER TABLE quorate.endpoint_state DROP COLUMN last_minute;

-- As grow_spell, which was half a millisecond a spell and minute; a JSON array of {e, r, f, l, q}: endpoint, region, first and last minute
-- of the spell, and the quorum. A minute is looked at once: when the spell first reaches behind it. What it is at the spell's end
-- the archiver knows, as it seals it.
CREATE FUNCTION quorate.grow_spells(grown json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    endpoints integer[];
    seen      timestamptz[];  -- minutes after this one
    ends      timestamptz[];  -- and before this one
    quorums   integer[];
    changed   timestamptz;
BEGIN
    WITH spells AS (SELECT * FROM json_to_recordset(grown)
                    AS x (e integer, r smallint, f timestamptz, l timestamptz, q integer)),
         ranges AS (SELECT g.e, g.l, g.q,
                           coalesce(lag(g.l) OVER (PARTITION BY g.e, g.r, g.f ORDER BY g.l), s.last_minute,
                                    g.f - interval '1 microsecond') AS seen
                    FROM spells g LEFT JOIN quorate.spell s
                      ON s.endpoint_id = g.e AND s.region_id = g.r AND s.first_minute = g.f)
    SELECT array_agg(x.e), array_agg(x.seen), array_agg(x.l), array_agg(x.q) INTO endpoints, seen, ends, quorums
    FROM ranges x CROSS JOIN quorate.deployment d WHERE x.l - x.seen > d.window_ms * interval '1 millisecond';

    INSERT INTO quorate.spell SELECT x.e, x.r, x.f, max(x.l) FROM json_to_recordset(grown)
        AS x (e integer, r smallint, f timestamptz, l timestamptz) GROUP BY 1, 2, 3
    ON CONFLICT (endpoint_id, region_id, first_minute) DO UPDATE SET last_minute = excluded.last_minute;
    IF endpoints IS NULL THEN
        RETURN;
    END IF;
    -- One by one, so that each is a look into the primary key whatever statistics say; few spells begin at a time.
    FOR i IN 1 .. cardinality(endpoints) LOOP
        IF seen[i] < now() - interval '2 hours' THEN  -- what is later is not packed
            PERFORM quorate.unpack_blocks(endpoints[i], seen[i] + interval '1 microsecond', ends[i]);
        END IF;
        FOR changed IN
            UPDATE quorate.minute m SET uptime_use = 1
            WHERE m.endpoint_id = endpoints[i] AND m.minute > seen[i] AND m.minute < ends[i] AND m.uptime_use = 0
              AND quorums[i] <= (SELECT count(DISTINCT s.region_id) FROM quorate.spell s
                                 WHERE s.endpoint_id = endpoints[i] AND m.minute BETWEEN s.first_minute AND s.last_minute)
            RETURNING m.minute
        LOOP
            PERFORM quorate.mark_stale(endpoints[i], changed);
        END LOOP;
    END LOOP;
END
$$;
DROP FUNCTION quorate.grow_spell(integer, smallint, timestamptz, timestamptz, integer);

-- As before, but a list that is known costs an update alone, and the plans are kept.
CREATE OR REPLACE FUNCTION quorate.see_manifests(seen json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH lists AS (
        SELECT x.e, x.r, x.s COLLATE "C" AS s, x.f COLLATE "C" AS f, max(x.n) AS n, min(x.m) AS first, max(x.m) AS last
        FROM json_to_recordset(seen) AS x (e integer, r smallint, s text, f text, n integer, m timestamptz)
        GROUP BY 1, 2, 3, 4),
    known AS (
        UPDATE quorate.manifest_seen k SET last_seen = greatest(k.last_seen, l.last), tool_count = l.n FROM lists l
        WHERE k.endpoint_id = l.e AND k.region_id = l.r AND k.full_hash = l.f AND k.semantic_hash = l.s
        RETURNING l.e, l.r, l.s, l.f),
    ordered AS (
        SELECT l.*, lag(l.s) OVER (PARTITION BY l.e, l.r ORDER BY l.first) AS before FROM lists l)
    INSERT INTO quorate.manifest_seen
    SELECT o.e, o.r, o.s, o.f, o.n, o.first, o.last,
           CASE WHEN coalesce(o.before, (SELECT b.semantic_hash FROM quorate.manifest_seen b
                                         WHERE b.endpoint_id = o.e AND b.region_id = o.r AND b.last_seen < o.first
                                         ORDER BY b.last_seen DESC LIMIT 1)) = o.s THEN 'text' END
    FROM ordered o WHERE NOT EXISTS (SELECT FROM known k WHERE (k.e, k.r, k.s, k.f) = (o.e, o.r, o.s, o.f));
END
$$;
-- Rows that are updated in place.
ALTER TABLE quorate.manifest_seen SET (fillfactor = 80);
