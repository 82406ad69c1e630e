-- The first shape of the database: catalogue, minutes, incidents, and the views of schema dash.
-- Private tables live in schema quorate; dashboards read schema dash alone.

CREATE SCHEMA quorate;
CREATE SCHEMA dash;

-- ---------------------------------------------------------------- names of stored numbers
-- Filled from the enumerations of core/model each time migrations run, so the two can't drift.
CREATE TABLE quorate.enum_name (
    kind  text     NOT NULL,   -- verdict, reason, phase, decision, scope, severity, era
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
    shard      smallint NOT NULL,
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
-- (26 bytes each, see archiver/store/packed_cell.hpp), rare details in `details` by region id.
CREATE TABLE quorate.minute (
    minute      timestamptz NOT NULL,
    batch_id    bigint NOT NULL,
    endpoint_id integer NOT NULL,
    decision    smallint NOT NULL,
    scope       smallint NOT NULL,
    rule_row    smallint NOT NULL,
    rule_version smallint NOT NULL,
    cells       bytea NOT NULL,
    details     jsonb,
    PRIMARY KEY (endpoint_id, minute)
) PARTITION BY RANGE (minute);
CREATE INDEX minute_batch ON quorate.minute USING brin (batch_id);

-- ---------------------------------------------------------------- incidents
CREATE TABLE quorate.incident (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id    integer NOT NULL,
    tenant         text NOT NULL,
    endpoint       text NOT NULL,
    severity       smallint NOT NULL,
    worst_severity smallint NOT NULL,
    scope          smallint NOT NULL,
    started_at     timestamptz NOT NULL,
    detected_at    timestamptz NOT NULL,
    recovered_at   timestamptz,
    closed_at      timestamptz,
    mttr_seconds   double precision,     -- summed over the openings
    reason         smallint,
    regions        smallint[] NOT NULL,
    flaps          integer NOT NULL DEFAULT 0,
    marks          text[] NOT NULL DEFAULT '{}',  -- single_witness, closed_single_witness, endpoint_deleted
    notified_at    timestamptz
);
CREATE UNIQUE INDEX incident_one_open ON quorate.incident (endpoint_id) WHERE closed_at IS NULL;
CREATE INDEX incident_started ON quorate.incident (started_at);

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
