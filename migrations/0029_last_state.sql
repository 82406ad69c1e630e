-- What the rule and the notices carry of an endpoint since its last sealed minute (state_log of 0014), for those who describe
-- it: it says, among other things, until when its certificates are good.
CREATE FUNCTION quorate.last_state(wanted integer) RETURNS bytea LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN (SELECT x.state
        FROM quorate.endpoint e JOIN quorate.state_log l ON l.shard = e.shard
        CROSS JOIN LATERAL unnest(l.endpoints, l.states) AS x(endpoint, state)
        WHERE e.id = wanted AND l.endpoints @> ARRAY[wanted] AND x.endpoint = wanted
        ORDER BY l.id DESC LIMIT 1);
REVOKE ALL ON FUNCTION quorate.last_state(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quorate.last_state(integer) TO quorate_coordinator;
