-- The ACL user that a region's agents have in Redis: what its password is compared with. Redis keeps
-- users neither over a failover nor, without an aclfile, over a restart; coordinators write them
-- again from here.
CREATE TABLE quorate.agent_user (
    region_id       smallint PRIMARY KEY REFERENCES quorate.region (id) ON DELETE CASCADE,
    password_sha256 text NOT NULL CHECK (password_sha256 ~ '^[0-9a-f]{64}$'),
    renewed_at      timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON quorate.agent_user TO quorate_coordinator;
