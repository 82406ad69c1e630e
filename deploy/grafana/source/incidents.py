"""Incidents: how many, how soon they are detected, how long they last, and why."""
from grafana import (BAD, COLOURS, GOOD, TENANTS, WARN, choice, colour, dashboard, of_name, panel, series, sql, stat, state_column, table,
                     thresholds, to_endpoint)

_THESE = "tenant IN (${tenant:sqlstring}) AND worst_severity IN (${severity:sqlstring}) AND $__timeFilter(detected_at)"
_SEVERITIES = [colour(name, COLOURS[name]) for name in ("P1", "P2", "P3")]


def _number(title, description, expression, **more):
    return stat(title, description, sql(f'SELECT {expression} AS "{title.lower()}" FROM dash.incident WHERE {_THESE}'), **more)


def _quantile(share, column):
    return f"percentile_cont({share}) WITHIN GROUP (ORDER BY {column})"


def _by_day(title, description, column):
    return series(title, description, sql(f"""
            SELECT date_trunc('day', detected_at, 'UTC') AS time, worst_severity AS metric, {_quantile(0.5, column)} AS value
            FROM dash.incident WHERE {_THESE} AND {column} IS NOT NULL GROUP BY 1, 2 ORDER BY 1""", form="time_series"), (12, 8), unit="s",
                  overrides=_SEVERITIES)


def make():
    severity = choice("severity", "Severity", ["P1", "P2", "P3"], "P1", description="By the worst that an incident came to.")
    severity |= {"multi": True, "includeAll": True, "current": {"text": ["All"], "value": ["$__all"]}}
    for option in severity["options"]:
        option["selected"] = False
    slow = thresholds((None, GOOD), (180, WARN), (600, BAD))
    return dashboard("incidents", "Incidents: how many, how soon they are detected, how long they last, and why.", "now-30d", [
        _number("Incidents", "Incidents that were detected in the time shown.", "count(*)"),
        _number("Open", "Those of them that are still open.", "count(*) FILTER (WHERE closed_at IS NULL)", steps=thresholds((None, GOOD), (1, BAD))),
        _number("MTTD", "Median time from the first failing probe to the decision.", _quantile(0.5, "mttd_seconds"), unit="s", steps=slow),
        _number("MTTD p95", "95 % of the incidents were detected within this time.", _quantile(0.95, "mttd_seconds"), unit="s", steps=slow),
        _number("MTTR", "Median time from the first failing probe to the first healthy one of the last region, of closed incidents.",
                _quantile(0.5, "mttr_seconds"), unit="s", steps=thresholds((None, GOOD), (1800, WARN), (7200, BAD))),
        _number("MTTR p95", "95 % of the closed incidents were over within this time.", _quantile(0.95, "mttr_seconds"), unit="s",
                steps=thresholds((None, GOOD), (3600, WARN), (14400, BAD))),
        series("By class", "Incidents by the day of their detection and the worst they came to.", sql(f"""
            SELECT date_trunc('day', detected_at, 'UTC') AS time, worst_severity AS metric, count(*) AS value
            FROM dash.incident WHERE {_THESE} GROUP BY 1, 2 ORDER BY 1""", form="time_series"), (24, 8), unit="short", stacked=True, bars=True,
               overrides=_SEVERITIES),
        _by_day("Time to detect", "Median MTTD of each day, by class.", "mttd_seconds"),
        _by_day("Time to recover", "Median MTTR of each day, by class; closed incidents alone.", "mttr_seconds"),
        panel("barchart", "By reason", "How many incidents each reason opened, by class.", sql(f"""
            SELECT coalesce(reason, 'none') AS reason, count(*) FILTER (WHERE worst_severity = 'P1') AS "P1",
                   count(*) FILTER (WHERE worst_severity = 'P2') AS "P2", count(*) FILTER (WHERE worst_severity = 'P3') AS "P3"
            FROM dash.incident WHERE {_THESE} GROUP BY 1 ORDER BY count(*) DESC LIMIT 20"""), (12, 9), unit="short", overrides=_SEVERITIES,
              custom={"lineWidth": 1, "fillOpacity": 80}, options={
                  "orientation": "horizontal", "stacking": "normal", "xField": "reason", "showValue": "auto", "barWidth": 0.8, "groupWidth": 0.7,
                  "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "multi"}}),
        table("By class and reason", "Each class and reason: how many, how soon detected, how long, and in all.", sql(f"""
            SELECT worst_severity, coalesce(reason, 'none') AS reason, count(*) AS incidents, {_quantile(0.5, 'mttd_seconds')} AS mttd,
                   {_quantile(0.5, 'mttr_seconds')} AS mttr, sum(mttr_seconds) AS total
            FROM dash.incident WHERE {_THESE} GROUP BY 1, 2 ORDER BY 1, 3 DESC LIMIT 200"""), (12, 9),
              [state_column("worst_severity"), *(of_name(name, unit="s") for name in ("mttd", "mttr", "total"))]),
        table("By region", "How many incidents each region contributed to: one far above the others may be a bad vantage.", sql(f"""
            SELECT region, count(*) FILTER (WHERE worst_severity = 'P1') AS "P1", count(*) FILTER (WHERE worst_severity = 'P2') AS "P2",
                   count(*) FILTER (WHERE worst_severity = 'P3') AS "P3"
            FROM dash.incident CROSS JOIN LATERAL unnest(regions) AS region WHERE {_THESE} GROUP BY 1 ORDER BY count(*) DESC"""), (8, 9)),
        table("Most troubled", "Endpoints with the most time in incidents.", sql(f"""
            SELECT tenant, endpoint, count(*) AS incidents, sum(coalesce(mttr_seconds, extract(epoch FROM now() - started_at))) AS total,
                   sum(flaps) AS flaps
            FROM dash.incident WHERE {_THESE} GROUP BY 1, 2 ORDER BY total DESC LIMIT 50"""), (16, 9),
              [of_name("total", unit="s"), of_name("endpoint", links=to_endpoint())]),
        table("Clusters", "P1s that opened together and share a host, an address or a network: one cause, rather than many.", sql("""
            SELECT first_minute, last_minute, kind, key, cardinality(endpoints) AS endpoints, array_to_string(endpoints[1:10], ', ') AS names
            FROM dash.suppression_cluster WHERE $__timeFilter(first_minute) ORDER BY 1 DESC LIMIT 100"""), (24, 6)),
        table("Incidents", "The newest first, 1,000 at most.", sql(f"""
            SELECT id, worst_severity, tenant, endpoint, scope, started_at, detected_at, recovered_at, closed_at, mttd_seconds, mttr_seconds, reason,
                   array_to_string(regions, ', ') AS regions, flaps, array_to_string(marks, ', ') AS marks, acknowledged_by
            FROM dash.incident WHERE {_THESE} ORDER BY detected_at DESC LIMIT 1000"""), (24, 10),
              [state_column("worst_severity"), of_name("mttd_seconds", unit="s"), of_name("mttr_seconds", unit="s"),
               of_name("endpoint", links=to_endpoint())]),
    ], [TENANTS, severity], refresh="5m")
