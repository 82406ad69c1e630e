-- Minutes that change no more, packed: a block holds an endpoint's sixty verdict-minutes one after the other, an hour
-- where the window is a minute. The views below show minutes whether they are packed or not.

-- What minutes have in common: few different ones, so a block names each minute's by number.
CREATE TABLE quorate.minute_kind (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    decision       smallint NOT NULL, scope        smallint NOT NULL, rule_row      smallint NOT NULL,
    rule_version   smallint NOT NULL, uptime_use   smallint NOT NULL,
    cells          smallint NOT NULL,   -- how many; then by verdict
    cells_up       smallint NOT NULL, cells_slow   smallint NOT NULL, cells_degraded smallint NOT NULL,
    cells_fail     smallint NOT NULL, cells_auth   smallint NOT NULL, cells_unknown  smallint NOT NULL,
    cells_maint    smallint NOT NULL,
    UNIQUE (decision, scope, rule_row, rule_version, uptime_use, cells, cells_up, cells_slow, cells_degraded,
            cells_fail, cells_auth, cells_unknown, cells_maint)
);

-- Which places blocks hold, over all endpoints: the n-th window from the block's start on. By it a condition on minutes
-- finds blocks; Postgres cannot tell from one what it means for the start of a block.
CREATE TABLE quorate.packed_minute (
    minute   timestamptz PRIMARY KEY,
    start_at timestamptz NOT NULL,
    place    smallint    NOT NULL
);

-- What archiver/compaction/minute_block.hpp writes. Entry n (from 0) is the minute at place first + n * stride. Its
-- cells, padded with zeros to those of the minute that has most, are bytes of `template` and of the n-th record in
-- turns: what is the same in all minutes of the block stands in `template` once.
CREATE TABLE quorate.minute_block (
    endpoint_id  integer     NOT NULL,
    first        smallint    NOT NULL,
    stride       smallint    NOT NULL,
    start_at     timestamptz NOT NULL,
    minutes      smallint    NOT NULL,   -- how many entries are minutes; the others were not expected
    record_bytes smallint    NOT NULL,   -- of one record; the first of them are what batch_id is above the base
    batch_bytes  smallint    NOT NULL,   -- so many
    kind         integer,                -- of all entries; null: each has its own
    batch_base   bigint      NOT NULL,
    kinds        integer[],              -- of each entry, 0: no minute; null: all have one
    middle       integer[]   NOT NULL,   -- total time of the healthy cells, in 10 us: the lower median, or -1
    spread       integer[],              -- what the upper median is above it; null: nothing anywhere
    longest      integer[]   NOT NULL,   -- the longest, or -1
    shape        smallint[]  NOT NULL,   -- 0, 0, and of each turn up to where it has used the template and the record
    template     bytea       NOT NULL,
    details      jsonb,                  -- of the entries that have any, by number
    records      bytea       NOT NULL,
    PRIMARY KEY (endpoint_id, start_at)
) PARTITION BY RANGE (start_at);
CREATE INDEX minute_block_start ON quorate.minute_block USING brin (start_at);
-- Single entries are read: out of line a part can be fetched only of what is not compressed, and what dash.minute reads
-- should be neither.
ALTER TABLE quorate.minute_block
    ALTER kinds SET STORAGE PLAIN, ALTER middle SET STORAGE PLAIN, ALTER spread SET STORAGE PLAIN,
    ALTER longest SET STORAGE PLAIN, ALTER records SET STORAGE EXTERNAL;

GRANT SELECT ON quorate.minute_kind, quorate.packed_minute, quorate.minute_block TO quorate_coordinator;
GRANT SELECT, INSERT, UPDATE, DELETE ON quorate.minute_kind, quorate.packed_minute, quorate.minute_block
    TO quorate_archiver;

CREATE FUNCTION quorate.block_length() RETURNS interval LANGUAGE sql STABLE
RETURN (SELECT 60 * d.window_ms * interval '1 millisecond' FROM quorate.deployment d);

-- Makes the monthly partitions of minutes and of blocks from the month before the oldest watermark (or before today) to
-- three months ahead, and those of blocks where there are minutes. @return how many of minutes.
CREATE OR REPLACE FUNCTION quorate.make_minute_partitions() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    made   integer := 0;
    parent text;
    month  timestamptz;
    part   text;
