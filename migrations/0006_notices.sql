-- What is wrong without being an outage: it opens and closes per endpoint and kind.
CREATE TABLE quorate.notice (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id integer,     -- null: about a region
    tenant      text,
    endpoint    text,
    kind        text NOT NULL CHECK (kind IN
        ('auth', 'degraded', 'certificate_expiry', 'credential_expiry', 'tool_drift',
         'region_disagreement', 'era_change', 'rate_limited', 'visibility', 'intermittent',
         'region_fault')),
    regions     smallint[] NOT NULL DEFAULT '{}',  -- where it is seen; none: everywhere
    opened_at   timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    closed_at   timestamptz,
    detail      text NOT NULL
);
CREATE UNIQUE INDEX notice_open ON quorate.notice (endpoint_id, kind)
    WHERE closed_at IS NULL AND endpoint_id IS NOT NULL;
CREATE INDEX notice_endpoint ON quorate.notice (endpoint_id, opened_at);

-- What the next minute's notices follow from (core/notice); null: nothing yet.
ALTER TABLE quorate.endpoint_state ADD COLUMN notices jsonb;

GRANT SELECT ON quorate.notice TO quorate_coordinator;
GRANT SELECT, INSERT, UPDATE, DELETE ON quorate.notice TO quorate_archiver;

CREATE VIEW dash.notice AS
SELECT n.tenant, n.endpoint, n.kind, n.opened_at, n.closed_at,
       CASE WHEN cardinality(n.regions) = 1
            THEN (SELECT r.name FROM quorate.region r WHERE r.id = n.regions[1]) END AS region,
       n.detail || CASE WHEN cardinality(n.regions) > 1
            THEN ' (' || (SELECT string_agg(r.name, ', ' ORDER BY r.name) FROM quorate.region r
                          WHERE r.id = ANY (n.regions)) || ')' ELSE '' END AS detail,
       n.id, n.changed_at
FROM quorate.notice n;

COMMENT ON VIEW dash.notice IS 'What is or was wrong without being an outage; it changes no P1, P2 or P3.';
COMMENT ON COLUMN dash.notice.tenant IS 'Owner of the endpoint; null where it is about a region.';
COMMENT ON COLUMN dash.notice.endpoint IS 'Name, unique within the tenant; null where it is about a region.';
COMMENT ON COLUMN dash.notice.kind IS 'auth, degraded, certificate_expiry, credential_expiry, tool_drift, region_disagreement, era_change, rate_limited, visibility, intermittent or region_fault.';
COMMENT ON COLUMN dash.notice.opened_at IS 'When the decision was made that opened it.';
COMMENT ON COLUMN dash.notice.closed_at IS 'When the decision was made that closed it; null while open.';
COMMENT ON COLUMN dash.notice.region IS 'The region that alone sees it; null where several do.';
COMMENT ON COLUMN dash.notice.detail IS 'One sentence.';
COMMENT ON COLUMN dash.notice.id IS 'Number of the notice.';
COMMENT ON COLUMN dash.notice.changed_at IS 'When it last changed.';

GRANT SELECT ON dash.notice TO quorate_coordinator, quorate_archiver, quorate_reader;
