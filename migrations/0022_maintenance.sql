-- Planned windows: in a maintenance window an endpoint's cells are MAINT, in a silence nobody is told. Who ends one early
-- sets an end; what is long over goes with retention.days, and what names somebody with forget().
CREATE TABLE quorate.maintenance (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    matchers     jsonb NOT NULL,  -- of {tenant, endpoint, labels}; any of them: all that it gives
    starts_at    timestamptz NOT NULL,  -- of one that recurs: its first start
    ends_at      timestamptz,  -- null: it recurs for ever
    rrule        text,  -- FREQ=WEEKLY;BYDAY=MO,TH;INTERVAL=2;UNTIL=20270101T000000Z
    zone         text,  -- IANA
    first_day    date,  -- by its wall clock, as is
    start_of_day time,
    duration_s   integer CHECK (duration_s > 0),
    reason       text NOT NULL,
    owner        text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text NOT NULL,
    valid_from   timestamptz NOT NULL,  -- the first minute it is in force at: begun after it was committed
    valid_to     timestamptz,  -- where it was ended early: the first minute it is no more
    ended_at     timestamptz,
    ended_by     text,
    CHECK (ends_at > starts_at),
    CHECK (rrule IS NOT NULL OR ends_at IS NOT NULL),
    CHECK (num_nulls(rrule, zone, first_day, start_of_day, duration_s) IN (0, 5)),
    CHECK (num_nulls(valid_to, ended_at, ended_by) IN (0, 3))
);
CREATE INDEX maintenance_ends ON quorate.maintenance ((coalesce(least(ends_at, valid_to), 'infinity')));
CREATE TABLE quorate.silence (LIKE quorate.maintenance INCLUDING ALL);
GRANT SELECT, INSERT, UPDATE (valid_to, ended_at, ended_by) ON quorate.maintenance, quorate.silence TO quorate_coordinator;
GRANT SELECT, DELETE ON quorate.maintenance, quorate.silence TO quorate_archiver;

