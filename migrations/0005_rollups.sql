-- What is kept of minutes: an endpoint's hours, days and months (UTC), each the sum of its minutes. Uptime
-- counts minutes, coverage cells. `total` is a LatencyHistogram of the healthy cells of all regions,
-- `regions` what core/rollup writes: votes, fails, and histograms per region and phase.
CREATE TABLE quorate.rollup_hour (
    endpoint_id    integer     NOT NULL,
    start_at       timestamptz NOT NULL,
    up             integer     NOT NULL,
    down           integer     NOT NULL,
    excluded       integer     NOT NULL,
    cells_expected integer     NOT NULL,
    cells_measured integer     NOT NULL,
    p50_ms         double precision,
    p95_ms         double precision,
    p99_ms         double precision,
    total          bytea       NOT NULL,
    regions        bytea       NOT NULL,
    PRIMARY KEY (endpoint_id, start_at)
) WITH (toast_tuple_target = 256);
-- Out of line, so that sums read narrow rows; it does not compress.
ALTER TABLE quorate.rollup_hour ALTER COLUMN regions SET STORAGE EXTERNAL;
CREATE TABLE quorate.rollup_day
    (LIKE quorate.rollup_hour INCLUDING ALL) WITH (toast_tuple_target = 256);
CREATE TABLE quorate.rollup_month
    (LIKE quorate.rollup_hour INCLUDING ALL) WITH (toast_tuple_target = 256);

-- All minutes of the shard up to and including this one are in its rollups, each once.
CREATE TABLE quorate.rollup_progress (
    shard smallint    PRIMARY KEY,
    until timestamptz NOT NULL
);

-- Hours of which a minute changed after it was rolled up: a late cell came, or a spell reached back.
CREATE TABLE quorate.rollup_stale (
    endpoint_id integer     NOT NULL,
    start_at    timestamptz NOT NULL,
    PRIMARY KEY (endpoint_id, start_at)
);

-- Quantiles over sliding spans, as of the last rollup.
CREATE TABLE quorate.rolling (
    endpoint_id integer     PRIMARY KEY,
    until       timestamptz NOT NULL,
    p95_ms_24h  double precision,
    p95_ms_30d  double precision
);

GRANT SELECT ON quorate.rollup_hour, quorate.rollup_day, quorate.rollup_month, quorate.rollup_progress,
    quorate.rollup_stale, quorate.rolling TO quorate_coordinator;
GRANT SELECT, INSERT, UPDATE, DELETE ON quorate.rollup_hour, quorate.rollup_day, quorate.rollup_month,
    quorate.rollup_progress, quorate.rollup_stale, quorate.rolling TO quorate_archiver;

