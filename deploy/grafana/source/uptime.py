"""Uptime of 30 and 90 days against an objective, and how fast its budget burns."""
from grafana import BAD, GOOD, TENANTS, WARN, choice, colour, dashboard, of_name, series, sql, stat, table, thresholds, to_endpoint

_MINE = "tenant IN (${tenant:sqlstring})"
_BURNT = thresholds((None, GOOD), (0.75, WARN), (1, BAD))


def make():
    objective = choice("objective", "Objective", ["0.9", "0.99", "0.995", "0.999", "0.9995", "0.9999"], "0.999",
                       description="The share of minutes that shall not be down.")
    minutes = "(1 - $objective) * 30 * 1440"
    precise = {"unit": "percentunit", "decimals": 3}
    return dashboard("uptime", "Uptime of 30 and 90 days against an objective, and how fast its budget burns.", "now-90d", [
        stat("Uptime, 30 days", "Mean uptime of the endpoints, each counting the same.", sql(f"""
            SELECT avg(uptime) AS "uptime" FROM dash.uptime_30d WHERE {_MINE}"""), unit="percentunit", defaults={"decimals": 3},
             steps=thresholds((None, BAD), (0.99, WARN), (0.999, GOOD))),
        stat("Uptime, 90 days", "Mean of the days' uptime of the last 90 days, each endpoint and day counting the same.", sql(f"""
            SELECT avg(uptime) AS "uptime" FROM dash.uptime_daily WHERE {_MINE} AND day > ((now() - interval '90 days') AT TIME ZONE 'UTC')::date"""),
             unit="percentunit", defaults={"decimals": 3}, steps=thresholds((None, BAD), (0.99, WARN), (0.999, GOOD))),
        stat("Within the objective", "Share of the endpoints whose uptime of 30 days meets the objective.", sql(f"""
            SELECT avg((uptime >= $objective)::integer) AS "share" FROM dash.uptime_30d WHERE {_MINE} AND uptime IS NOT NULL"""),
             unit="percentunit", steps=thresholds((None, BAD), (0.9, WARN), (0.99, GOOD))),
        stat("Budget gone", "Endpoints that have used up 30 days' budget.", sql(f"""
            SELECT count(*) AS "endpoints" FROM dash.uptime_30d WHERE {_MINE} AND down_minutes > {minutes}"""),
             steps=thresholds((None, GOOD), (1, BAD))),
        stat("Down, 30 days", "Minutes that were down, of all endpoints together.", sql(f"""
            SELECT sum(down_minutes) AS "minutes" FROM dash.uptime_30d WHERE {_MINE}"""), unit="m"),
        stat("Coverage, 30 days", "Measured cells / expected cells, the mean of the endpoints: uptime says nothing of what nobody looked at.", sql(f"""
            SELECT avg(coverage) AS "coverage" FROM dash.uptime_30d WHERE {_MINE}"""), unit="percentunit", defaults={"decimals": 2},
             steps=thresholds((None, BAD), (0.9, WARN), (0.99, GOOD))),
        series("Uptime by day", "Mean and lowest uptime of the endpoints, UTC days.", sql(f"""
            SELECT day::timestamp AT TIME ZONE 'UTC' AS time, avg(uptime) AS "mean", min(uptime) AS "lowest" FROM dash.uptime_daily
            WHERE {_MINE} AND day BETWEEN $__timeFrom()::date AND $__timeTo()::date GROUP BY 1 ORDER BY 1"""), (12, 8), **precise,
               overrides=[colour("mean", GOOD), colour("lowest", BAD)]),
        series("Coverage by day", "Mean and lowest coverage of the endpoints, UTC days.", sql(f"""
            SELECT day::timestamp AT TIME ZONE 'UTC' AS time, avg(coverage) AS "mean", min(coverage) AS "lowest" FROM dash.uptime_daily
            WHERE {_MINE} AND day BETWEEN $__timeFrom()::date AND $__timeTo()::date GROUP BY 1 ORDER BY 1"""), (12, 8), unit="percentunit",
               overrides=[colour("mean", "#5794F2"), colour("lowest", "#8E8E8E")]),
        series("Budget burn of 30 days", "Down time of the last 30 days, summed up day by day, as a part of the budget: of all endpoints together, and "
               "of the one that has used the most. At 1 it is used up.", sql(f"""
            SELECT day::timestamp AT TIME ZONE 'UTC' AS time, sum(burnt) / count(*) AS "all endpoints", max(burnt) AS "the worst endpoint"
            FROM (SELECT day, sum(down_minutes) OVER (PARTITION BY tenant, endpoint ORDER BY day) / ({minutes}) AS burnt
                  FROM dash.uptime_daily WHERE {_MINE} AND day > (($__timeTo()::timestamptz - interval '30 days') AT TIME ZONE 'UTC')::date) d
            GROUP BY 1 ORDER BY 1"""), (24, 8), unit="percentunit", steps=_BURNT, timeFrom="30d",
               overrides=[colour("all endpoints", "#5794F2"), colour("the worst endpoint", "#FF780A")]),
        table("Burn rate", "How fast the budget goes, over two, four and seven days (today counted whole): 1 is just as much as the "
              "objective allows, 14.4 uses up 30 days' budget in two. The 50 fastest.", sql(f"""
            SELECT tenant, endpoint, sum(down_minutes) FILTER (WHERE day >= (now() AT TIME ZONE 'UTC')::date - 1) / (2 * 1440 * (1 - $objective)) AS "2 days",
                   sum(down_minutes) FILTER (WHERE day >= (now() AT TIME ZONE 'UTC')::date - 3) / (4 * 1440 * (1 - $objective)) AS "4 days",
                   sum(down_minutes) / (7 * 1440 * (1 - $objective)) AS "7 days"
            FROM dash.uptime_daily WHERE {_MINE} AND day > (now() AT TIME ZONE 'UTC')::date - 7 GROUP BY 1, 2 ORDER BY 3 DESC NULLS LAST LIMIT 50"""), (12, 12),
              [of_name(name, decimals=1, thresholds=thresholds((None, GOOD), (1, WARN), (14.4, BAD)),
                       custom_cellOptions={"type": "color-text"}) for name in ("2 days", "4 days", "7 days")]
              + [of_name("endpoint", links=to_endpoint())]),
        table("By month", "Uptime, coverage and times of each UTC month: the mean of the endpoints, the months of the last year.", sql(f"""
            SELECT month, avg(uptime) AS uptime, min(uptime) AS lowest, avg(coverage) AS coverage, sum(down_minutes) AS down_minutes,
                   avg(p95_ms) AS p95_ms
            FROM dash.uptime_monthly WHERE {_MINE} AND month > now() - interval '13 months' GROUP BY 1 ORDER BY 1 DESC"""), (12, 12),
              [*(of_name(name, **precise) for name in ("uptime", "lowest", "coverage")), of_name("down_minutes", unit="m"),
               of_name("p95_ms", unit="ms")]),
        table("By endpoint", "Uptime of 30 and 90 days (the latter the mean of its days), down time, and what is left of 30 days' budget: below 0 % the "
              "objective is missed.", sql(f"""
            SELECT u.tenant, u.endpoint, u.uptime AS "30 days", q.uptime AS "90 days", u.down_minutes, 1 - u.down_minutes / ({minutes}) AS budget_left,
                   u.coverage, u.p95_ms
            FROM dash.uptime_30d u
            LEFT JOIN (SELECT tenant, endpoint, avg(uptime) AS uptime FROM dash.uptime_daily
                       WHERE {_MINE} AND day > ((now() - interval '90 days') AT TIME ZONE 'UTC')::date GROUP BY 1, 2) q USING (tenant, endpoint)
            WHERE u.tenant IN (${{tenant:sqlstring}}) ORDER BY budget_left LIMIT 5000"""), (24, 14),
              [of_name("30 days", **precise), of_name("90 days", **precise), of_name("down_minutes", unit="m"), of_name("p95_ms", unit="ms"),
               of_name("coverage", unit="percentunit"), of_name("endpoint", links=to_endpoint()),
               of_name("budget_left", unit="percentunit", custom_cellOptions={"type": "color-text"},
                       thresholds=thresholds((None, BAD), (0, WARN), (0.25, GOOD)))]),
    ], [TENANTS, objective], refresh="15m")
