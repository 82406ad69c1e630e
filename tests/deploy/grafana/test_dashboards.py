"""Every query of the dashboards against a month of 200 endpoints in a real Postgres, as the role that Grafana has."""
import datetime
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import month
import queries

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(queries.REPO / "deploy/grafana/source")]
import grafana  # noqa: E402
from postgres import postgres  # noqa: E402

BIN = Path(os.environ.get("QUORATE_BIN", queries.REPO / "build/release/bin"))
LIMIT_MS = float(os.environ.get("QUORATE_PANEL_MS", 500))
RUNS = 3  # the best counts: the first one fills caches, and others may use the machine
SPANS = {"own": None, "30 days": datetime.timedelta(days=30)}
# One whose incident of every day is packed, and one that is down now.
ENDPOINTS = {"server-011": "acme", "server-002": "acme"}
TIME_TYPES = ("timestamp with time zone", "date")
NUMBERS = ("smallint", "integer", "bigint", "double precision", "numeric")


class Dashboards(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(postgres())
        cls.server.psql("CREATE DATABASE quorate")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write(f'postgres: {{conninfo: "{cls.server.conninfo("quorate")}"}}\nredis: {{url: "unix:///nowhere/redis.sock"}}\n')
            config.flush()
            subprocess.run([BIN / "quorate-archiver", "--config", config.name, "--migrate"], check=True, stdout=subprocess.DEVNULL)
        began = time.monotonic()
        month.load(cls.server, "quorate")
        cls.timings = []
        minutes, blocks, size = cls.server.value(
            "SELECT (SELECT count(*) FROM quorate.minute), (SELECT sum(minutes) FROM quorate.minute_block),"
            " pg_size_pretty(pg_database_size('quorate'))", "quorate").split("|")
        print(f"a month of {month.ENDPOINTS} endpoints: {minutes} minutes and {blocks} packed ones of 5 cells, {size},"
              f" in {time.monotonic() - began:.0f} s", flush=True)
        cls.until = cls.server.value("SELECT date_trunc('second', now())", "quorate")

    @classmethod
    def tearDownClass(cls):
        for milliseconds, what in sorted(cls.timings, reverse=True)[:8]:
            print(f"{milliseconds:8.1f} ms  {what}")

    # ---- the month is what an archive would hold

    def test_postgres_unpacks_of_blocks_the_cells_that_went_in(self):
        self.assertEqual("40320|0", self.server.value("""
            CREATE TEMP TABLE wanted AS SELECT endpoint_id, minute, decision, scope, rule_row, uptime_use, cells FROM quorate.minute
            WHERE minute >= date_trunc('day', now() - interval '1 day', 'UTC') AND minute < date_trunc('day', now(), 'UTC')
              AND endpoint_id BETWEEN 11 AND 38;
            SELECT count(*), count(*) FILTER (WHERE (p.decision, p.scope, p.rule_row, p.uptime_use, p.cells)
                                              IS DISTINCT FROM (w.decision, w.scope, w.rule_row, w.uptime_use, w.cells))
            FROM wanted w LEFT JOIN quorate.unpacked_minute p
              ON p.endpoint_id = w.endpoint_id AND p.minute = w.minute - interval '7 days'""", "quorate"))

    def test_what_stands_beside_packed_cells_is_what_they_say(self):
        self.assertEqual("0", self.server.value("""
            SELECT count(*) FROM (
                (SELECT minute - interval '7 days', endpoint_id, decision, scope, rule_row, cells_up, cells_slow, cells_degraded, cells_fail,
                        cells_auth, cells_unknown, cells_maint, coverage, p50_ms, max_ms FROM quorate.minute_summary
                 WHERE minute >= date_trunc('day', now() - interval '1 day', 'UTC') AND minute < date_trunc('day', now(), 'UTC')
                   AND endpoint_id BETWEEN 11 AND 38)
                EXCEPT
                (SELECT minute, endpoint_id, decision, scope, rule_row, cells_up, cells_slow, cells_degraded, cells_fail, cells_auth,
                        cells_unknown, cells_maint, coverage, p50_ms, max_ms FROM quorate.unpacked_summary
                 WHERE endpoint_id BETWEEN 11 AND 38 AND minute >= now() - interval '9 days' AND minute < now() - interval '6 days')) d""",
            "quorate"))

    # ---- the queries

    def test_fleet(self):
        self.check("fleet.json")

    def test_endpoint(self):
        self.check("endpoint.json")

    def test_incidents(self):
        self.check("incidents.json")

    def test_uptime(self):
        self.check("uptime.json")

    def test_a_strip_of_a_month_shows_each_short_failure_and_in_its_region_alone(self):
        dashboard = queries.dashboards()["endpoint.json"]
        query = next(query for query in queries.postgres_queries("endpoint.json", dashboard) if query.where == "Verdicts (A)")
        variables = self.variables(dashboard, {"tenant": "acme", "endpoint": "server-011"})
        rows = self.run_one(query, dashboard, SPANS["30 days"], variables, "endpoint: Verdicts, a month")
        fail = 1 + [name for name, _ in grafana.STATES].index("FAIL")
        days = {region: {time[:10] for time, metric, value in rows if metric == region and int(value) == fail} for region in month.REGIONS}
        failing = month.REGIONS[month.troubles(11)[0].regions[0] - 1]
        self.assertGreaterEqual(len(days[failing]), 29)
        self.assertEqual(set(), set().union(*(days[region] for region in month.REGIONS if region != failing)))

    def test_the_reader_reads_nothing_but_dash(self):
        for name, dashboard in queries.dashboards().items():
            for query in queries.postgres_queries(name, dashboard):
                tables = set(re.findall(r"\b(?:FROM|JOIN) ([a-z_]+\.[a-z_0-9]+)", query.target["rawSql"]))
                self.assertTrue(tables, f"{name}: {query.where}")
                self.assertEqual(set(), {table for table in tables if not table.startswith("dash.")}, f"{name}: {query.where}")

    def check(self, name):
        dashboard = queries.dashboards()[name]
        for endpoint, tenant in ENDPOINTS.items() if name == "endpoint.json" else {"": ""}.items():
            variables = self.variables(dashboard, {"endpoint": endpoint, "tenant": tenant} if endpoint else {})
            for span_name, span in SPANS.items():
                rows = {}
                for query in queries.postgres_queries(name, dashboard):
                    with self.subTest(panel=query.where, span=span_name, endpoint=endpoint):
                        rows[query.where] = len(self.run_one(query, dashboard, span, variables, f"{name[:-5]}: {query.where}, {span_name} {endpoint}"))
                self.check_rows(rows, endpoint, span_name)

    def check_rows(self, rows, endpoint, span):
        """Panels that may be empty are so only where nothing happened."""
        may = {"Incidents (A)", "annotation Incidents"} if endpoint == "server-011" and span == "own" else set()
        for where, count in rows.items():
            with self.subTest(panel=where, span=span, endpoint=endpoint):
                self.assertTrue(count > 0 or where in may, f"{where}: no rows")

    def variables(self, dashboard, chosen):
        """Each variable's values, asked as Grafana would ask for them; of one value alone the first, unless it is chosen."""
        found = {}
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "custom":
                options = [option["value"] for option in variable["options"]]
                found[variable["name"]] = options if variable["includeAll"] else [variable["current"]["value"]]
                continue
            text = queries.expanded(variable["query"], "", "", 1000, found)
            values = [row[0] for row in self.ask(text, f"{dashboard['title']}: variable {variable['name']}")[1]]
            self.assertTrue(values, variable["name"])
            if not variable["multi"]:
                values = [chosen.get(variable["name"], values[0])]
            found[variable["name"]] = values
        return found

    def run_one(self, query, dashboard, span, variables, what):
        since = dashboard["time"]["from"].removeprefix("now-")
        span = span or datetime.timedelta(milliseconds=queries.milliseconds(query.panel.get("timeFrom", since)))
        until = datetime.datetime.fromisoformat(self.until)
        begin, end = (at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (until - span, until))
        interval = queries.interval_ms(query.panel, span.total_seconds() * 1000)
        columns, rows = self.ask(queries.expanded(query.target["rawSql"], begin, end, interval, variables), what)
        self.check_shape(query, columns, rows)
        return rows

    def ask(self, text, what):
        """Runs it as quorate_reader; @return ({column: type}, rows). Its best time must be within the limit."""
        script = f"{text}\\gdesc\n\\echo ----\n\\timing on\n" + f"{text};\n" * RUNS
        out = self.server.psql(script, "quorate", "quorate_reader", options=("-A", "-F", "\t", "-P", "footer=off", "-P", "null=\\N"))
        description, results = out.split("----\n", 1)
        columns = dict(line.split("\t") for line in description.splitlines()[1:])
        first, *more = re.split(r"(?m)^Time: ([\d.]+) ms.*\n", results)
        rows = [line.split("\t") for line in first.splitlines()[1:]]
        best = min(float(each) for each in more[0::2])
        if best >= LIMIT_MS:
            print(f"{what}: {best:.0f} ms; others use the machine? Judged by the server's CPU", flush=True)
            best = self.cpu_ms(text)
        self.timings.append((best, what))
        self.assertLess(best, LIMIT_MS, f"{what}: {best} ms")
        return columns, rows

    def cpu_ms(self, text):
        """What a run takes of the server's process, user and system."""
        look = "\\! cut -d' ' -f14,15 /proc/$BACKEND/stat\n"
        script = "SELECT pg_backend_pid() AS pid \\gset\n\\setenv BACKEND :pid\n" + look + f"{text} \\g /dev/null\n" * RUNS + look
        before, after = (sum(map(int, line.split())) for line in self.server.psql(script, "quorate", "quorate_reader").splitlines())
        return (after - before) * 1000 / os.sysconf("SC_CLK_TCK") / RUNS

    def check_shape(self, query, columns, rows):
        """What the kind of panel needs of its columns."""
        numbers = [name for name, kind in columns.items() if kind in NUMBERS]
        if query.target["format"] == "time_series":
            self.assertEqual(["time", "metric", "value"], list(columns))
            self.assertIn(columns["time"], TIME_TYPES)
            self.assertEqual("text", columns["metric"])
            self.assertIn(columns["value"], NUMBERS)
            self.assertTrue(all(row[1] not in ("", "\\N") for row in rows), "a series without a name")
        elif query.kind == "timeseries":
            self.assertIn(columns["time"], TIME_TYPES)
            self.assertEqual(len(columns) - 1, len(numbers), columns)
        elif query.kind == "barchart":
            self.assertEqual(query.panel["options"]["xField"], next(iter(columns)))
            self.assertEqual(len(columns) - 1, len(numbers), columns)
        elif query.kind == "stat":
            self.assertEqual(1, len(columns))
            self.assertEqual(1, len(rows))
            self.assertNotEqual("\\N", rows[0][0])
        elif query.kind == "annotation":
            self.assertIn(columns["time"], TIME_TYPES)
            self.assertEqual("text", columns["text"])
        else:
            self.assertEqual("table", query.kind)
        if query.kind == "state-timeline":
            states = [int(row[2]) for row in rows if row[2] != "\\N"]
            mapped = {int(number) for mapping in query.panel["fieldConfig"]["defaults"]["mappings"] for number in mapping["options"]}
            self.assertEqual(set(), set(states) - mapped, "a state without a colour")
            self.assertEqual(len(rows), len(states), "a state without a number")
        named = [override["matcher"]["options"] for override in query.panel.get("fieldConfig", {}).get("overrides", [])]
        have = set(columns) | {row[1] for row in rows if query.target["format"] == "time_series"}
        if len(query.panel.get("targets", [])) == 1:
            self.assertEqual([], [name for name in named if name not in have and name not in ("P1", "P2", "P3")], "overrides of what is not there")


if __name__ == "__main__":
    unittest.main()
