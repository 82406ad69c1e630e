-- Secrets of endpoints. What stands here is of no use without the wrapping key, which is nowhere in this database: it wraps
-- a data key per tenant (AES-256-GCM, or a key management service), which encrypts the tenant's secrets (AES-256-GCM).
CREATE TABLE quorate.data_key (
    tenant       text PRIMARY KEY REFERENCES quorate.tenant (name),
    generation   integer NOT NULL,  -- one more with each new key
    wrapped      bytea NOT NULL,
    wrapping_key text NOT NULL,     -- which one wrapped it: no secret
    made_at      timestamptz NOT NULL DEFAULT now(),
    wrapped_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE quorate.secret (
    tenant         text NOT NULL REFERENCES quorate.data_key (tenant),
    name           text NOT NULL,
    version        integer NOT NULL,  -- one more with each new value
    key_generation integer NOT NULL,  -- of the data key that it is sealed by
    sealed         bytea NOT NULL,    -- nonce, what was encrypted, tag; bound to tenant, name and version
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     text NOT NULL,
    expires_at     timestamptz,
    expires_from   text CHECK (expires_from IN ('declared', 'jwt')),
    PRIMARY KEY (tenant, name),
    CHECK ((expires_at IS NULL) = (expires_from IS NULL))
);

-- What jobs of a region are sealed for.
CREATE TABLE quorate.region_key (
    region_id  smallint PRIMARY KEY REFERENCES quorate.region (id) ON DELETE CASCADE,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),  -- X25519
    set_at     timestamptz NOT NULL DEFAULT now(),
    set_by     text NOT NULL
);

-- One row: coordinators read what is above again when it counts up. Whoever changes something locks it.
CREATE TABLE quorate.secret_change (
    generation bigint NOT NULL
);
INSERT INTO quorate.secret_change VALUES (1);

GRANT SELECT, INSERT, UPDATE, DELETE ON quorate.data_key, quorate.secret, quorate.region_key TO quorate_coordinator;
GRANT SELECT, UPDATE ON quorate.secret_change TO quorate_coordinator;
GRANT SELECT (tenant, name, version, expires_at, expires_from) ON quorate.secret TO quorate_archiver;