-- Notes that the hour of a minute has to be rolled up again, where it was already.
CREATE FUNCTION quorate.mark_stale(endpoint integer, changed timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO quorate.rollup_stale
    SELECT endpoint, date_trunc('hour', changed, 'UTC')
    FROM quorate.endpoint e JOIN quorate.rollup_progress p ON p.shard = e.shard
    WHERE e.id = endpoint AND changed <= p.until
    ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION quorate.grow_spell(endpoint integer, region smallint, first timestamptz,
                                              last timestamptz, quorum integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    seen timestamptz;
    changed timestamptz;
BEGIN
    SELECT s.last_minute INTO seen FROM quorate.spell s
    WHERE s.endpoint_id = endpoint AND s.region_id = region AND s.first_minute = first;
    INSERT INTO quorate.spell VALUES (endpoint, region, first, last)
    ON CONFLICT (endpoint_id, region_id, first_minute) DO UPDATE SET last_minute = last;
    FOR changed IN
        UPDATE quorate.minute m SET uptime_use = 1
        WHERE m.endpoint_id = endpoint AND m.minute >= coalesce(seen, first) AND m.minute < last
          AND m.uptime_use = 0
          AND quorum <= (SELECT count(DISTINCT s.region_id) FROM quorate.spell s
                         WHERE s.endpoint_id = endpoint
                           AND m.minute BETWEEN s.first_minute AND s.last_minute)
        RETURNING m.minute
    LOOP
        PERFORM quorate.mark_stale(endpoint, changed);
    END LOOP;
END
$$;

-- ---------------------------------------------------------------- views
-- How many cells of a minute were expected and how many have a vote; maintenance is in neither.
CREATE FUNCTION quorate.count_cells(cells bytea, OUT expected bigint, OUT measured bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT count(*) FILTER (WHERE get_byte(cells, at + 1) <> 6),
           count(*) FILTER (WHERE get_byte(cells, at + 1) BETWEEN 1 AND 5)
    FROM generate_series(0, length(cells) - 28, 28) AS at;
END;

-- Sums of each endpoint over 30 days, from a whole hour on: whole days, the hours before the first whole day, and
-- the minutes that no rollup has yet.
CREATE VIEW quorate.uptime_30d AS
SELECT e.id AS endpoint_id, u.up, u.down, u.cells_expected, u.cells_measured
FROM quorate.endpoint e
LEFT JOIN quorate.rollup_progress p ON p.shard = e.shard
CROSS JOIN (SELECT date_trunc('hour', now() - interval '30 days', 'UTC') AS first_hour,
                   date_trunc('day', date_trunc('hour', now() - interval '30 days', 'UTC')
                              + interval '24 hours' - interval '1 microsecond', 'UTC') AS first_day) b
CROSS JOIN LATERAL (
    SELECT sum(part.up)::bigint AS up, sum(part.down)::bigint AS down,
           sum(part.cells_expected)::bigint AS cells_expected, sum(part.cells_measured)::bigint AS cells_measured
    FROM (
        SELECT d.up, d.down, d.cells_expected::bigint, d.cells_measured::bigint FROM quorate.rollup_day d
        WHERE d.endpoint_id = e.id AND d.start_at >= b.first_day
        UNION ALL
        SELECT h.up, h.down, h.cells_expected, h.cells_measured FROM quorate.rollup_hour h
        WHERE h.endpoint_id = e.id AND h.start_at >= b.first_hour AND h.start_at < b.first_day
        UNION ALL
        SELECT (m.uptime_use = 0)::integer, (m.uptime_use = 1)::integer, c.expected, c.measured
        FROM (SELECT uptime_use, cells FROM quorate.minute
              WHERE endpoint_id = e.id
                AND minute > greatest(p.until, b.first_hour - interval '1 microsecond') OFFSET 0) m
        CROSS JOIN LATERAL quorate.count_cells(m.cells) c) part) u;

CREATE VIEW dash.uptime_30d AS
SELECT e.tenant, e.name AS endpoint,
       u.up::double precision / nullif(u.up + u.down, 0) AS uptime,
       u.cells_measured::double precision / nullif(u.cells_expected, 0) AS coverage,
       u.down * d.window_ms / 60000.0::double precision AS down_minutes,
       CASE WHEN r.until > now() - interval '31 days' THEN r.p95_ms_30d END AS p95_ms
FROM quorate.endpoint e
CROSS JOIN quorate.deployment d
JOIN quorate.uptime_30d u ON u.endpoint_id = e.id
LEFT JOIN quorate.rolling r ON r.endpoint_id = e.id
WHERE e.deleted_at IS NULL;

-- Each endpoint by itself, so that a filter on its name comes first, and minutes are found by the index
-- (hence OFFSET 0). Endpoints of the same name after one another are one.
CREATE VIEW dash.uptime_daily AS
SELECT (u.start_at AT TIME ZONE 'UTC')::date AS day, e.tenant, e.name AS endpoint,
       sum(u.up)::double precision / nullif(sum(u.up + u.down), 0)::double precision AS uptime,
       sum(u.cells_measured)::double precision
           / nullif(sum(u.cells_expected), 0)::double precision AS coverage,
       (sum(u.down) * min(d.window_ms))::double precision / 60000 AS down_minutes,
       max(u.p50_ms) AS p50_ms, max(u.p95_ms) AS p95_ms, max(u.p99_ms) AS p99_ms
FROM quorate.endpoint e
CROSS JOIN quorate.deployment d
LEFT JOIN quorate.rollup_progress p ON p.shard = e.shard
CROSS JOIN LATERAL (
    SELECT r.start_at, r.up::bigint, r.down::bigint, r.cells_expected::bigint, r.cells_measured::bigint,
           r.p50_ms, r.p95_ms, r.p99_ms
    FROM quorate.rollup_day r WHERE r.endpoint_id = e.id
    UNION ALL
    SELECT date_trunc('day', m.minute, 'UTC'), count(*) FILTER (WHERE m.uptime_use = 0),
           count(*) FILTER (WHERE m.uptime_use = 1), sum(c.expected)::bigint, sum(c.measured)::bigint,
           NULL, NULL, NULL
    FROM (SELECT minute, uptime_use, cells FROM quorate.minute
          WHERE endpoint_id = e.id AND minute > coalesce(p.until, '-infinity') OFFSET 0) m
    CROSS JOIN LATERAL quorate.count_cells(m.cells) c GROUP BY 1) u
GROUP BY u.start_at, e.tenant, e.name;

CREATE VIEW dash.uptime_monthly AS
SELECT (u.start_at AT TIME ZONE 'UTC')::date AS month, e.tenant, e.name AS endpoint,
       sum(u.up)::double precision / nullif(sum(u.up + u.down), 0)::double precision AS uptime,
       sum(u.cells_measured)::double precision
           / nullif(sum(u.cells_expected), 0)::double precision AS coverage,
       (sum(u.down) * min(d.window_ms))::double precision / 60000 AS down_minutes,
       max(u.p50_ms) AS p50_ms, max(u.p95_ms) AS p95_ms, max(u.p99_ms) AS p99_ms
FROM quorate.endpoint e
CROSS JOIN quorate.deployment d
LEFT JOIN quorate.rollup_progress p ON p.shard = e.shard
CROSS JOIN LATERAL (
    SELECT r.start_at, r.up::bigint, r.down::bigint, r.cells_expected::bigint, r.cells_measured::bigint,
           r.p50_ms, r.p95_ms, r.p99_ms
    FROM quorate.rollup_month r WHERE r.endpoint_id = e.id
    UNION ALL
    SELECT date_trunc('month', m.minute, 'UTC'), count(*) FILTER (WHERE m.uptime_use = 0),
           count(*) FILTER (WHERE m.uptime_use = 1), sum(c.expected)::bigint, sum(c.measured)::bigint,
           NULL, NULL, NULL
    FROM (SELECT minute, uptime_use, cells FROM quorate.minute
          WHERE endpoint_id = e.id AND minute > coalesce(p.until, '-infinity') OFFSET 0) m
    CROSS JOIN LATERAL quorate.count_cells(m.cells) c GROUP BY 1) u
GROUP BY u.start_at, e.tenant, e.name;

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
       s.last_minute,
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

COMMENT ON COLUMN dash.endpoint_status.p95_ms_24h IS
    '95th percentile of the total time of healthy cells of the last 24 hours, within 2.5 %; minutes to an hour old where there are many endpoints.';

COMMENT ON VIEW dash.uptime_30d IS 'Uptime of the last 30 days, to the hour at its far end, to the last sealed minute at its near one.';
COMMENT ON COLUMN dash.uptime_30d.tenant IS 'Owner of the endpoint.';
COMMENT ON COLUMN dash.uptime_30d.endpoint IS 'Name, unique within the tenant.';
COMMENT ON COLUMN dash.uptime_30d.uptime IS 'Share of minutes that were not down, 0..1; minutes that nobody or one witness saw, and maintenance, are left out.';
COMMENT ON COLUMN dash.uptime_30d.coverage IS 'Measured cells / expected cells, 0..1, maintenance left out.';
COMMENT ON COLUMN dash.uptime_30d.down_minutes IS 'Down time in minutes of 60 s.';
COMMENT ON COLUMN dash.uptime_30d.p95_ms IS '95th percentile of the total time of healthy cells, within 2.5 %, as of the last rollup.';

COMMENT ON VIEW dash.uptime_daily IS 'Uptime per UTC day; the present one as far as it is sealed.';
COMMENT ON COLUMN dash.uptime_daily.day IS 'UTC day.';
COMMENT ON COLUMN dash.uptime_daily.tenant IS 'Owner of the endpoint.';
COMMENT ON COLUMN dash.uptime_daily.endpoint IS 'Name, unique within the tenant.';
COMMENT ON COLUMN dash.uptime_daily.uptime IS 'Share of minutes that were not down, 0..1; null where none counts.';
COMMENT ON COLUMN dash.uptime_daily.coverage IS 'Measured cells / expected cells, 0..1, maintenance left out.';
COMMENT ON COLUMN dash.uptime_daily.down_minutes IS 'Down time in minutes of 60 s.';
COMMENT ON COLUMN dash.uptime_daily.p50_ms IS 'Median total time of healthy cells, within 2.5 %, as of the last rollup.';
COMMENT ON COLUMN dash.uptime_daily.p95_ms IS '95th percentile, likewise.';
COMMENT ON COLUMN dash.uptime_daily.p99_ms IS '99th percentile, likewise.';

COMMENT ON VIEW dash.uptime_monthly IS 'Uptime per UTC month; the present one as far as it is sealed.';
COMMENT ON COLUMN dash.uptime_monthly.month IS 'First day of the UTC month.';
COMMENT ON COLUMN dash.uptime_monthly.tenant IS 'Owner of the endpoint.';
COMMENT ON COLUMN dash.uptime_monthly.endpoint IS 'Name, unique within the tenant.';
COMMENT ON COLUMN dash.uptime_monthly.uptime IS 'Share of minutes that were not down, 0..1; null where none counts.';
COMMENT ON COLUMN dash.uptime_monthly.coverage IS 'Measured cells / expected cells, 0..1, maintenance left out.';
COMMENT ON COLUMN dash.uptime_monthly.down_minutes IS 'Down time in minutes of 60 s.';
COMMENT ON COLUMN dash.uptime_monthly.p50_ms IS 'Median total time of healthy cells, within 2.5 %, as of the last rollup.';
COMMENT ON COLUMN dash.uptime_monthly.p95_ms IS '95th percentile, likewise.';
COMMENT ON COLUMN dash.uptime_monthly.p99_ms IS '99th percentile, likewise.';

GRANT SELECT ON dash.uptime_30d, dash.uptime_daily, dash.uptime_monthly
    TO quorate_coordinator, quorate_archiver, quorate_reader;

-- The views read many narrow ranges by index. Postgres takes that for so much work that it compiles each query first, which takes
-- longer (0.7 s) than the query of 2,500 endpoints itself. New sessions alone.
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = off', current_database()); END $$;