BEGIN
    FOR parent, month IN
        SELECT p.name, m.start
        FROM (VALUES ('minute'), ('minute_block')) p (name)
        CROSS JOIN generate_series(
            date_trunc('month', least(now(), (SELECT min(w.minute) FROM quorate.shard_watermark w)))
                - interval '1 month',
            date_trunc('month', now()) + interval '3 months',
            interval '1 month') m (start)
        UNION
        SELECT 'minute_block', to_timestamp(right(c.relname, 7), 'YYYY_MM')
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'quorate.minute'::regclass
    LOOP
        part := parent || to_char(month, '"_"YYYY"_"MM');
        IF to_regclass('quorate.' || part) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE quorate.%I PARTITION OF quorate.%I FOR VALUES FROM (%L) TO (%L)',
                part, parent, month, month + interval '1 month');
            made := made + (parent = 'minute')::integer;
        END IF;
    END LOOP;
    RETURN made;
END
$$;

-- ---------------------------------------------------------------- unpacking
-- Which places are an entry's is asked so (< 1, is not null) that Postgres takes most to be, as is true; and there is
-- always a kind and a name, but as an outer join Postgres cannot begin with kinds, each with each block.
-- The minutes of blocks as rows of quorate.minute, in the order of its columns. Turns come in their order, as a series
-- does; archiver/compaction compares what comes out with what it packed before it deletes that.
CREATE VIEW quorate.unpacked_minute AS
SELECT p.minute,
       b.batch_base + ('x' || lpad(encode(substring(b.records FROM (p.place - b.first) / b.stride * b.record_bytes + 1
                                                    FOR b.batch_bytes), 'hex'), 16, '0'))::bit(64)::bigint AS batch_id,
       b.endpoint_id,
       k.decision, k.scope, k.rule_row, k.rule_version, k.uptime_use,
       (SELECT (SELECT substring(coalesce(string_agg(
                           substring(b.template FROM b.shape[2 * turn - 1] + 1
                                     FOR b.shape[2 * turn + 1] - b.shape[2 * turn - 1])
                           || substring(r.bytes FROM b.shape[2 * turn] + 1
                                        FOR b.shape[2 * turn + 2] - b.shape[2 * turn]), ''), '')
                       FOR k.cells * 28)
                FROM generate_series(1, cardinality(b.shape) / 2 - 1) turn)
        FROM (SELECT substring(b.records FROM (p.place - b.first) / b.stride * b.record_bytes + b.batch_bytes + 1
                               FOR b.record_bytes - b.batch_bytes) AS bytes OFFSET 0) r) AS cells,
       b.details -> ((p.place - b.first) / b.stride)::text AS details
FROM quorate.minute_block b
JOIN quorate.packed_minute p ON p.start_at = b.start_at AND abs((p.place - b.first) % b.stride) < 1
     AND b.middle[(p.place - b.first) / b.stride + 1] IS NOT NULL
     AND coalesce(b.kind, b.kinds[(p.place - b.first) / b.stride + 1]) <> 0
LEFT JOIN quorate.minute_kind k ON k.id = coalesce(b.kind, b.kinds[(p.place - b.first) / b.stride + 1]);

CREATE VIEW quorate.any_minute AS TABLE quorate.minute UNION ALL TABLE quorate.unpacked_minute;

-- What dash.minute shows of a minute, counted from its cells.
CREATE VIEW quorate.minute_summary AS
SELECT m.minute, m.endpoint_id, m.decision, m.scope, m.rule_row,
       c.cells_up, c.cells_slow, c.cells_degraded, c.cells_fail, c.cells_auth, c.cells_unknown,
       c.cells_maint, c.coverage, c.p50_ms, c.max_ms
FROM quorate.minute m
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE cell.verdict = 1)::integer AS cells_up,
           count(*) FILTER (WHERE cell.verdict = 2)::integer AS cells_slow,
           count(*) FILTER (WHERE cell.verdict = 3)::integer AS cells_degraded,
           count(*) FILTER (WHERE cell.verdict = 5)::integer AS cells_fail,
           count(*) FILTER (WHERE cell.verdict = 4)::integer AS cells_auth,
           count(*) FILTER (WHERE cell.verdict = 0)::integer AS cells_unknown,
           count(*) FILTER (WHERE cell.verdict = 6)::integer AS cells_maint,
           count(*) FILTER (WHERE cell.verdict BETWEEN 1 AND 5)::double precision
               / nullif(count(*), 0) AS coverage,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY cell.total_ms)
               FILTER (WHERE cell.verdict BETWEEN 1 AND 4) AS p50_ms,
           max(cell.total_ms) FILTER (WHERE cell.verdict BETWEEN 1 AND 4) AS max_ms
    FROM quorate.unpack_cells(m.cells) cell) c;

