-- Who may use the admin API, beside the certificates that a coordinator's config makes admins. A token's secret is
-- nowhere: its hash is. Rows are added and ended, never deleted.
CREATE TABLE quorate.credential (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    principal     text NOT NULL,
    secret_sha256 text,  -- of a token
    certificate   text,  -- a name that the certificate bears
    role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    tenants       text[],  -- null: all
    created_at    timestamptz NOT NULL,
    created_by    text NOT NULL,
    expires_at    timestamptz,
    revoked_at    timestamptz,
    revoked_by    text,
    CHECK ((secret_sha256 IS NULL) <> (certificate IS NULL))
);
CREATE UNIQUE INDEX credential_certificate ON quorate.credential (certificate) WHERE revoked_at IS NULL;
GRANT SELECT, INSERT, UPDATE (revoked_at, revoked_by) ON quorate.credential TO quorate_coordinator;

ALTER TABLE quorate.audit
    ADD COLUMN credential       text    NOT NULL DEFAULT '',
    ADD COLUMN reason           text    NOT NULL DEFAULT '',
    ADD COLUMN tenants          text[]  NOT NULL DEFAULT '{}',
    ADD COLUMN detail           text    NOT NULL DEFAULT '',
    ADD COLUMN before_sha256    text,
    ADD COLUMN after_sha256     text,
    ADD COLUMN changes          jsonb   NOT NULL DEFAULT '[]',
    ADD COLUMN changes_left_out integer NOT NULL DEFAULT 0;
