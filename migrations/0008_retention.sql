-- Partitions of minutes and whether they may go: when every tier is past, and all that they hold is in rollups.
CREATE FUNCTION quorate.partition_report(longest interval)
RETURNS TABLE (partition text, from_at timestamptz, until_at timestamptz, bytes bigint, kept_because text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    found bigint;
BEGIN
    FOR partition, bytes IN
        SELECT c.relname, pg_total_relation_size(c.oid)
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'quorate.minute'::regclass ORDER BY c.relname
    LOOP
        from_at := to_timestamp(substr(partition, 8), 'YYYY_MM');
        until_at := from_at + interval '1 month';
        kept_because := NULL;
        IF until_at > now() - longest THEN
            kept_because := 'younger than the longest tier';
        ELSE
            EXECUTE format(
                'SELECT count(*) FROM quorate.%I m JOIN quorate.endpoint e ON e.id = m.endpoint_id'
                ' LEFT JOIN quorate.rollup_progress p ON p.shard = e.shard'
                ' WHERE p.until IS NULL OR m.minute > p.until', partition) INTO found;
            IF found > 0 THEN
                kept_because := found || ' minutes are in no rollup yet';
            END IF;
            SELECT count(*) INTO found FROM quorate.rollup_stale s
            WHERE s.start_at >= from_at AND s.start_at < until_at;
            IF found > 0 THEN
                kept_because := found || ' hours have to be counted anew first';
            END IF;
            EXECUTE format(
                'SELECT count(*) FROM (SELECT endpoint_id, date_trunc(''day'', minute, ''UTC'') AS day,'
                ' count(*) AS minutes FROM quorate.%I GROUP BY 1, 2) m LEFT JOIN quorate.rollup_day r'
                ' ON r.endpoint_id = m.endpoint_id AND r.start_at = m.day'
                ' WHERE r.endpoint_id IS NULL OR r.up + r.down + r.excluded < m.minutes', partition)
                INTO found;
            IF found > 0 THEN
                kept_because := found || ' endpoint-days hold more minutes than their rollup';
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- Detaches and drops one partition; refuses what the report keeps. @return the bytes that are free now.
CREATE FUNCTION quorate.drop_partition(wanted text, longest interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    report record;
BEGIN
    SELECT * INTO report FROM quorate.partition_report(longest) r WHERE r.partition = wanted;
    IF report IS NULL THEN
        RAISE EXCEPTION 'quorate.minute has no partition %', wanted;
    END IF;
    IF report.kept_because IS NOT NULL THEN
        RAISE EXCEPTION 'partition % is kept: %', wanted, report.kept_because;
    END IF;
    EXECUTE format('ALTER TABLE quorate.minute DETACH PARTITION quorate.%I', wanted);
    EXECUTE format('DROP TABLE quorate.%I', wanted);
    RETURN report.bytes;
END
$$;

REVOKE ALL ON FUNCTION quorate.partition_report(interval), quorate.drop_partition(text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quorate.partition_report(interval), quorate.drop_partition(text, interval)
    TO quorate_archiver;
CREATE INDEX outbox_created ON quorate.outbox (created_at);
CREATE INDEX rollup_hour_start ON quorate.rollup_hour USING brin (start_at);