-- The same of packed ones, without their cells. The median of an even number is what percentile_cont makes of the two.
CREATE VIEW quorate.unpacked_summary AS
SELECT p.minute, b.endpoint_id, k.decision, k.scope, k.rule_row,
       k.cells_up::integer, k.cells_slow::integer, k.cells_degraded::integer, k.cells_fail::integer,
       k.cells_auth::integer, k.cells_unknown::integer, k.cells_maint::integer,
       (k.cells_up + k.cells_slow + k.cells_degraded + k.cells_fail + k.cells_auth)::double precision
           / nullif(k.cells, 0) AS coverage,
       CASE WHEN b.spread IS NULL
            THEN nullif(b.middle[(p.place - b.first) / b.stride + 1], -1) / 100.0::double precision
            ELSE nullif(b.middle[(p.place - b.first) / b.stride + 1], -1) / 100.0::double precision
                 + 0.5::double precision
                   * ((b.middle[(p.place - b.first) / b.stride + 1] + b.spread[(p.place - b.first) / b.stride + 1])
                          / 100.0::double precision
                      - b.middle[(p.place - b.first) / b.stride + 1] / 100.0::double precision)
       END AS p50_ms,
       nullif(b.longest[(p.place - b.first) / b.stride + 1], -1) / 100.0::double precision AS max_ms
FROM quorate.minute_block b
JOIN quorate.packed_minute p ON p.start_at = b.start_at AND abs((p.place - b.first) % b.stride) < 1
     AND b.middle[(p.place - b.first) / b.stride + 1] IS NOT NULL
     AND coalesce(b.kind, b.kinds[(p.place - b.first) / b.stride + 1]) <> 0
LEFT JOIN quorate.minute_kind k ON k.id = coalesce(b.kind, b.kinds[(p.place - b.first) / b.stride + 1]);

GRANT SELECT ON quorate.unpacked_minute, quorate.any_minute, quorate.minute_summary, quorate.unpacked_summary
    TO quorate_coordinator, quorate_archiver;

-- ---------------------------------------------------------------- what dashboards see
-- The two parts are joined with the endpoint each for itself, so that its name finds the rows of both.
CREATE OR REPLACE VIEW dash.minute AS
SELECT m.minute, e.tenant, e.name AS endpoint, decision.name AS decision,
       nullif(scope.name, '') AS scope, m.rule_row,
       m.cells_up, m.cells_slow, m.cells_degraded, m.cells_fail, m.cells_auth, m.cells_unknown,
       m.cells_maint, m.coverage, m.p50_ms, m.max_ms
FROM quorate.minute_summary m
JOIN quorate.endpoint e ON e.id = m.endpoint_id
JOIN quorate.enum_name decision ON decision.kind = 'decision' AND decision.value = m.decision
JOIN quorate.enum_name scope ON scope.kind = 'scope' AND scope.value = m.scope
UNION ALL
SELECT m.minute, e.tenant, e.name AS endpoint, decision.name AS decision,
       nullif(scope.name, '') AS scope, m.rule_row,
       m.cells_up, m.cells_slow, m.cells_degraded, m.cells_fail, m.cells_auth, m.cells_unknown,
       m.cells_maint, m.coverage, m.p50_ms, m.max_ms
FROM quorate.unpacked_summary m
JOIN quorate.endpoint e ON e.id = m.endpoint_id
LEFT JOIN quorate.enum_name decision ON decision.kind = 'decision' AND decision.value = m.decision
LEFT JOIN quorate.enum_name scope ON scope.kind = 'scope' AND scope.value = m.scope;

CREATE OR REPLACE VIEW dash.region_minute AS
SELECT m.minute, e.tenant, e.name AS endpoint, r.name AS region, verdict.name AS verdict,
       reason.name AS reason, phase.name AS phase, c.total_ms, c.connect_ms, c.tls_ms,
       c.initialize_ms, c.tools_list_ms, c.http_status, c.retried, c.late, c.agent_lag_ms
