-- What month.py makes of one day, laid over 90 days up to the last whole minute.
BEGIN;
CREATE TEMP TABLE span AS
SELECT date_trunc('minute', now()) - interval '1 minute' AS last_minute,
       date_trunc('hour', now() - interval '2 days', 'UTC') AS hot_from,
       date_trunc('hour', now() - interval '30 days', 'UTC') AS packed_from,
       date_trunc('day', now() - interval '90 days', 'UTC') AS rolled_from;
CREATE TEMP TABLE region_name (number smallint, name text);
CREATE TEMP TABLE kind AS SELECT id, decision, scope, rule_row, uptime_use, cells, cells_up, cells_slow, cells_degraded,
    cells_fail, cells_auth, cells_unknown, cells_maint FROM quorate.minute_kind;
CREATE TEMP TABLE pattern (endpoint integer, place integer, decision smallint, scope smallint, rule_row smallint,
                           uptime_use smallint, cells bytea);
CREATE TEMP TABLE now_minute (LIKE pattern);  -- place: minutes ago
CREATE TEMP TABLE block_pattern (endpoint integer, hour integer, record_bytes smallint, kind integer, kinds integer[], middle integer[],
                                 spread integer[], longest integer[], shape smallint[], template bytea, records bytea);
CREATE TEMP TABLE hour_pattern (endpoint integer, hour integer, up integer, down integer, excluded integer, expected integer, measured integer,
                                p50 float8, p95 float8, p99 float8);
CREATE TEMP TABLE day_quantiles (endpoint integer, p50 float8, p95 float8, p99 float8);
CREATE TEMP TABLE trouble (endpoint integer, first integer, length integer, regions smallint[], verdict smallint, reason smallint,
                           decision smallint, scope smallint, severity smallint);
CREATE TEMP TABLE now_trouble (LIKE trouble);

-- COPY
ANALYZE pattern; ANALYZE block_pattern; ANALYZE hour_pattern;

-- ---------------------------------------------------------------- catalogue
INSERT INTO quorate.deployment (window_ms, shards) VALUES (60000, 64);
INSERT INTO quorate.region (id, name) OVERRIDING SYSTEM VALUE SELECT number, name FROM region_name;
INSERT INTO quorate.tenant (name) VALUES ('acme'), ('globex'), ('initech') ON CONFLICT DO NOTHING;
INSERT INTO quorate.catalogue_change (principal, summary) VALUES ('month', '{}');
INSERT INTO quorate.endpoint (id, tenant, name, shard, cell_slot, created_at) OVERRIDING SYSTEM VALUE
SELECT n, CASE WHEN n <= 120 THEN 'acme' WHEN n <= 180 THEN 'globex' ELSE 'initech' END, 'server-' || to_char(n, 'FM000'), n % 64, n / 64, rolled_from
FROM generate_series(1, (SELECT max(endpoint) FROM pattern)) n CROSS JOIN span;
INSERT INTO quorate.endpoint_version
SELECT id, 1, 1, rolled_from, NULL, 'https://mcp-' || id % 60 || '.example/mcp', '{1,2,3,4,5}', 60000, id % 67 = 0, '{}'
FROM quorate.endpoint CROSS JOIN span;
INSERT INTO quorate.shard_watermark SELECT n, last_minute FROM generate_series(0, 63) n CROSS JOIN span;
INSERT INTO quorate.rollup_progress SELECT n, last_minute FROM generate_series(0, 63) n CROSS JOIN span;
UPDATE quorate.shard_watermark SET minute = packed_from FROM span;
SELECT quorate.make_minute_partitions() \g /dev/null
UPDATE quorate.shard_watermark SET minute = last_minute FROM span;

-- ---------------------------------------------------------------- minutes
INSERT INTO quorate.minute
SELECT m.minute, extract(epoch FROM m.minute)::bigint / 60, p.endpoint, coalesce(n.decision, p.decision), coalesce(n.scope, p.scope),
       coalesce(n.rule_row, p.rule_row), 1, coalesce(n.uptime_use, p.uptime_use), coalesce(n.cells, p.cells), NULL
FROM span CROSS JOIN generate_series(hot_from, last_minute, interval '1 minute') m (minute)
JOIN pattern p ON p.place = extract(epoch FROM m.minute)::bigint / 60 % 1440
LEFT JOIN now_minute n ON n.endpoint = p.endpoint AND m.minute = last_minute - n.place * interval '1 minute';

