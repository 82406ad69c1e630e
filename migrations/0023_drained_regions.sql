-- Regions that operators drain and remove, and agents that they cordon. A removed region keeps its row, and so its number:
-- stored cells name it. Its agents' user stays too, so that Redis is rid of it for good.
ALTER TABLE quorate.region ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE quorate.region ADD COLUMN in_force_from timestamptz;  -- of the state: its first minute; null: always was so
ALTER TABLE quorate.region ADD CONSTRAINT region_state CHECK (state IN ('active', 'drained', 'removed'));

-- Agents that take no jobs, because an operator said so.
CREATE TABLE quorate.agent_cordon (
    region_id  smallint NOT NULL REFERENCES quorate.region (id),
    agent      text NOT NULL,
    reason     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    PRIMARY KEY (region_id, agent)
);
GRANT SELECT, INSERT, DELETE ON quorate.agent_cordon TO quorate_coordinator;