FROM quorate.minute m
JOIN quorate.endpoint e ON e.id = m.endpoint_id
CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c
JOIN quorate.region r ON r.id = c.region_id
JOIN quorate.enum_name verdict ON verdict.kind = 'verdict' AND verdict.value = c.verdict
LEFT JOIN quorate.enum_name reason ON reason.kind = 'reason' AND reason.value = c.reason
LEFT JOIN quorate.enum_name phase ON phase.kind = 'phase' AND phase.value = c.phase
UNION ALL
SELECT m.minute, e.tenant, e.name AS endpoint, r.name AS region, verdict.name AS verdict,
       reason.name AS reason, phase.name AS phase, c.total_ms, c.connect_ms, c.tls_ms,
       c.initialize_ms, c.tools_list_ms, c.http_status, c.retried, c.late, c.agent_lag_ms
FROM quorate.unpacked_minute m
JOIN quorate.endpoint e ON e.id = m.endpoint_id
CROSS JOIN LATERAL (SELECT m.cells OFFSET 0) once  -- not for every byte of it
CROSS JOIN LATERAL quorate.unpack_cells(once.cells) c
JOIN quorate.region r ON r.id = c.region_id
JOIN quorate.enum_name verdict ON verdict.kind = 'verdict' AND verdict.value = c.verdict
LEFT JOIN quorate.enum_name reason ON reason.kind = 'reason' AND reason.value = c.reason
LEFT JOIN quorate.enum_name phase ON phase.kind = 'phase' AND phase.value = c.phase;

-- As before, of packed minutes too.
DROP VIEW dash.suppression_cluster;
DROP MATERIALIZED VIEW quorate.suppression_cluster;
CREATE MATERIALIZED VIEW quorate.suppression_cluster AS
WITH opened AS (  -- the first time that each incident was a P1
    SELECT DISTINCT ON (ev.incident_id) ev.incident_id, i.endpoint_id, ev.minute
    FROM quorate.incident_event ev JOIN quorate.incident i ON i.id = ev.incident_id
    WHERE ev.to_severity = 1 AND ev.from_severity IS DISTINCT FROM 1 AND ev.minute > now() - interval '30 days'
    ORDER BY ev.incident_id, ev.minute),
shared AS (
    SELECT o.incident_id, o.minute, 'host' AS kind,
           lower(substring(v.url FROM '^https?://(?:[^/@]*@)?(\[[^]]*\]|[^/:?#]+)')) AS key
    FROM opened o JOIN quorate.endpoint_version v ON v.endpoint_id = o.endpoint_id
     AND v.valid_from <= o.minute AND (v.valid_to IS NULL OR v.valid_to > o.minute)
    UNION
    SELECT o.incident_id, o.minute, 'as', v.spec->'labels'->>'as'
    FROM opened o JOIN quorate.endpoint_version v ON v.endpoint_id = o.endpoint_id
     AND v.valid_from <= o.minute AND (v.valid_to IS NULL OR v.valid_to > o.minute)
    UNION
    SELECT o.incident_id, o.minute, 'address', cell.value->>'peer_address'
    FROM opened o CROSS JOIN LATERAL (SELECT a.details FROM quorate.any_minute a
                                           WHERE a.endpoint_id = o.endpoint_id AND a.minute = o.minute OFFSET 0) m
    CROSS JOIN LATERAL jsonb_each(coalesce(m.details, '{}')) cell),
islands AS (
    SELECT s.*, CASE WHEN s.minute - lag(s.minute) OVER by_key <= 2 * d.window_ms * interval '1 millisecond'
                     THEN 0 ELSE 1 END AS begins
    FROM shared s CROSS JOIN quorate.deployment d WHERE s.key IS NOT NULL
    WINDOW by_key AS (PARTITION BY s.kind, s.key ORDER BY s.minute, s.incident_id)),
numbered AS (
    SELECT i.*, sum(i.begins) OVER (PARTITION BY i.kind, i.key ORDER BY i.minute, i.incident_id) AS island
    FROM islands i)
SELECT kind, key, min(minute) AS first_minute, max(minute) AS last_minute,
       array_agg(DISTINCT incident_id) AS incidents
FROM numbered GROUP BY kind, key, island HAVING count(DISTINCT incident_id) > 1;
CREATE UNIQUE INDEX suppression_cluster_key ON quorate.suppression_cluster (kind, key, first_minute);
GRANT SELECT ON quorate.suppression_cluster TO quorate_coordinator, quorate_archiver;
CREATE VIEW dash.suppression_cluster AS
SELECT c.kind, c.key, c.first_minute, c.last_minute, c.incidents,
       ARRAY(SELECT i.tenant || '/' || i.endpoint FROM quorate.incident i WHERE i.id = ANY (c.incidents)
             ORDER BY 1) AS endpoints
