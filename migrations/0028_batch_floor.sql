-- Up to which transaction batches were deleted: who resumes a watch from there or before would miss what they held.
CREATE TABLE quorate.batch_floor (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    deleted_to xid8  -- the highest; null: none was deleted
);
-- What was deleted before is not known: whatever is older than the oldest one may be.
INSERT INTO quorate.batch_floor (deleted_to)
SELECT (SELECT (txid::text::numeric - 1)::text::xid8 FROM quorate.batch ORDER BY batch.txid LIMIT 1);

CREATE FUNCTION quorate.note_deleted_batches() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    highest xid8 := (SELECT txid FROM gone ORDER BY txid DESC LIMIT 1);
BEGIN
    UPDATE quorate.batch_floor SET deleted_to = highest
     WHERE highest IS NOT NULL AND (deleted_to IS NULL OR deleted_to < highest);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION quorate.note_deleted_batches() FROM PUBLIC;
CREATE TRIGGER note_deleted AFTER DELETE ON quorate.batch
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION quorate.note_deleted_batches();
GRANT SELECT ON quorate.batch_floor TO quorate_coordinator, quorate_archiver;
