-- As before, of sessions that sleep alone: one that works (rollups and compaction take seconds) ends by itself. A session that
-- sleeps waits for its client, and has for a second.
CREATE OR REPLACE FUNCTION quorate.end_holders(shards smallint[]) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE pg_terminate_backend(holder.pid)) FROM (
        SELECT DISTINCT l.pid FROM quorate.shard_fence f
        JOIN pg_locks l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = f.xmax
        JOIN pg_stat_activity a ON a.pid = l.pid AND a.wait_event_type = 'Client'
         AND a.state_change < clock_timestamp() - interval '1 second'
        WHERE f.shard = ANY (shards) AND l.pid <> pg_backend_pid()) holder
$$;
