"""One endpoint: what was decided, what each region said, where the time goes, what happened to it."""
from grafana import (BAD, COLOURS, GOOD, WARN, annotation, code, colour, dashboard, of_name, series, sql, stat, state_column, step, strip, table,
                     thresholds, variable, words)

_IS_IT = "tenant = ${tenant:sqlstring} AND endpoint = ${endpoint:sqlstring}"
# Steps of the graph, each as long as a minute at least; a minute begins with a verdict-minute, however short these are.
_STEPS = """
            SELECT to_timestamp(ceil(extract(epoch FROM $__timeFrom()::timestamptz) / 60) * 60)
                   + n * greatest(round($__interval_ms / 60000.0), 1) * interval '1 minute' AS minute
            FROM generate_series(0, floor(extract(epoch FROM $__timeTo()::timestamptz - $__timeFrom()::timestamptz)
                                          / 60 / greatest(round($__interval_ms / 60000.0), 1))::integer) n"""
# Of each step the minute in which most is wrong: its summary is cheap, its cells are unpacked for it alone.
_WORST = f"""
            SELECT DISTINCT ON ({step('minute')}) minute, decision FROM dash.minute
            WHERE {_IS_IT} AND $__timeFilter(minute)
            ORDER BY {step('minute')}, array_position(ARRAY['P1', 'P2', 'P3'], decision),
                     cells_fail DESC, cells_unknown DESC, cells_degraded + cells_slow + cells_auth DESC, minute"""
_LANES = (("connect", "connect_ms", "#8AB8FF"), ("TLS", "tls_ms", "#3274D9"), ("initialize", "initialize_ms", "#CA95E5"),
          ("tools/list", "tools_list_ms", "#FF9830"))


def _status(title, description, column, **more):
    return stat(title, description, sql(f"SELECT {column} FROM dash.endpoint_status WHERE {_IS_IT}"), **more)


def _bands():
    medians = ",\n                   ".join(f"""avg(c.{column}) AS "{name}\"""" for name, column, _ in _LANES)
    rest = " - ".join(["c.total_ms", *(f"coalesce(c.{column}, 0)" for _, column, _ in _LANES)])
    return sql(f"""
            SELECT step.minute AS time, {medians},
                   avg(greatest({rest}, 0)) AS "everything else"
            FROM ({_STEPS}) step
            CROSS JOIN LATERAL (SELECT r.* FROM dash.region_minute r
                                WHERE r.{_IS_IT.replace('AND ', 'AND r.')} AND r.minute = step.minute OFFSET 0) c
            WHERE c.region IN (${{region:sqlstring}}) AND c.verdict IN ('UP', 'SLOW', 'DEGRADED', 'AUTH')
            GROUP BY 1 ORDER BY 1""")


