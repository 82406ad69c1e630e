-- The first shape of the database: catalogue, minutes, incidents, and the views of schema dash.
-- Private tables live in schema quorate; dashboards read schema dash alone.

CREATE SCHEMA dash;

-- ---------------------------------------------------------------- roles
-- Made here where nobody made them: without LOGIN, which is for the operator to give.
DO $roles$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['quorate_coordinator', 'quorate_archiver', 'quorate_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                -- Roles belong to the whole server: another database's migration may be faster.
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;
END
$roles$;

-- ---------------------------------------------------------------- names of stored numbers
-- Filled from the enumerations of core/model each time migrations run, so the two can't drift.
CREATE TABLE quorate.enum_name (
    kind  text     NOT NULL,   -- verdict, reason, phase, decision, scope, severity, era, region_state, warning
    value smallint NOT NULL,
    name  text     NOT NULL,
    PRIMARY KEY (kind, value)
);

-- One row: what this deployment runs with. The window is fixed once minutes are stored.
CREATE TABLE quorate.deployment (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    window_ms integer NOT NULL CHECK (window_ms BETWEEN 2000 AND 60000),
    shards    integer NOT NULL CHECK (shards BETWEEN 1 AND 4096)
);

-- ---------------------------------------------------------------- catalogue
CREATE TABLE quorate.region (
    id         smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (id BETWEEN 1 AND 255),
    name       text NOT NULL UNIQUE,
    state      text NOT NULL DEFAULT 'active',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE quorate.tenant (
    name       text PRIMARY KEY,
    tier       text NOT NULL DEFAULT 'team' CHECK (tier IN ('free', 'team', 'enterprise')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE quorate.endpoint (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant     text NOT NULL REFERENCES quorate.tenant (name),
    name       text NOT NULL,
    shard      smallint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE UNIQUE INDEX endpoint_living ON quorate.endpoint (tenant, name) WHERE deleted_at IS NULL;
CREATE INDEX endpoint_named ON quorate.endpoint (tenant, name);
CREATE INDEX endpoint_shard ON quorate.endpoint (shard);

-- One row per catalogue change: who, when, what.
CREATE TABLE quorate.catalogue_change (
    generation bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    principal  text NOT NULL,
    summary    jsonb NOT NULL
);

-- What an endpoint is between two verdict-minutes: the schedule in force at any minute is known, so
-- a change is never a gap and never a false UNKNOWN. valid_to is null for the version in force.
CREATE TABLE quorate.endpoint_version (
    endpoint_id integer NOT NULL REFERENCES quorate.endpoint (id) ON DELETE CASCADE,
    version     integer NOT NULL,
    generation  bigint NOT NULL REFERENCES quorate.catalogue_change (generation),
    valid_from  timestamptz NOT NULL,   -- start of a verdict-minute
    valid_to    timestamptz,            -- start of the first verdict-minute it no longer holds for
    url         text NOT NULL,
    regions     smallint[] NOT NULL,    -- ids, in the order of the regions' names
    interval_ms integer NOT NULL,
    paused      boolean NOT NULL,
    spec        jsonb NOT NULL,
    PRIMARY KEY (endpoint_id, version),
    CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
CREATE INDEX endpoint_version_living ON quorate.endpoint_version (endpoint_id) WHERE valid_to IS NULL;

-- ---------------------------------------------------------------- sealing
-- One row per committed batch of sealed minutes. `txid` lets a reader follow commits without a gap:
-- everything below pg_snapshot_xmin() has either committed or never will.
CREATE TABLE quorate.batch (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    txid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    minute_min timestamptz NOT NULL,
    minute_max timestamptz NOT NULL,
    minutes    integer NOT NULL,
    sealed_at  timestamptz NOT NULL
);
CREATE INDEX batch_txid ON quorate.batch (txid);

-- All minutes of a shard up to and including `minute` are sealed.
CREATE TABLE quorate.shard_watermark (
    shard      smallint PRIMARY KEY,
    minute     timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- What the rule carries from one minute of an endpoint to the next.
CREATE TABLE quorate.endpoint_state (
    endpoint_id  integer PRIMARY KEY REFERENCES quorate.endpoint (id) ON DELETE CASCADE,
    shard        smallint NOT NULL,
    last_minute  timestamptz NOT NULL,
    decision     smallint NOT NULL,
    scope        smallint NOT NULL,
    cells        smallint NOT NULL,
    voters       smallint NOT NULL,
    since        timestamptz NOT NULL,   -- first minute of the present run of equal decisions
    flapping     boolean NOT NULL,
    era          smallint,               -- last era seen: the hint of the next jobs
    state        jsonb NOT NULL
);
CREATE INDEX endpoint_state_shard ON quorate.endpoint_state (shard);

-- One row per endpoint and verdict-minute; the regions' cells stand packed in `cells`
-- (28 bytes each, see archiver/store/packed_cell.hpp), rare details in `details` by region id.
CREATE TABLE quorate.minute (
    minute      timestamptz NOT NULL,
    batch_id    bigint NOT NULL,
    endpoint_id integer NOT NULL,
    decision    smallint NOT NULL,
    scope       smallint NOT NULL,
    rule_row    smallint NOT NULL,
    rule_version smallint NOT NULL,
    uptime_use  smallint NOT NULL,     -- 0 up, 1 down, 2 in neither; grow_spell may turn 0 into 1
    cells       bytea NOT NULL,
    details     jsonb,
    PRIMARY KEY (endpoint_id, minute)
) PARTITION BY RANGE (minute);
CREATE INDEX minute_batch ON quorate.minute USING brin (batch_id);

-- Makes the monthly partitions from the month before the oldest watermark (or before today) to
-- three months ahead, where they are missing. Run by the owner's rights, so that the archiver's role
-- need not own the table. @return how many were made.
CREATE FUNCTION quorate.make_minute_partitions() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    made  integer := 0;
    month timestamptz;
    part  text;
BEGIN
    FOR month IN
        SELECT generate_series(
            date_trunc('month', least(now(), (SELECT min(w.minute) FROM quorate.shard_watermark w)))
                - interval '1 month',
            date_trunc('month', now()) + interval '3 months',
            interval '1 month')
    LOOP
        part := to_char(month, '"minute_"YYYY"_"MM');
        IF to_regclass('quorate.' || part) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE quorate.%I PARTITION OF quorate.minute FOR VALUES FROM (%L) TO (%L)',
                part, month, month + interval '1 month');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;

-- A stretch in which one region had the endpoint down: from the first FAIL of the streak that made
-- the region FAILING to its last FAIL.
CREATE TABLE quorate.spell (
    endpoint_id  integer NOT NULL,
    region_id    smallint NOT NULL,
    first_minute timestamptz NOT NULL,
    last_minute  timestamptz NOT NULL,
    PRIMARY KEY (endpoint_id, region_id, first_minute)
);

-- Stores a spell that begins or grows with minute `last`, and turns earlier minutes into down time
-- that `quorum` regions' spells cover only now: a region is FAILING from its second FAIL on, and its
-- spell begins at the first.
CREATE FUNCTION quorate.grow_spell(endpoint integer, region smallint, first timestamptz,
                                   last timestamptz, quorum integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    seen timestamptz;
BEGIN
    SELECT s.last_minute INTO seen FROM quorate.spell s
    WHERE s.endpoint_id = endpoint AND s.region_id = region AND s.first_minute = first;
    INSERT INTO quorate.spell VALUES (endpoint, region, first, last)
    ON CONFLICT (endpoint_id, region_id, first_minute) DO UPDATE SET last_minute = last;
    UPDATE quorate.minute m SET uptime_use = 1
    WHERE m.endpoint_id = endpoint AND m.minute >= coalesce(seen, first) AND m.minute < last
      AND m.uptime_use = 0
      AND quorum <= (SELECT count(DISTINCT s.region_id) FROM quorate.spell s
                     WHERE s.endpoint_id = endpoint
                       AND m.minute BETWEEN s.first_minute AND s.last_minute);
END
$$;

-- ---------------------------------------------------------------- incidents
CREATE TABLE quorate.incident (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id    integer NOT NULL,
    ordinal        integer NOT NULL,     -- which incident of the endpoint, from 1
    tenant         text NOT NULL,
    endpoint       text NOT NULL,
    severity       smallint NOT NULL,
    worst_severity smallint NOT NULL,
    scope          smallint NOT NULL,
    started_at     timestamptz NOT NULL, -- of the first opening, as detected_at
    detected_at    timestamptz NOT NULL,
    recovered_at   timestamptz,          -- of the last opening, as closed_at
    closed_at      timestamptz,
    mttr_seconds   double precision,     -- summed over the closed openings that recovered
    reason         smallint,
    regions        smallint[] NOT NULL,
    flaps          integer NOT NULL DEFAULT 0,
    marks          text[] NOT NULL DEFAULT '{}',  -- single_witness, closed_single_witness, endpoint_deleted
    notified_at    timestamptz,
    UNIQUE (endpoint_id, ordinal)
);
CREATE UNIQUE INDEX incident_one_open ON quorate.incident (endpoint_id) WHERE closed_at IS NULL;
CREATE INDEX incident_started ON quorate.incident (started_at);

-- An incident opens once, and again each time it is reopened.
CREATE TABLE quorate.incident_opening (
    incident_id  bigint NOT NULL REFERENCES quorate.incident (id) ON DELETE CASCADE,
    opening      integer NOT NULL,       -- from 1
    started_at   timestamptz NOT NULL,
    detected_at  timestamptz NOT NULL,
    recovered_at timestamptz,
    PRIMARY KEY (incident_id, opening)
);

CREATE TABLE quorate.incident_event (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id   bigint NOT NULL REFERENCES quorate.incident (id) ON DELETE CASCADE,
    at            timestamptz NOT NULL,
    minute        timestamptz NOT NULL,
    kind          text NOT NULL,         -- opened, escalated, deescalated, scope_changed, reopened, closed
    from_severity smallint,
    to_severity   smallint,
    scope         smallint NOT NULL,
    rule_row      smallint NOT NULL,
    detail        text NOT NULL,
    inputs        jsonb NOT NULL,        -- cells, region states, V, F, H, S, row, rule version
    UNIQUE (incident_id, minute, kind)
);

-- Work for notifiers; the key makes a repeated commit harmless.
CREATE TABLE quorate.outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    payload    jsonb NOT NULL
);

-- ---------------------------------------------------------------- packed cells
-- What archiver/store/packed_cell.hpp writes: 28 bytes a cell, numbers big-endian. Bodies in the
-- SQL standard's form are bound to names now, so that readers need no right on schema quorate.
-- The three bytes at `at`, in units of 10 microseconds, as milliseconds; null for FFFFFF.
CREATE FUNCTION quorate.packed_ms(cells bytea, at integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN nullif(get_byte(cells, at) * 65536 + get_byte(cells, at + 1) * 256
                  + get_byte(cells, at + 2), 16777215) / 100.0::double precision;

CREATE FUNCTION quorate.unpack_cells(cells bytea)
RETURNS TABLE (region_id smallint, verdict smallint, reason smallint, phase smallint,
               retried boolean, late boolean, slow boolean, credential_sent boolean,
               region_state smallint, silent boolean, absent boolean, own_verdict smallint,
               http_status integer, start_offset_ms integer, total_ms double precision,
               connect_ms double precision, tls_ms double precision, initialize_ms double precision,
               tools_list_ms double precision, agent_lag_ms double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT get_byte(cells, at)::smallint,
           get_byte(cells, at + 1)::smallint,
           nullif(get_byte(cells, at + 2), 0)::smallint,
           nullif(get_byte(cells, at + 3), 0)::smallint,
           get_byte(cells, at + 4) & 1 <> 0,
           get_byte(cells, at + 4) & 2 <> 0,
           get_byte(cells, at + 4) & 4 <> 0,
           get_byte(cells, at + 4) & 8 <> 0,
           (get_byte(cells, at + 4) >> 4 & 3)::smallint,
           get_byte(cells, at + 4) & 64 <> 0,
           get_byte(cells, at + 4) & 128 <> 0,
           get_byte(cells, at + 5)::smallint,
           nullif(get_byte(cells, at + 6) * 256 + get_byte(cells, at + 7), 0),
           nullif(get_byte(cells, at + 8) * 65536 + get_byte(cells, at + 9) * 256
                  + get_byte(cells, at + 10), 16777215),
           quorate.packed_ms(cells, at + 11),
           quorate.packed_ms(cells, at + 14),
           quorate.packed_ms(cells, at + 17),
           quorate.packed_ms(cells, at + 20),
           quorate.packed_ms(cells, at + 23),
           nullif(get_byte(cells, at + 26) * 256 + get_byte(cells, at + 27), 65535) / 10.0::float8
    FROM generate_series(0, length(cells) - 28, 28) AS at;
END;

-- ---------------------------------------------------------------- views
CREATE VIEW dash.endpoint_status AS
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
       (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY c.total_ms)
        FROM quorate.minute m CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c
        WHERE m.endpoint_id = e.id AND m.minute > now() - interval '24 hours'
          AND c.verdict BETWEEN 1 AND 4) AS p95_ms_24h,
       (SELECT count(*) FILTER (WHERE m.uptime_use = 0)::double precision
               / nullif(count(*) FILTER (WHERE m.uptime_use <> 2), 0)
        FROM quorate.minute m
        WHERE m.endpoint_id = e.id AND m.minute > now() - interval '30 days') AS uptime_30d
FROM quorate.endpoint e
CROSS JOIN LATERAL (  -- the version in force; before its first minute the one to come
    SELECT * FROM quorate.endpoint_version ev WHERE ev.endpoint_id = e.id
      AND (ev.valid_to IS NULL OR (ev.valid_to > now() AND ev.valid_to > ev.valid_from))
    ORDER BY ev.valid_from LIMIT 1) v
LEFT JOIN quorate.endpoint_state s ON s.endpoint_id = e.id
LEFT JOIN quorate.incident i ON i.endpoint_id = e.id AND i.closed_at IS NULL
LEFT JOIN quorate.enum_name decision ON decision.kind = 'decision' AND decision.value = s.decision
LEFT JOIN quorate.enum_name severity ON severity.kind = 'severity' AND severity.value = i.severity
LEFT JOIN quorate.enum_name scope
       ON scope.kind = 'scope' AND scope.value = coalesce(i.scope, s.scope)
WHERE e.deleted_at IS NULL;

CREATE VIEW dash.minute AS
SELECT m.minute, e.tenant, e.name AS endpoint, decision.name AS decision,
       nullif(scope.name, '') AS scope, m.rule_row,
       c.cells_up, c.cells_slow, c.cells_degraded, c.cells_fail, c.cells_auth, c.cells_unknown,
       c.cells_maint, c.coverage, c.p50_ms, c.max_ms
FROM quorate.minute m
JOIN quorate.endpoint e ON e.id = m.endpoint_id
JOIN quorate.enum_name decision ON decision.kind = 'decision' AND decision.value = m.decision
JOIN quorate.enum_name scope ON scope.kind = 'scope' AND scope.value = m.scope
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

CREATE VIEW dash.region_minute AS
SELECT m.minute, e.tenant, e.name AS endpoint, r.name AS region, verdict.name AS verdict,
       reason.name AS reason, phase.name AS phase, c.total_ms, c.connect_ms, c.tls_ms,
       c.initialize_ms, c.tools_list_ms, c.http_status, c.retried, c.late, c.agent_lag_ms
FROM quorate.minute m
JOIN quorate.endpoint e ON e.id = m.endpoint_id
CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c
JOIN quorate.region r ON r.id = c.region_id
JOIN quorate.enum_name verdict ON verdict.kind = 'verdict' AND verdict.value = c.verdict
LEFT JOIN quorate.enum_name reason ON reason.kind = 'reason' AND reason.value = c.reason
LEFT JOIN quorate.enum_name phase ON phase.kind = 'phase' AND phase.value = c.phase;

CREATE VIEW dash.incident AS
SELECT i.id, i.tenant, i.endpoint, severity.name AS severity, worst.name AS worst_severity,
       nullif(scope.name, '') AS scope, i.started_at, i.detected_at, i.recovered_at, i.closed_at,
       extract(epoch FROM i.detected_at - i.started_at)::double precision AS mttd_seconds,
       i.mttr_seconds, reason.name AS reason,
       ARRAY(SELECT r.name FROM quorate.region r WHERE r.id = ANY (i.regions) ORDER BY r.name)
           AS regions,
       i.flaps
FROM quorate.incident i
JOIN quorate.enum_name severity ON severity.kind = 'severity' AND severity.value = i.severity
JOIN quorate.enum_name worst ON worst.kind = 'severity' AND worst.value = i.worst_severity
JOIN quorate.enum_name scope ON scope.kind = 'scope' AND scope.value = i.scope
LEFT JOIN quorate.enum_name reason ON reason.kind = 'reason' AND reason.value = i.reason;

CREATE VIEW dash.incident_event AS
SELECT ev.incident_id, ev.at, ev.minute, was.name AS from_severity, becomes.name AS to_severity,
       ev.rule_row, ev.detail
FROM quorate.incident_event ev
LEFT JOIN quorate.enum_name was ON was.kind = 'severity' AND was.value = ev.from_severity
LEFT JOIN quorate.enum_name becomes
       ON becomes.kind = 'severity' AND becomes.value = ev.to_severity;

COMMENT ON VIEW dash.endpoint_status IS 'Every endpoint of the catalogue as it stands now.';
COMMENT ON COLUMN dash.endpoint_status.tenant IS 'Owner of the endpoint.';
COMMENT ON COLUMN dash.endpoint_status.endpoint IS 'Name, unique within the tenant.';
COMMENT ON COLUMN dash.endpoint_status.url IS 'What is probed.';
COMMENT ON COLUMN dash.endpoint_status.state IS
    'PAUSED or MAINT where that holds; else the severity of the open incident; else the last decision; NEW before the first sealed minute.';
COMMENT ON COLUMN dash.endpoint_status.scope IS 'How far the trouble reaches: global, widespread, partial, regional; null without any.';
COMMENT ON COLUMN dash.endpoint_status.since IS 'First minute of the present state.';
COMMENT ON COLUMN dash.endpoint_status.flapping IS 'The open incident was reopened 3 times in 60 minutes.';
COMMENT ON COLUMN dash.endpoint_status.coverage IS 'Voting regions / configured regions of the last sealed minute, 0..1.';
COMMENT ON COLUMN dash.endpoint_status.last_minute IS 'The last sealed minute.';
COMMENT ON COLUMN dash.endpoint_status.p95_ms_24h IS '95th percentile of the total time of healthy cells of the last 24 hours.';
COMMENT ON COLUMN dash.endpoint_status.uptime_30d IS 'Share of minutes that were not down, 0..1; minutes that nobody or one witness saw, and maintenance, are left out.';

COMMENT ON VIEW dash.minute IS 'One row per endpoint and sealed verdict-minute.';
COMMENT ON COLUMN dash.minute.minute IS 'Start of the verdict-minute.';
COMMENT ON COLUMN dash.minute.tenant IS 'Owner of the endpoint.';
COMMENT ON COLUMN dash.minute.endpoint IS 'Name, unique within the tenant.';
COMMENT ON COLUMN dash.minute.decision IS 'OK, P1, P2, P3, BLIND, LOW_VISIBILITY, UNCONFIRMED, PENDING or MAINT.';
COMMENT ON COLUMN dash.minute.scope IS 'global, widespread, partial or regional; null for decisions without one.';
COMMENT ON COLUMN dash.minute.rule_row IS 'Row of the rule that decided, 0 to 8.';
COMMENT ON COLUMN dash.minute.cells_up IS 'Regions that saw UP.';
COMMENT ON COLUMN dash.minute.cells_slow IS 'Regions that saw SLOW.';
COMMENT ON COLUMN dash.minute.cells_degraded IS 'Regions that saw DEGRADED.';
COMMENT ON COLUMN dash.minute.cells_fail IS 'Regions that saw FAIL.';
COMMENT ON COLUMN dash.minute.cells_auth IS 'Regions that saw AUTH.';
COMMENT ON COLUMN dash.minute.cells_unknown IS 'Regions that could not look.';
COMMENT ON COLUMN dash.minute.cells_maint IS 'Regions in maintenance.';
COMMENT ON COLUMN dash.minute.coverage IS 'Voting regions / configured regions, 0..1, late cells included.';
COMMENT ON COLUMN dash.minute.p50_ms IS 'Median of the total time of the healthy cells; null without any.';
COMMENT ON COLUMN dash.minute.max_ms IS 'Longest total time of the healthy cells; null without any.';

COMMENT ON VIEW dash.region_minute IS 'One row per cell: what one region said of one endpoint in one verdict-minute.';
COMMENT ON COLUMN dash.region_minute.minute IS 'Start of the verdict-minute.';
COMMENT ON COLUMN dash.region_minute.tenant IS 'Owner of the endpoint.';
COMMENT ON COLUMN dash.region_minute.endpoint IS 'Name, unique within the tenant.';
COMMENT ON COLUMN dash.region_minute.region IS 'The region that looked.';
COMMENT ON COLUMN dash.region_minute.verdict IS 'UP, SLOW, DEGRADED, AUTH, FAIL, UNKNOWN or MAINT.';
COMMENT ON COLUMN dash.region_minute.reason IS 'Why it is not UP; null for UP.';
COMMENT ON COLUMN dash.region_minute.phase IS 'Where the deciding attempt failed; null if it did not.';
COMMENT ON COLUMN dash.region_minute.total_ms IS 'The deciding attempt without its cleanup.';
COMMENT ON COLUMN dash.region_minute.connect_ms IS 'TCP connect.';
COMMENT ON COLUMN dash.region_minute.tls_ms IS 'TLS handshake; null without TLS.';
COMMENT ON COLUMN dash.region_minute.initialize_ms IS 'The initialize exchange; null where there was none.';
COMMENT ON COLUMN dash.region_minute.tools_list_ms IS 'The tools/list exchange; null where there was none.';
COMMENT ON COLUMN dash.region_minute.http_status IS 'The HTTP status that decided; null where there was none.';
COMMENT ON COLUMN dash.region_minute.retried IS 'The probe made a second attempt.';
COMMENT ON COLUMN dash.region_minute.agent_lag_ms IS 'How far the agent ran behind its own timers meanwhile: times shorter than this say little. Rounded up to 4 ms, at most 1020. Null where no agent made the cell.';
COMMENT ON COLUMN dash.region_minute.late IS 'The cell came after the seal: it corrects history, never the decision.';

COMMENT ON VIEW dash.incident IS 'One row per stretch of trouble of one endpoint.';
COMMENT ON COLUMN dash.incident.id IS 'Number of the incident.';
COMMENT ON COLUMN dash.incident.tenant IS 'Owner of the endpoint.';
COMMENT ON COLUMN dash.incident.endpoint IS 'Name, unique within the tenant.';
COMMENT ON COLUMN dash.incident.severity IS 'P1, P2 or P3 in force now; after the close the last one.';
COMMENT ON COLUMN dash.incident.worst_severity IS 'The worst severity that was ever in force.';
COMMENT ON COLUMN dash.incident.scope IS 'Scope in force now; after the close the last one.';
COMMENT ON COLUMN dash.incident.started_at IS 'Start of the first failing probe that contributed.';
COMMENT ON COLUMN dash.incident.detected_at IS 'When the opening was decided.';
COMMENT ON COLUMN dash.incident.recovered_at IS 'First healthy probe of the last region to recover; null while open.';
COMMENT ON COLUMN dash.incident.closed_at IS 'When the close was decided; null while open.';
COMMENT ON COLUMN dash.incident.mttd_seconds IS 'detected_at - started_at.';
COMMENT ON COLUMN dash.incident.mttr_seconds IS 'Recovered - started, summed over the openings; null before the first close.';
COMMENT ON COLUMN dash.incident.reason IS 'The most frequent reason of the cells that opened or worsened it.';
COMMENT ON COLUMN dash.incident.regions IS 'Regions that contributed, by name.';
COMMENT ON COLUMN dash.incident.flaps IS 'How often it was reopened.';

COMMENT ON VIEW dash.incident_event IS 'The append-only timeline of the incidents.';
COMMENT ON COLUMN dash.incident_event.incident_id IS 'dash.incident.id.';
COMMENT ON COLUMN dash.incident_event.at IS 'When it was decided.';
COMMENT ON COLUMN dash.incident_event.minute IS 'The minute whose decision caused it.';
COMMENT ON COLUMN dash.incident_event.from_severity IS 'Severity before; null at an opening.';
COMMENT ON COLUMN dash.incident_event.to_severity IS 'Severity after; null at the close.';
COMMENT ON COLUMN dash.incident_event.rule_row IS 'Row of the rule that decided the minute.';
COMMENT ON COLUMN dash.incident_event.detail IS 'One sentence.';

-- ---------------------------------------------------------------- rights
GRANT USAGE ON SCHEMA quorate TO quorate_coordinator, quorate_archiver;
GRANT USAGE ON SCHEMA dash TO quorate_coordinator, quorate_archiver, quorate_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA quorate TO quorate_coordinator, quorate_archiver;
GRANT SELECT ON ALL TABLES IN SCHEMA dash
    TO quorate_coordinator, quorate_archiver, quorate_reader;
GRANT INSERT ON quorate.deployment TO quorate_coordinator, quorate_archiver;
GRANT INSERT, UPDATE, DELETE
    ON quorate.region, quorate.tenant, quorate.endpoint, quorate.endpoint_version,
       quorate.catalogue_change
    TO quorate_coordinator;
GRANT INSERT, UPDATE, DELETE
    ON quorate.batch, quorate.shard_watermark, quorate.endpoint_state, quorate.minute,
       quorate.spell, quorate.incident, quorate.incident_opening, quorate.incident_event,
       quorate.outbox
    TO quorate_archiver;
REVOKE ALL ON FUNCTION quorate.make_minute_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quorate.make_minute_partitions() TO quorate_archiver;
