"""Who is in trouble now, how much of the fleet is seen, and how the regions do."""
from grafana import (BAD, COLOURS, GOOD, TENANTS, WARN, code, colour, dashboard, of_name, series, sql, stat, state_column, step, strip, table,
                     thresholds, to_endpoint)


def _count(state, low):
    return stat(f"{state} now", f"Endpoints whose state is {state} at this moment.", sql(f"""
        SELECT count(*) AS "{state}" FROM dash.endpoint_status
        WHERE tenant IN (${{tenant:sqlstring}}) AND state = '{state}'"""), size=(3, 4), mode="background",
        steps=thresholds((None, low), (1, COLOURS[state])))


def make():
    grey = "#3D3D3D"
    return dashboard("fleet", "Who is in trouble now, how much of the fleet is seen, and how the regions do.", "now-24h", [
        _count("P1", grey), _count("P2", grey), _count("P3", grey), _count("OK", grey),
        stat("Not seen", "Endpoints that nobody can judge at this moment: BLIND, LOW_VISIBILITY, UNCONFIRMED, PENDING or NEW.", sql("""
            SELECT count(*) AS "not seen" FROM dash.endpoint_status
            WHERE tenant IN (${tenant:sqlstring}) AND state IN ('BLIND', 'LOW_VISIBILITY', 'UNCONFIRMED', 'PENDING', 'NEW')"""),
             size=(3, 4), mode="background", steps=thresholds((None, grey), (1, COLOURS["UNKNOWN"]))),
        stat("In maintenance or paused", "Endpoints that nobody is told about at this moment, as somebody asked for it.", sql("""
            SELECT count(*) AS "maintenance" FROM dash.endpoint_status
            WHERE tenant IN (${tenant:sqlstring}) AND state IN ('MAINT', 'PAUSED')"""),
             size=(3, 4), mode="background", steps=thresholds((None, grey), (1, COLOURS["MAINT"]))),
        stat("Coverage", "Voting regions / configured regions of the last sealed minute, the mean of all endpoints. Below 1 somebody does not look.",
             sql("""SELECT avg(coverage) AS "coverage" FROM dash.endpoint_status WHERE tenant IN (${tenant:sqlstring})"""), size=(3, 4),
             unit="percentunit", steps=thresholds((None, BAD), (0.6, WARN), (0.95, GOOD))),
        stat("Last sealed minute", "How old the newest verdict of the fleet is: more than two minutes means that the archive is behind.", sql("""
            SELECT extract(epoch FROM now() - max(last_minute)) AS "age" FROM dash.endpoint_status
            WHERE tenant IN (${tenant:sqlstring})"""), size=(3, 4), unit="s", steps=thresholds((None, GOOD), (150, WARN), (300, BAD))),
        table("In trouble now", "Endpoints with an open incident, the worst first: how far it reaches, since when, why, and who has taken it.", sql("""
            SELECT s.state, s.tenant, s.endpoint, s.scope, s.since, i.reason, array_to_string(i.regions, ', ') AS regions, s.flapping, s.coverage,
                   i.acknowledged_by
            FROM dash.endpoint_status s
            JOIN dash.incident i ON i.tenant = s.tenant AND i.endpoint = s.endpoint AND i.closed_at IS NULL
            WHERE s.tenant IN (${tenant:sqlstring}) ORDER BY array_position(ARRAY['P1', 'P2', 'P3'], s.state), s.since LIMIT 200"""), (24, 8),
              [state_column(), of_name("coverage", unit="percentunit"), of_name("since", unit="dateTimeFromNow"),
               of_name("endpoint", links=to_endpoint())]),
        strip("Regions", "Each region over all endpoints: OK; DEGRADED where more than a tenth of what it sees fails; UNKNOWN where it has no agent, "
              "no vote, or was not believed because it alone saw many failures.", sql(f"""
            SELECT {step('minute')} AS time, region AS metric, {code('''
                       CASE WHEN bool_or(quarantined) OR min(agents_alive) = 0 OR sum(probes) = 0 THEN 'UNKNOWN'
                            WHEN avg(fail_ratio) > 0.1 THEN 'DEGRADED' ELSE 'OK' END''')} AS value
            FROM dash.region_health WHERE $__timeFilter(minute) GROUP BY 1, 2 ORDER BY 1""", form="time_series"), (24, 6),
              interval="1m", maxDataPoints=300),
        series("Failing, by region", "Share of the endpoints seen from a region that fail there. One line above the others: that region, not the endpoints.",
               sql(f"""
            SELECT {step('minute')} AS time, region AS metric, avg(fail_ratio) AS value
            FROM dash.region_health WHERE $__timeFilter(minute) GROUP BY 1, 2 ORDER BY 1""", form="time_series"), (12, 8), unit="percentunit",
               interval="1m", maxDataPoints=300),
        series("Votes, by region", "Endpoints with a verdict from the region, a minute. A line that falls away from the others: the region's agents do not look.",
               sql(f"""
            SELECT {step('minute')} AS time, region AS metric, avg(probes) AS value
            FROM dash.region_health WHERE $__timeFilter(minute) GROUP BY 1, 2 ORDER BY 1""", form="time_series"), (12, 8), unit="short",
               interval="1m", maxDataPoints=300),
        series("Incidents opened", "Incidents by the worst they came to, counted when they were detected.", sql(f"""
            SELECT {step('detected_at')} AS time, worst_severity AS metric, count(*) AS value
            FROM dash.incident WHERE $__timeFilter(detected_at) AND tenant IN (${{tenant:sqlstring}}) GROUP BY 1, 2 ORDER BY 1""",
            form="time_series"), (12, 8), unit="short", stacked=True, bars=True, interval="15m", maxDataPoints=100,
               overrides=[colour(name, COLOURS[name]) for name in ("P1", "P2", "P3")]),
        table("Open notices", "What is wrong without being an outage, the newest first.", sql("""
            SELECT opened_at, kind, tenant, endpoint, region, detail FROM dash.notice
            WHERE closed_at IS NULL AND (tenant IS NULL OR tenant IN (${tenant:sqlstring})) ORDER BY opened_at DESC LIMIT 200"""), (12, 8),
              [of_name("opened_at", unit="dateTimeFromNow"), of_name("endpoint", links=to_endpoint())]),
        table("All endpoints", "Every endpoint that is watched: its state, who sees it, its 95th percentile of a day and its uptime of 30 days.", sql("""
            SELECT state, tenant, endpoint, url, scope, since, coverage, p95_ms_24h, uptime_30d FROM dash.endpoint_status
            WHERE tenant IN (${tenant:sqlstring}) ORDER BY tenant, endpoint LIMIT 5000"""), (24, 12),
              [state_column(), of_name("coverage", unit="percentunit"), of_name("since", unit="dateTimeFromNow"), of_name("p95_ms_24h", unit="ms"),
               of_name("uptime_30d", unit="percentunit", decimals=3), of_name("endpoint", links=to_endpoint())]),
    ], [TENANTS])
