-- Archivers share the shards by leases in Redis. What they commit is fenced here: whoever takes a shard raises its epoch, and
-- each transaction that writes something of the shard locks the row and finds its own epoch in it, or writes nothing.
CREATE TABLE quorate.shard_fence (
    shard     smallint PRIMARY KEY,
    epoch     bigint NOT NULL,      -- of the lease whose holder alone may write; only ever raised
    raised_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE quorate.shard_fence IS 'Under which lease what is of a shard may be written.';

-- What each shard saw of a minute, region by region, until all shards have sealed it: JSON rows of
-- r (region id), v (votes), f (FAIL), l (of these, where the region alone FAILs), h (up to three hosts of these, by hash).
CREATE TABLE quorate.shard_tally (
    minute  timestamptz NOT NULL,
    shard   smallint NOT NULL,
    tallies jsonb NOT NULL,
    PRIMARY KEY (minute, shard)
);
COMMENT ON TABLE quorate.shard_tally IS 'Votes and failures by region of one shard in one minute; of minutes that some shard has not sealed yet.';

GRANT SELECT, INSERT, UPDATE, DELETE ON quorate.shard_fence, quorate.shard_tally TO quorate_archiver;
GRANT SELECT ON quorate.shard_fence, quorate.shard_tally TO quorate_coordinator;

-- Ends the sessions that keep these shards' fences locked: of an archiver that fell asleep amid a transaction, or whose host is
-- gone unheard. Its leases are over, and what it had not committed is done again. @return how many there were
CREATE FUNCTION quorate.end_holders(shards smallint[]) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE pg_terminate_backend(holder.pid)) FROM (
        SELECT DISTINCT l.pid FROM quorate.shard_fence f
        JOIN pg_locks l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = f.xmax
        WHERE f.shard = ANY (shards) AND l.pid <> pg_backend_pid()) holder
$$;
REVOKE ALL ON FUNCTION quorate.end_holders(smallint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quorate.end_holders(smallint[]) TO quorate_archiver;