FROM quorate.suppression_cluster c;
COMMENT ON VIEW dash.suppression_cluster IS 'P1s that opened together and point to the same place, of the last 30 days; a minute old at most.';
COMMENT ON COLUMN dash.suppression_cluster.kind IS 'What they share: host, address or as (the label of that name).';
COMMENT ON COLUMN dash.suppression_cluster.key IS 'The host, address or label.';
COMMENT ON COLUMN dash.suppression_cluster.first_minute IS 'When the first of them became a P1.';
COMMENT ON COLUMN dash.suppression_cluster.last_minute IS 'When the last of them did.';
COMMENT ON COLUMN dash.suppression_cluster.incidents IS 'dash.incident.id of each.';
COMMENT ON COLUMN dash.suppression_cluster.endpoints IS 'TENANT/NAME of each.';
GRANT SELECT ON dash.suppression_cluster TO quorate_coordinator, quorate_archiver, quorate_reader;

-- From when on there are so many minutes of the endpoint, and few more; null where it has none.
CREATE FUNCTION quorate.minutes_back_to(endpoint integer, wanted bigint) RETURNS timestamptz LANGUAGE sql STABLE
RETURN (SELECT min(latest.at) FROM (
    SELECT at FROM (
        (SELECT m.minute AS at FROM quorate.minute m WHERE m.endpoint_id = endpoint ORDER BY m.minute DESC LIMIT wanted)
        UNION ALL
        (SELECT b.start_at FROM quorate.minute_block b WHERE b.endpoint_id = endpoint
         ORDER BY b.start_at DESC LIMIT wanted)) candidate
    ORDER BY at DESC LIMIT wanted) latest);

-- The decision of the endpoint's minute before this one; null where there is none.
CREATE FUNCTION quorate.decision_before(endpoint integer, before timestamptz) RETURNS smallint LANGUAGE sql STABLE
RETURN (SELECT either.decision FROM (
    (SELECT m.minute, m.decision FROM quorate.minute m WHERE m.endpoint_id = endpoint AND m.minute < before
     ORDER BY m.minute DESC LIMIT 1)
    UNION ALL  -- the last block that began before may hold nothing before
    (SELECT u.minute, u.decision FROM quorate.unpacked_summary u WHERE u.endpoint_id = endpoint AND u.minute < before
     AND u.minute >= (SELECT min(l.start_at) FROM (
         SELECT b.start_at FROM quorate.minute_block b WHERE b.endpoint_id = endpoint AND b.start_at < before
         ORDER BY b.start_at DESC LIMIT 2) l)
     ORDER BY u.minute DESC LIMIT 1)) either
    ORDER BY either.minute DESC LIMIT 1);

-- ---------------------------------------------------------------- packing and unpacking
-- Whether blocks or their summary say anything else of the endpoint's minutes in [since, till) than quorate.minute.
CREATE FUNCTION quorate.packed_differs(endpoint integer, since timestamptz, till timestamptz) RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT FROM (
        SELECT m.minute, ROW(m.batch_id, m.decision, m.scope, m.rule_row, m.rule_version, m.uptime_use, m.cells,
                             m.details::text) AS row
        FROM quorate.minute m WHERE m.endpoint_id = endpoint AND m.minute >= since AND m.minute < till) hot
    FULL JOIN (
        SELECT u.minute, ROW(u.batch_id, u.decision, u.scope, u.rule_row, u.rule_version, u.uptime_use, u.cells,
                             u.details::text) AS row
        FROM quorate.unpacked_minute u WHERE u.endpoint_id = endpoint AND u.minute >= since AND u.minute < till) packed
    USING (minute) WHERE hot.row IS DISTINCT FROM packed.row)
OR EXISTS (
    (SELECT m.* FROM quorate.minute_summary m
     WHERE m.endpoint_id = endpoint AND m.minute >= since AND m.minute < till)
    EXCEPT ALL
    (SELECT u.* FROM quorate.unpacked_summary u
     WHERE u.endpoint_id = endpoint AND u.minute >= since AND u.minute < till));