def make():
    incidents = f"""
            SELECT started_at AS time, coalesce(closed_at, now()) AS timeend,
                   worst_severity || coalesce(' ' || scope, '') || coalesce(': ' || reason, '') AS text,
                   array_to_string(worst_severity || regions, ',') AS tags
            FROM dash.incident WHERE {_IS_IT} AND started_at <= $__timeTo() AND coalesce(closed_at, now()) >= $__timeFrom()
            ORDER BY started_at DESC LIMIT 500"""
    drift = f"""
            SELECT min(first_seen) AS time, 'tool list: ' || change_kind || ' change' AS text, change_kind AS tags
            FROM dash.manifest WHERE {_IS_IT} AND change_kind IS NOT NULL AND $__timeFilter(first_seen)
            GROUP BY full_hash, change_kind ORDER BY 1 DESC LIMIT 500"""
    return dashboard("endpoint", "One endpoint: what was decided, what each region said, where the time goes, what happened to it.", "now-6h", [
        _status("State", "PAUSED or MAINT where that holds, else the severity of the open incident, else the last decision.", "state",
                mode="background", mappings=words(), steps=thresholds((None, "#3D3D3D"))),
        _status("In this state since", "First minute of the present state.", "since", unit="dateTimeFromNow"),
        _status("Coverage", "Voting regions / configured regions of the last sealed minute.", "coverage", unit="percentunit",
                steps=thresholds((None, BAD), (0.6, WARN), (0.95, GOOD))),
        _status("Uptime, 30 days", "Share of minutes that were not down; minutes that nobody or one witness saw, and maintenance, are left out.",
                "uptime_30d", unit="percentunit", decimals=3, steps=thresholds((None, BAD), (0.99, WARN), (0.999, GOOD)),
                defaults={"decimals": 3}),
        _status("p95, 24 hours", "95th percentile of the total time of healthy cells.", "p95_ms_24h", unit="ms"),
        stat("Incidents in this time", "Incidents that were detected in the time shown.", sql(f"""
            SELECT count(*) AS "incidents" FROM dash.incident WHERE {_IS_IT} AND $__timeFilter(detected_at)"""),
             steps=thresholds((None, GOOD), (1, WARN))),
        strip("Decision", "What was decided, minute by minute; of a step of several minutes the worst of them.", sql(f"""
            SELECT w.minute AS time, 'decision' AS metric, {code('w.decision')} AS value FROM ({_WORST}) w ORDER BY 1""", form="time_series"),
              (24, 4), interval="1m", maxDataPoints=720),
        strip("Verdicts", "What each region said, minute by minute; of a step of several minutes the cells of the worst of them. UNKNOWN is no vote.",
              sql(f"""
            SELECT c.minute AS time, c.region AS metric, {code('c.verdict')} AS value
            FROM ({_WORST}) w
            CROSS JOIN LATERAL (SELECT r.minute, r.region, r.verdict FROM dash.region_minute r
                                WHERE r.{_IS_IT.replace('AND ', 'AND r.')} AND r.minute = w.minute OFFSET 0) c ORDER BY 1, 2""",
                  form="time_series"), (24, 7), interval="1m", maxDataPoints=360),
        series("Where the time goes", "Mean time of each phase over the chosen regions, healthy cells alone, as stacked bands. Where a step is longer than "
               "a minute it shows its first one.", _bands(), (24, 9), unit="ms", stacked=True, interval="1m", maxDataPoints=360,
               overrides=[colour(name, value) for name, _, value in _LANES] + [colour("everything else", "#8E8E8E")]),
        series("Total time", "Median and longest total time of the healthy cells, the worst of each step; beside them what is usual of the endpoint "
               "(dash.baseline, mean of the regions): the upper line is where, on the mean, a region's cells become SLOW.", [sql(f"""
            SELECT {step('minute')} AS time,
                   max(p50_ms) AS "median", max(max_ms) AS "longest"
            FROM dash.minute WHERE {_IS_IT} AND $__timeFilter(minute) GROUP BY 1 ORDER BY 1"""), sql(f"""
            SELECT t.time, avg(b.p50_ms) AS "usual median", avg(b.slow_over_ms) AS "slow over"
            FROM dash.baseline b CROSS JOIN (VALUES ($__timeFrom()::timestamptz), ($__timeTo()::timestamptz)) t (time)
            WHERE {_IS_IT} GROUP BY 1 ORDER BY 1""", ref="B")], (12, 8), unit="ms", interval="1m", maxDataPoints=720,
               overrides=[colour("slow over", WARN), colour("usual median", "#8E8E8E"), colour("median", "#5794F2"), colour("longest", "#CA95E5")]),
        series("Voting regions", "How many regions could judge it, of all that should: the lowest of each step.", sql(f"""
            SELECT {step('minute')} AS time,
                   min(coverage) AS "coverage"
            FROM dash.minute WHERE {_IS_IT} AND $__timeFilter(minute) GROUP BY 1 ORDER BY 1"""), (12, 8), unit="percentunit",
               interval="1m", maxDataPoints=720, defaults={"min": 0, "max": 1}),
        table("Incidents", "Incidents that touch the time shown, the newest first.", sql(f"""
            SELECT id, worst_severity, scope, started_at, closed_at, mttd_seconds, mttr_seconds, reason, array_to_string(regions, ', ') AS regions,
                   flaps, acknowledged_by
            FROM dash.incident WHERE {_IS_IT} AND started_at <= $__timeTo() AND coalesce(closed_at, now()) >= $__timeFrom()
            ORDER BY started_at DESC LIMIT 500"""), (24, 7),
              [state_column("worst_severity"), of_name("mttd_seconds", unit="s"), of_name("mttr_seconds", unit="s")]),
        table("Manifest changes", "Tool lists that were new to a region in the last 30 days before the end of the time shown, by how they differ from the "
              "one before: breaking, tightening, additive, text, or contract where one of the two is not stored.", sql(f"""
            SELECT min(first_seen) AS first_seen, change_kind, string_agg(region, ', ' ORDER BY region) AS regions, max(tool_count) AS tool_count,
                   left(full_hash, 12) AS list
            FROM dash.manifest WHERE {_IS_IT} AND change_kind IS NOT NULL
              AND first_seen BETWEEN $__timeTo()::timestamptz - interval '30 days' AND $__timeTo()
            GROUP BY full_hash, change_kind ORDER BY 1 DESC LIMIT 200"""), (12, 7),
              [of_name("change_kind", custom_cellOptions={"type": "color-text"}, mappings=[{"type": "value", "options": {
                  "breaking": {"color": COLOURS["FAIL"], "index": 0}, "tightening": {"color": COLOURS["DEGRADED"], "index": 1},
                  "contract": {"color": COLOURS["DEGRADED"], "index": 2}, "additive": {"color": GOOD, "index": 3},
                  "text": {"color": COLOURS["UNKNOWN"], "index": 4}}}])]),
        table("Notices", "What is or was wrong with it without being an outage, the newest first.", sql(f"""
            SELECT opened_at, closed_at, kind, region, detail FROM dash.notice WHERE {_IS_IT} ORDER BY opened_at DESC LIMIT 200"""), (12, 7)),
    ], [variable("tenant", "Tenant", "SELECT DISTINCT tenant FROM dash.endpoint_status ORDER BY 1", description="Whose endpoint."),
        variable("endpoint", "Endpoint", "SELECT endpoint FROM dash.endpoint_status WHERE tenant = ${tenant:sqlstring} ORDER BY 1",
                 description="Which one."),
        variable("region", "Regions", "SELECT DISTINCT region FROM dash.region_health WHERE minute > now() - interval '1 day' ORDER BY 1",
                 multi=True, description="Whose times are shown as bands.")],
       [annotation("Incidents", COLOURS["P1"], incidents), annotation("Manifest changes", COLOURS["MAINT"], drift)])
