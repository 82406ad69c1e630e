-- Each endpoint's place among the cells of its shard: dense numbers, so that Redis can hold the
-- cells of a minute side by side (coordinator/catalog/cell_slots.hpp gives them out).
ALTER TABLE quorate.endpoint ADD COLUMN cell_slot integer;

UPDATE quorate.endpoint e SET cell_slot = numbered.slot
FROM (SELECT id, row_number() OVER (PARTITION BY shard ORDER BY id) - 1 AS slot
      FROM quorate.endpoint) numbered
WHERE numbered.id = e.id;

ALTER TABLE quorate.endpoint
    ALTER COLUMN cell_slot SET NOT NULL,
    ADD CHECK (cell_slot BETWEEN 0 AND 1048575);
CREATE UNIQUE INDEX endpoint_cell_slot ON quorate.endpoint (shard, cell_slot)
    WHERE deleted_at IS NULL;