-- Puts the minutes of an endpoint's blocks from `since` to `till` back into quorate.minute, where they may be changed;
-- they are packed again later. Nothing where the month is dropped already. @return how many
CREATE FUNCTION quorate.unpack_blocks(endpoint integer, since timestamptz, till timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    length interval := quorate.block_length();
    block  timestamptz;
    count  integer;
    found  integer := 0;
BEGIN
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
    PERFORM quorate.unpack_blocks(endpoint, coalesce(seen, first), last);
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

-- ---------------------------------------------------------------- partitions and what is forgotten
-- Whether partitions of minutes and of blocks may go: when every tier is past, and all that they hold is in rollups.
CREATE OR REPLACE FUNCTION quorate.partition_report(longest interval)
RETURNS TABLE (partition text, from_at timestamptz, until_at timestamptz, bytes bigint, kept_because text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    found bigint;
    held  text;
BEGIN
    FOR partition, bytes, held IN  -- what of it stands in rollups: (endpoint_id, minute, minutes)
        SELECT c.relname, pg_total_relation_size(c.oid),
               CASE i.inhparent WHEN 'quorate.minute'::regclass
                   THEN format('(SELECT endpoint_id, minute, 1 AS minutes FROM quorate.%I)', c.relname)
                   ELSE format('(SELECT endpoint_id, start_at, minutes FROM quorate.%I)', c.relname) END
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('quorate.minute'::regclass, 'quorate.minute_block'::regclass) ORDER BY c.relname
    LOOP
        from_at := to_timestamp(right(partition, 7), 'YYYY_MM');
        until_at := from_at + interval '1 month';
        kept_because := NULL;
        IF until_at > now() - longest THEN
            kept_because := 'younger than the longest tier';
        ELSE
            EXECUTE format(
                'SELECT sum(m.minutes) FROM %s m (endpoint_id, minute, minutes)'
                ' JOIN quorate.endpoint e ON e.id = m.endpoint_id'
                ' LEFT JOIN quorate.rollup_progress p ON p.shard = e.shard'
                ' WHERE p.until IS NULL OR m.minute > p.until', held) INTO found;
            IF found > 0 THEN
                kept_because := found || ' minutes are in no rollup yet';
            END IF;
            SELECT count(*) INTO found FROM quorate.rollup_stale s
            WHERE s.start_at >= from_at AND s.start_at < until_at;
            IF found > 0 THEN
                kept_because := found || ' hours have to be counted anew first';
            END IF;
            EXECUTE format(
                'SELECT count(*) FROM (SELECT endpoint_id, date_trunc(''day'', minute, ''UTC'') AS day,'
                ' sum(minutes) AS minutes FROM %s m (endpoint_id, minute, minutes) GROUP BY 1, 2) m'
                ' LEFT JOIN quorate.rollup_day r'
                ' ON r.endpoint_id = m.endpoint_id AND r.start_at = m.day'
                ' WHERE r.endpoint_id IS NULL OR r.up + r.down + r.excluded < m.minutes', held)
                INTO found;
            IF found > 0 THEN
                kept_because := found || ' endpoint-days hold more minutes than their rollup';
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- Detaches and drops one partition; refuses what the report keeps. @return the bytes that are free now.
CREATE OR REPLACE FUNCTION quorate.drop_partition(wanted text, longest interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    report record;
BEGIN
    SELECT * INTO report FROM quorate.partition_report(longest) r WHERE r.partition = wanted;
    IF report IS NULL THEN
        RAISE EXCEPTION 'quorate.minute and quorate.minute_block have no partition %', wanted;
    END IF;
    IF report.kept_because IS NOT NULL THEN
        RAISE EXCEPTION 'partition % is kept: %', wanted, report.kept_because;
    END IF;
    EXECUTE format('ALTER TABLE quorate.%I DETACH PARTITION quorate.%I', left(wanted, -8), wanted);
    EXECUTE format('DROP TABLE quorate.%I', wanted);
    RETURN report.bytes;
END
$$;

-- As before, of blocks too. A test looks for tables that are forgotten here. @return what was deleted, by table
CREATE OR REPLACE FUNCTION quorate.forget(wanted_tenant text, wanted_endpoint text)
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
    -- Nothing is packed or unpacked meanwhile, else what moves would stay.
    LOCK TABLE quorate.minute_block IN SHARE ROW EXCLUSIVE MODE;
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
    FOREACH from_table IN ARRAY ARRAY['minute', 'minute_block', 'rollup_hour', 'rollup_day', 'rollup_month',
                                      'rollup_stale', 'rolling', 'spell', 'endpoint_state', 'endpoint_version',
                                      'manifest_seen'] LOOP
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