INSERT INTO quorate.minute_kind (id, decision, scope, rule_row, rule_version, uptime_use, cells, cells_up, cells_slow, cells_degraded,
                                 cells_fail, cells_auth, cells_unknown, cells_maint) OVERRIDING SYSTEM VALUE
SELECT id, decision, scope, rule_row, 1, uptime_use, cells, cells_up, cells_slow, cells_degraded, cells_fail, cells_auth, cells_unknown,
       cells_maint FROM kind;
INSERT INTO quorate.packed_minute
SELECT m, date_trunc('hour', m, 'UTC'), extract(minute FROM m) FROM span
CROSS JOIN generate_series(packed_from, hot_from - interval '1 minute', interval '1 minute') m;
INSERT INTO quorate.minute_block (endpoint_id, first, stride, start_at, minutes, record_bytes, batch_bytes, kind, batch_base, kinds,
                                  middle, spread, longest, shape, template, records)
SELECT b.endpoint, 0, 1, h, 60, b.record_bytes, 2, b.kind, extract(epoch FROM h)::bigint / 60, b.kinds, b.middle, b.spread, b.longest,
       b.shape, b.template, b.records
FROM span CROSS JOIN generate_series(packed_from, hot_from - interval '1 hour', interval '1 hour') h
JOIN block_pattern b ON b.hour = extract(hour FROM h);

-- ---------------------------------------------------------------- rollups; their histograms have the size of real ones and say nothing
INSERT INTO quorate.rollup_hour
SELECT p.endpoint, h, p.up, p.down, p.excluded, p.expected, p.measured, p.p50, p.p95, p.p99, decode(repeat('5a', 140), 'hex'),
       decode(repeat('5a', 300), 'hex')
FROM span CROSS JOIN generate_series(packed_from, date_trunc('hour', last_minute, 'UTC'), interval '1 hour') h
JOIN hour_pattern p ON p.hour = extract(hour FROM h);
INSERT INTO quorate.rollup_day
SELECT p.endpoint, d, sum(p.up), sum(p.down), sum(p.excluded), sum(p.expected), sum(p.measured), min(q.p50), min(q.p95), min(q.p99),
       decode(repeat('5a', 150), 'hex'), decode(repeat('5a', 1200), 'hex')
FROM span CROSS JOIN generate_series(rolled_from, date_trunc('day', last_minute, 'UTC'), interval '1 day') d
JOIN hour_pattern p ON d + p.hour * interval '1 hour' <= last_minute
JOIN day_quantiles q ON q.endpoint = p.endpoint
GROUP BY 1, 2;
INSERT INTO quorate.rollup_month
SELECT endpoint_id, date_trunc('month', start_at, 'UTC'), sum(up), sum(down), sum(excluded), sum(cells_expected), sum(cells_measured),
       min(p50_ms), max(p95_ms), max(p99_ms), decode(repeat('5a', 150), 'hex'), decode(repeat('5a', 1500), 'hex')
FROM quorate.rollup_day GROUP BY 1, 2;
INSERT INTO quorate.rolling SELECT endpoint, last_minute, p95, p95 FROM day_quantiles CROSS JOIN span;
INSERT INTO quorate.baseline (endpoint_id, region_id, p50_ms, p95_ms, tcp_us, tls_us, tools_list_us, rest_us)
SELECT endpoint, number, p50, p95, p50 * 200, p50 * 300, p50 * 350, p50 * 150 FROM day_quantiles CROSS JOIN region_name;

-- ---------------------------------------------------------------- incidents: those of every day, then those of now
CREATE TEMP TABLE happened AS
SELECT t.endpoint, t.severity, t.scope, t.reason, t.regions, t.decision, d + t.first * interval '1 minute' AS first,
       d + (t.first + t.length) * interval '1 minute' AS ended
FROM span CROSS JOIN generate_series(rolled_from, last_minute, interval '1 day') d CROSS JOIN trouble t
WHERE t.severity > 0 AND d + (t.first + t.length + 3) * interval '1 minute' <= last_minute
UNION ALL
SELECT t.endpoint, t.severity, t.scope, t.reason, t.regions, t.decision, last_minute - (t.length - 1) * interval '1 minute', NULL
FROM span CROSS JOIN now_trouble t WHERE t.severity > 0;
INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity, worst_severity, scope, started_at, detected_at, recovered_at,
                              closed_at, mttr_seconds, reason, regions)