-- The secrets that an endpoint's spec refers to.
CREATE FUNCTION quorate.secrets_of(spec jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT DISTINCT named.secret
    FROM (SELECT spec->'bearer'->>'secret' AS secret
          UNION ALL SELECT spec->'tls_ca'->>'secret'
          UNION ALL SELECT spec->'tls_client'->>'secret'
          UNION ALL SELECT h.value->>'secret' FROM jsonb_each(coalesce(spec->'headers', '{}')) h
                    WHERE jsonb_typeof(h.value) = 'object') named
    WHERE named.secret IS NOT NULL
$$;

-- Endpoints that are in the catalogue, by the secrets that they refer to.
CREATE VIEW quorate.secret_use AS
SELECT e.tenant, s.secret, e.id AS endpoint_id, e.name AS endpoint
FROM quorate.endpoint e
JOIN quorate.endpoint_version v ON v.endpoint_id = e.id AND v.valid_to IS NULL
CROSS JOIN LATERAL quorate.secrets_of(v.spec) AS s (secret)
WHERE e.deleted_at IS NULL;
GRANT SELECT ON quorate.secret_use TO quorate_coordinator, quorate_archiver;

-- How urgent a notice is that is told again as that grows; 0: it is told once.
ALTER TABLE quorate.notice ADD COLUMN level smallint NOT NULL DEFAULT 0;

-- Opens, raises and closes the notices of endpoints whose credential expires within 72 h, 24 h, 1 h, or has: each level is
-- told once. One of several secrets counts, the first to expire. @return what changed
CREATE FUNCTION quorate.settle_credential_expiry(at timestamptz)
RETURNS TABLE (change text, tenant text, endpoint text, detail text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    notice bigint;
    level  smallint;
    id     integer;
BEGIN
    FOR notice, change, id, tenant, endpoint, detail, level IN
        WITH first AS (
            SELECT DISTINCT ON (u.endpoint_id) u.endpoint_id, u.tenant, u.endpoint, s.expires_at,
                   'The secret ' || s.name || CASE WHEN s.expires_at > at THEN ' expires at ' ELSE ' expired at ' END
                       || to_char(s.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                       || CASE WHEN s.expires_from = 'jwt' THEN ', its own exp says' ELSE '' END AS detail,
                   CASE WHEN s.expires_at <= at THEN 4
                        WHEN s.expires_at <= at + interval '1 hour' THEN 3
                        WHEN s.expires_at <= at + interval '24 hours' THEN 2
                        ELSE 1 END AS level
            FROM quorate.secret_use u
            JOIN quorate.secret s ON s.tenant = u.tenant AND s.name = u.secret
            WHERE s.expires_at <= at + interval '72 hours'
            ORDER BY u.endpoint_id, s.expires_at, s.name),
        raised AS (
            UPDATE quorate.notice n SET level = o.level, detail = o.detail, changed_at = at
            FROM (SELECT open.id, open.level AS before, f.level, f.detail
                  FROM quorate.notice open JOIN first f ON f.endpoint_id = open.endpoint_id
                  WHERE open.kind = 'credential_expiry' AND open.closed_at IS NULL
                    AND (open.level, open.detail) IS DISTINCT FROM (f.level::smallint, f.detail)) o
            WHERE n.id = o.id
            RETURNING n.id, CASE WHEN o.level > o.before THEN 'changed' ELSE 'kept' END,
                      n.endpoint_id, n.tenant, n.endpoint, n.detail, n.level),
        opened AS (
            INSERT INTO quorate.notice AS n (endpoint_id, tenant, endpoint, kind, opened_at, changed_at, detail, level)
            SELECT f.endpoint_id, f.tenant, f.endpoint, 'credential_expiry', at, at, f.detail, f.level
            FROM first f
            WHERE NOT EXISTS (SELECT FROM quorate.notice o WHERE o.endpoint_id = f.endpoint_id
                              AND o.kind = 'credential_expiry' AND o.closed_at IS NULL)
            RETURNING n.id, 'opened'::text, n.endpoint_id, n.tenant, n.endpoint, n.detail, n.level),
        closed AS (
            UPDATE quorate.notice n SET closed_at = at, changed_at = at
            WHERE n.kind = 'credential_expiry' AND n.closed_at IS NULL
              AND NOT EXISTS (SELECT FROM first f WHERE f.endpoint_id = n.endpoint_id)
            RETURNING n.id, 'closed'::text, n.endpoint_id, n.tenant, n.endpoint, n.detail, n.level)
        SELECT * FROM raised UNION ALL SELECT * FROM opened UNION ALL SELECT * FROM closed
    LOOP
        CONTINUE WHEN change = 'kept';  -- another sentence, and nothing worse
        INSERT INTO quorate.outbox (key, payload)
        VALUES ('notice:' || notice || ':credential_expiry:' || change || ':' || level || ':' || extract(epoch FROM at)::bigint,
                jsonb_build_object('notice_id', notice, 'tenant', tenant, 'endpoint', endpoint,
                                   'notice', 'credential_expiry', 'kind', change, 'minute', NULL, 'at', at,
                                   'regions', '[]'::jsonb, 'detail', detail))
        ON CONFLICT DO NOTHING;
        RETURN NEXT;
    END LOOP;
END
$$;

-- A tenant's secrets go with the tenant; an endpoint only refers to them.
CREATE FUNCTION quorate.forget_secrets(wanted_tenant text, wanted_endpoint text)
RETURNS TABLE (from_table text, deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF wanted_endpoint <> '' THEN
        RETURN;
    END IF;
    UPDATE quorate.secret_change SET generation = generation + 1;  -- first, as all do who change secrets
    FOREACH from_table IN ARRAY ARRAY['secret', 'data_key'] LOOP
        EXECUTE format('DELETE FROM quorate.%I WHERE tenant = $1', from_table) USING wanted_tenant;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        RETURN NEXT;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION quorate.forget_secrets(text, text) FROM PUBLIC;

-- As before, of secrets too; theirs comes first, for they refer to the tenant.
CREATE OR REPLACE FUNCTION quorate.forget(wanted_tenant text, wanted_endpoint text)
RETURNS TABLE (from_table text, deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM quorate.forget_secrets(wanted_tenant, wanted_endpoint);
    RETURN QUERY SELECT * FROM quorate.forget_watched(wanted_tenant, wanted_endpoint);
    RETURN QUERY SELECT * FROM quorate.forget_windows(wanted_tenant, wanted_endpoint);
END
$$;