-- `acme/search`, `acme team=retrieval`, `team=retrieval`
CREATE FUNCTION quorate.matcher_texts(matchers jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
RETURN ARRAY(
    SELECT concat_ws(' ', nullif(concat_ws('/', m->>'tenant', m->>'endpoint'), ''),
                     (SELECT string_agg(l.key || '=' || l.value, ' ' ORDER BY l.key)
                      FROM jsonb_each_text(coalesce(m->'labels', '{}')) l))
    FROM jsonb_array_elements(matchers) m);

CREATE VIEW dash.maintenance AS
SELECT w.id, quorate.matcher_texts(w.matchers) AS matchers, w.starts_at, w.ends_at, w.rrule AS rule, w.zone AS time_zone,
       w.first_day, w.start_of_day::text AS start_of_day, w.duration_s::double precision AS duration_seconds, w.reason,
       w.owner, w.created_at, w.created_by, w.valid_from AS in_force_from, w.ended_at, w.ended_by, w.valid_to AS ended_from
FROM quorate.maintenance w;
CREATE VIEW dash.silence AS
SELECT w.id, quorate.matcher_texts(w.matchers) AS matchers, w.starts_at, w.ends_at, w.rrule AS rule, w.zone AS time_zone,
       w.first_day, w.start_of_day::text AS start_of_day, w.duration_s::double precision AS duration_seconds, w.reason,
       w.owner, w.created_at, w.created_by, w.valid_from AS in_force_from, w.ended_at, w.ended_by, w.valid_to AS ended_from
FROM quorate.silence w;
GRANT SELECT ON dash.maintenance, dash.silence TO quorate_coordinator, quorate_archiver, quorate_reader;

COMMENT ON VIEW dash.maintenance IS 'Maintenance windows, past and future: endpoints are probed on, their cells are MAINT.';
COMMENT ON VIEW dash.silence IS 'Silences, past and future: incidents open and close, and nobody is told.';
DO $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['maintenance', 'silence'] LOOP
        EXECUTE format($c$
            COMMENT ON COLUMN dash.%1$I.id IS 'Its number; it is ended by it.';
            COMMENT ON COLUMN dash.%1$I.matchers IS 'Of which endpoints: TENANT/NAME, TENANT, KEY=VALUE, or a tenant and labels of which all hold; any entry is enough.';
            COMMENT ON COLUMN dash.%1$I.starts_at IS 'When it starts; of one that recurs the first start.';
            COMMENT ON COLUMN dash.%1$I.ends_at IS 'When it ends; of one that recurs the latest possible end. Null: never.';
            COMMENT ON COLUMN dash.%1$I.rule IS 'How it recurs (RFC 5545: FREQ, BYDAY, INTERVAL, UNTIL); null: it does not. The other columns of the rule are null too then.';
            COMMENT ON COLUMN dash.%1$I.time_zone IS 'The IANA time zone of its wall clock.';
            COMMENT ON COLUMN dash.%1$I.first_day IS 'The first day by that clock; weeks are counted from its week.';
            COMMENT ON COLUMN dash.%1$I.start_of_day IS 'When it starts by that clock.';
            COMMENT ON COLUMN dash.%1$I.duration_seconds IS 'How long it lasts each time, whatever the clock does meanwhile.';
            COMMENT ON COLUMN dash.%1$I.reason IS 'Why.';
            COMMENT ON COLUMN dash.%1$I.owner IS 'Whom to ask.';
            COMMENT ON COLUMN dash.%1$I.created_at IS 'When it was ordered.';
            COMMENT ON COLUMN dash.%1$I.created_by IS 'Who ordered it.';
            COMMENT ON COLUMN dash.%1$I.in_force_from IS 'The first minute that it may hold in.';
            COMMENT ON COLUMN dash.%1$I.ended_at IS 'When somebody ended it early; null: nobody has.';
            COMMENT ON COLUMN dash.%1$I.ended_by IS 'Who did.';
            COMMENT ON COLUMN dash.%1$I.ended_from IS 'The first minute that it holds in no more, because of that.'
        $c$, kind);
    END LOOP;
END
$$;
COMMENT ON COLUMN dash.incident.marks IS
    'What to know about how it was decided: single_witness (a P1 that one region alone could see), closed_single_witness (closed on the word of one region), endpoint_deleted (closed because the endpoint was deleted), silenced (somebody was not told of a change of it because of a silence); empty without any.';

-- As before, with what the probe itself said.
CREATE OR REPLACE VIEW dash.region_minute AS
SELECT m.minute, e.tenant, e.name AS endpoint, r.name AS region, verdict.name AS verdict,
       reason.name AS reason, phase.name AS phase, c.total_ms, c.connect_ms, c.tls_ms,
       c.initialize_ms, c.tools_list_ms, c.http_status, c.retried, c.late, c.agent_lag_ms, own.name AS own_verdict
FROM quorate.minute m
JOIN quorate.endpoint e ON e.id = m.endpoint_id
CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c
JOIN quorate.region r ON r.id = c.region_id
JOIN quorate.enum_name verdict ON verdict.kind = 'verdict' AND verdict.value = c.verdict
LEFT JOIN quorate.enum_name own ON own.kind = 'verdict' AND own.value = c.own_verdict
LEFT JOIN quorate.enum_name reason ON reason.kind = 'reason' AND reason.value = c.reason
LEFT JOIN quorate.enum_name phase ON phase.kind = 'phase' AND phase.value = c.phase
UNION ALL
SELECT m.minute, e.tenant, e.name AS endpoint, r.name AS region, verdict.name AS verdict,
       reason.name AS reason, phase.name AS phase, c.total_ms, c.connect_ms, c.tls_ms,
       c.initialize_ms, c.tools_list_ms, c.http_status, c.retried, c.late, c.agent_lag_ms, own.name AS own_verdict
FROM quorate.unpacked_minute m
JOIN quorate.endpoint e ON e.id = m.endpoint_id
CROSS JOIN LATERAL (SELECT m.cells OFFSET 0) once  -- not for every byte of it
CROSS JOIN LATERAL quorate.unpack_cells(once.cells) c
JOIN quorate.region r ON r.id = c.region_id
JOIN quorate.enum_name verdict ON verdict.kind = 'verdict' AND verdict.value = c.verdict
LEFT JOIN quorate.enum_name own ON own.kind = 'verdict' AND own.value = c.own_verdict
LEFT JOIN quorate.enum_name reason ON reason.kind = 'reason' AND reason.value = c.reason
LEFT JOIN quorate.enum_name phase ON phase.kind = 'phase' AND phase.value = c.phase;
COMMENT ON COLUMN dash.region_minute.own_verdict IS
    'What the probe itself said: another verdict than the one in force where that is MAINT, or where the region is not believed.';

-- What windows and silences say of a tenant or one of its endpoints; one that says no more goes.
CREATE FUNCTION quorate.forget_windows(wanted_tenant text, wanted_endpoint text)
RETURNS TABLE (from_table text, deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed bigint;  -- those that lose a matcher; the ones that go are among them
BEGIN
    FOREACH from_table IN ARRAY ARRAY['maintenance', 'silence'] LOOP
        EXECUTE format($q$
            UPDATE quorate.%1$I w SET matchers = k.kept
            FROM (SELECT x.id, coalesce(jsonb_agg(m) FILTER (WHERE NOT a.about), '[]') AS kept
                  FROM quorate.%1$I x CROSS JOIN LATERAL jsonb_array_elements(x.matchers) m
                  CROSS JOIN LATERAL (SELECT coalesce(m->>'tenant' = $1, false)
                                         AND ($2 = '' OR coalesce(m->>'endpoint' = $2, false)) AS about) a
                  GROUP BY x.id HAVING bool_or(a.about)) k
            WHERE k.id = w.id$q$, from_table) USING wanted_tenant, wanted_endpoint;
        GET DIAGNOSTICS changed = ROW_COUNT;
        EXECUTE format('DELETE FROM quorate.%I WHERE matchers = ''[]''', from_table);
        deleted := changed;
        RETURN NEXT;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION quorate.forget_windows(text, text) FROM PUBLIC;

-- As before, of windows and silences too: the function of before (0011, 0020) goes on under another name and is called
-- by the new one, so that what it deletes is said once. Who changes what forget() deletes of a table of before replaces
-- quorate.forget_watched; who adds another kind of row adds a function and a line below.
ALTER FUNCTION quorate.forget(text, text) RENAME TO forget_watched;
REVOKE ALL ON FUNCTION quorate.forget_watched(text, text) FROM quorate_coordinator;
CREATE FUNCTION quorate.forget(wanted_tenant text, wanted_endpoint text)
RETURNS TABLE (from_table text, deleted bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM quorate.forget_watched(wanted_tenant, wanted_endpoint)
    UNION ALL SELECT * FROM quorate.forget_windows(wanted_tenant, wanted_endpoint)
$$;
REVOKE ALL ON FUNCTION quorate.forget(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quorate.forget(text, text) TO quorate_coordinator;