SELECT h.endpoint, row_number() OVER (PARTITION BY h.endpoint ORDER BY h.first), e.tenant, e.name, h.severity, h.severity, h.scope,
       h.first + interval '7 seconds', h.first + h.severity * interval '50 seconds', h.ended + interval '9 seconds',
       h.ended + interval '2 minutes', extract(epoch FROM h.ended - h.first), h.reason, h.regions
FROM happened h JOIN quorate.endpoint e ON e.id = h.endpoint;
INSERT INTO quorate.incident_opening SELECT id, 1, started_at, detected_at, recovered_at FROM quorate.incident;
INSERT INTO quorate.incident_event (incident_id, at, minute, kind, from_severity, to_severity, scope, rule_row, detail, inputs)
SELECT id, detected_at, date_trunc('minute', started_at), 'opened', NULL, severity, scope, 4, 'opened', '{}'::jsonb FROM quorate.incident
UNION ALL
SELECT id, closed_at, date_trunc('minute', recovered_at), 'closed', severity, NULL, scope, 8, 'closed', '{}'::jsonb FROM quorate.incident
WHERE closed_at IS NOT NULL;
INSERT INTO quorate.endpoint_state (endpoint_id, shard, decision, scope, cells, voters, since, flapping, era)
SELECT e.id, e.shard, coalesce(n.decision, 0), coalesce(n.scope, 0), 5, 5 - coalesce(CASE WHEN n.verdict = 0 THEN cardinality(n.regions) END, 0),
       CASE WHEN n.endpoint IS NULL THEN rolled_from ELSE last_minute - (n.length - 1) * interval '1 minute' END, false, 1
FROM quorate.endpoint e CROSS JOIN span LEFT JOIN now_trouble n ON n.endpoint = e.id;

-- ---------------------------------------------------------------- notices, regions, tool lists
INSERT INTO quorate.notice (endpoint_id, tenant, endpoint, kind, regions, opened_at, changed_at, closed_at, detail)
SELECT e.id, e.tenant, e.name, k.kind, CASE WHEN e.id % 2 = 0 THEN '{2}'::smallint[] ELSE '{}' END, last_minute - e.id * interval '3 hours',
       last_minute - e.id * interval '3 hours', CASE WHEN e.id % 3 = 0 THEN last_minute - e.id * interval '2 hours' END, 'something to know'
FROM quorate.endpoint e CROSS JOIN span JOIN (VALUES (1, 'auth'), (2, 'certificate_expiry'), (3, 'tool_drift'), (4, 'visibility')) k (n, kind)
  ON k.n = e.id % 7;
INSERT INTO quorate.region_health
SELECT m, number, 1 + number % 2, 195, CASE WHEN q THEN 60 ELSE 2 + number END, CASE WHEN q THEN 55 ELSE 1 END, 3, q
FROM span CROSS JOIN generate_series(packed_from, last_minute, interval '1 minute') m CROSS JOIN region_name
CROSS JOIN LATERAL (SELECT number = 3 AND extract(hour FROM m) = 4 AND extract(minute FROM m) < 6 AS q) bad;
INSERT INTO quorate.notice (kind, regions, opened_at, changed_at, closed_at, detail)
SELECT 'region_fault', '{3}', d + interval '4 hours', d + interval '4 hours', d + interval '4 hours 8 minutes', '55 of 195 endpoints fail from sa-east'
FROM span CROSS JOIN generate_series(rolled_from, last_minute - interval '1 day', interval '1 day') d;
INSERT INTO quorate.manifest_seen
SELECT e.id, r.number, encode(sha256(('s' || e.id || v)::bytea), 'hex'), encode(sha256(('f' || e.id || v)::bytea), 'hex'), 10 + v,
       last_minute - (3 - v) * interval '11 hours' - e.id * interval '1 minute',
       CASE WHEN v = 3 THEN last_minute ELSE last_minute - (2 - v) * interval '11 hours' - e.id * interval '1 minute' END,
       (ARRAY[NULL, 'additive', 'breaking'])[v]
FROM quorate.endpoint e CROSS JOIN region_name r CROSS JOIN generate_series(1, 3) v CROSS JOIN span;
REFRESH MATERIALIZED VIEW quorate.suppression_cluster;
ALTER ROLE quorate_reader LOGIN;
COMMIT;
VACUUM ANALYZE;
