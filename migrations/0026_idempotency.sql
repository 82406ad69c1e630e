-- Keys of calls of the admin API that were done, each in the transaction of its change; kept for two days.
CREATE TABLE quorate.idempotency_key (
    credential text NOT NULL,  -- what the caller showed
    key        text NOT NULL,
    call       text NOT NULL,  -- one call may change several things
    method     text NOT NULL,
    request    text NOT NULL,  -- hash of what was asked for; a secret's value does not count
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (credential, key)
);
CREATE INDEX idempotency_key_at ON quorate.idempotency_key (at);
GRANT SELECT, INSERT, UPDATE, DELETE ON quorate.idempotency_key TO quorate_coordinator;
