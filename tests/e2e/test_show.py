#!/usr/bin/env python3
"""The main job, end to end: two commands, real servers, a P1, a P2 and a P3 that open and close."""
import datetime
import json
import signal
import socket
import subprocess
import sys
import time
import unittest

from keys import (AGENT_KEYS, DECISION_KEYS, ENDPOINT_KEYS, EVENT_KEYS, EXPLAIN_KEYS, INCIDENT_KEYS, LOOK_KEYS, PROBE_KEYS,
                  REGION_KEYS, TENANT_KEYS, TIMING_KEYS, TLS_KEYS, TOOLS_KEYS)
from stack import QUORATE, Stack, poll

LAB = ("lab-legacy", "lab-modern", "lab-tls")
HEALTHY = (*LAB, "everything", "everything-sse", "stateless")
REFUSED = "refused"
REGIONS = ("ap-south", "eu-west", "sa-east", "us-east", "us-west")

# era, transport and protocol_version of each demo server, and the name that it gives itself.
SPOKEN = {
    "lab-legacy": ("legacy", "streamable_http", "2025-11-25"),
    "lab-modern": ("modern", "streamable_http", "2026-07-28"),
    "lab-tls": ("modern", "streamable_http", "2026-07-28"),
    "everything": ("legacy", "streamable_http", "2025-11-25"),
    "everything-sse": ("sse", "http_sse", "2024-11-05"),
    "stateless": ("modern", "streamable_http", "2026-07-28"),
}


class Show(unittest.TestCase):
    """The tests run in the order of their names and share one instance."""

    @classmethod
    def setUpClass(cls):
        # Whoever ends the test by SIGTERM must not leave its stack behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        cls.stack = Stack()
        cls.failed = False

    @classmethod
    def tearDownClass(cls):
        done = cls.stack.dev("down")
        if cls.failed:
            print(f"the logs are kept: {cls.stack.run_dir}/logs", flush=True)
        elif done.returncode == 0:
            cls.stack.remove()

    def run(self, result=None):
        # What follows a failure would fail too, and slowly.
        if type(self).failed:
            self.skipTest("an earlier test failed") if result is None else result.addSkip(self, "an earlier test failed")
            return result
        before = len(result.failures) + len(result.errors)
        super().run(result)
        type(self).failed = len(result.failures) + len(result.errors) > before
        return result

    # ---- questions

    def statuses(self):
        rows = self.stack.rows("SELECT endpoint, state, scope, coverage FROM dash.endpoint_status")
        return {row["endpoint"]: row for row in rows}

    def open_incidents(self, endpoints):
        names = ", ".join(f"'{name}'" for name in endpoints)
        rows = self.stack.rows("SELECT endpoint, severity, scope, regions FROM dash.incident "
                               f"WHERE closed_at IS NULL AND endpoint IN ({names})")
        return {row["endpoint"]: row for row in rows}

    def expect_incident(self, severity, scope=None, region=None):
        """Waits for the incident on every lab endpoint, then asks `explain` why; `region` is the only one in trouble."""
        def good(found):
            return set(found) == set(LAB) and all(
                row["severity"] == severity and scope in (None, row["scope"]) for row in found.values())
        found = poll(60, lambda: self.open_incidents(LAB), good, f"{severity} on every lab endpoint")
        for row in found.values():
            if region:
                self.assertIn(region, row["regions"])
        for name in LAB:
            def decided(answer):
                return answer.returncode == 0 and json.loads(answer.stdout)["decision"] == severity
            answer = poll(30, lambda name=name: self.stack.quorate("explain", name, "-o", "json"), decided, f"explain {name}")
            explained = json.loads(answer.stdout)
            self.assertEqual({cell["region"] for cell in explained["cells"]}, set(REGIONS))
            self.assertTrue(explained["why"])
            incident = explained["incident"]
            self.assertEqual((explained["scope"], incident["severity"], incident["closed_at"]), (found[name]["scope"], severity, None))
            if region:
                healthy = {cell["region"] for cell in explained["cells"] if cell["verdict"] == "UP"}
                self.assertEqual(healthy, set(REGIONS) - {region})
            self.assertEqual(self.stack.quorate("explain", name).returncode, 0, name)

    def mend_and_expect_closed(self):
        self.stack.lab("up")
        poll(90, lambda: self.open_incidents(LAB), lambda found: not found, "the incidents close")
        rows = self.stack.rows("SELECT endpoint, recovered_at, closed_at, mttr_seconds FROM dash.incident "
                               "WHERE endpoint LIKE 'lab-%'")
        self.assertTrue(all(row["recovered_at"] and row["closed_at"] for row in rows), rows)
        for name in LAB:
            explained = json.loads(self.stack.quorate("explain", name, "-o", "json").stdout)
            self.assertEqual((explained["decision"], explained["failing"]), ("OK", []), name)
            self.assertTrue(not explained["incident"] or explained["incident"]["closed_at"], explained)

    # ---- the scenario

    def test_01_a_port_in_use_is_one_line_that_names_it_and_nothing_starts(self):
        with socket.socket() as squatter:
            squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            squatter.bind(("127.0.0.1", self.stack.port(9101)))
            squatter.listen()
            done = self.stack.up()
            self.assertEqual(done.returncode, 1, done.stdout)
            lines = [line for line in done.stdout.splitlines() if str(self.stack.port(9101)) in line]
            self.assertEqual(len(lines), 1, done.stdout)
            self.assertEqual(self.stack.listening(), [self.stack.port(9101)])

    def test_02_up_shows_healthy_endpoints_ok_and_the_refusing_one_p1_within_60_s(self):
        done = self.stack.up()
        self.assertEqual(done.returncode, 0, done.stdout)

        def good(found):
            return (all(found.get(name, {}).get("state") == "OK" and found[name]["coverage"] == 1 for name in HEALTHY)
                    and found.get(REFUSED, {}).get("state") == "P1")
        poll(60, self.statuses, good, "healthy endpoints OK with coverage 1, the refusing one P1")

    def test_03_a_second_up_is_quick_and_changes_nothing(self):
        before = {name: self.stack.pid(name) for name in ("coordinator", "archiver", "agent-eu-west", "postgres", "redis")}
        began = time.monotonic()
        done = self.stack.up()
        elapsed = time.monotonic() - began
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("already running", done.stdout)
        self.assertLess(elapsed, 15)
        self.assertEqual(before, {name: self.stack.pid(name) for name in before})

        status = self.stack.dev("status")
        self.assertEqual(status.returncode, 0, status.stdout)
        for name in before:
            self.assertIn(name, status.stdout)
        logs = self.stack.dev("logs", "coordinator")
        self.assertEqual(logs.returncode, 0, logs.stdout)
        self.assertTrue(json.loads(logs.stdout.splitlines()[0])["event"])
        self.assertEqual(self.stack.dev("redis-cli", "ping").stdout.strip(), "PONG")

    def test_04_down_for_all_regions_is_p1_global_and_closes(self):
        self.stack.lab("down")
        self.expect_incident("P1", scope="global")
        self.mend_and_expect_closed()

    def test_05_down_from_one_region_is_p2_and_closes(self):
        self.stack.lab("--from", "ap-south", "down")
        self.expect_incident("P2", region="ap-south")
        self.expect_looks_to_differ("ap-south")
        self.mend_and_expect_closed()

    def expect_looks_to_differ(self, region):
        """A look on order from everywhere shows the trouble where it is, and nothing of it is recorded."""
        table, answer = self.answers("run-now", "lab-modern")
        self.assertEqual([look["region"] for look in answer["looks"]], sorted(REGIONS))
        for look in answer["looks"]:
            self.assertEqual(set(look), LOOK_KEYS)
            self.assertEqual((look["verdict"], look["agent"]),
                             ("FAIL" if look["region"] == region else "UP", f"{look['region']}-1"), look)
            self.assertIsNone(look["unanswered"])
        good = [look["timings_ms"] for look in answer["looks"] if look["region"] != region]
        self.assertTrue(all(timings["connect"] is not None and timings["tools_list"] > 0 for timings in good), good)
        lines = table.splitlines()
        self.assertTrue(all(name in lines[2] for name in REGIONS), table)
        self.assertIn(f"  {region}: ", table)
        self.assertIn("Next: ", table)
        for name in ("verdict", "connect", "tools_list", "total", "agent"):
            self.assertTrue(any(line.startswith(name) for line in lines), table)

    def test_06_slow_from_one_region_is_p3_and_closes(self):
        self.stack.lab("--from", "eu-west", "slow=900ms")
        self.expect_incident("P3", scope="regional", region="eu-west")
        self.mend_and_expect_closed()

    def test_06b_a_wall_of_401_is_a_notice_and_no_incident(self):
        self.stack.lab("auth")
        question = ("SELECT endpoint, closed_at IS NULL AS open FROM dash.notice "
                    "WHERE kind = 'auth' AND endpoint LIKE 'lab-%' ORDER BY endpoint")
        poll(60, lambda: self.stack.rows(question),
             lambda rows: [(row["endpoint"], row["open"]) for row in rows] == [(name, True) for name in sorted(LAB)],
             "a notice for every lab endpoint")
        self.assertEqual(self.open_incidents(LAB), {})
        self.assertIn("auth: auth_", self.stack.quorate("describe", "lab-legacy").stdout)
        self.stack.lab("up")
        poll(60, lambda: self.stack.rows(question), lambda rows: not any(row["open"] for row in rows), "the notices close")

    def test_07_the_timeline_tells_the_three_troubles(self):
        for name in LAB:
            rows = self.stack.rows("SELECT e.to_severity FROM dash.incident_event e JOIN dash.incident i ON i.id = e.incident_id "
                                   f"WHERE i.endpoint = '{name}' ORDER BY e.minute, e.at")
            told = [row["to_severity"] for row in rows]
            for severity in ("P1", "P2", "P3"):
                self.assertIn(severity, told)
        listed = self.stack.quorate("incidents", "list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("lab-legacy", listed.stdout)

    def test_08_a_probe_of_each_demo_server_prints_the_whole_object(self):
        urls = {row["endpoint"]: row["url"] for row in self.stack.rows("SELECT endpoint, url FROM dash.endpoint_status")}
        for name in HEALTHY:
            options = ["--ca-file", str(self.stack.run_dir / "lab/ca.pem")] if name == "lab-tls" else []
            done = self.stack.quorate("probe", urls[name], "--format", "json", *options)
            self.assertEqual(done.returncode, 0, f"{name}: {done.stdout}{done.stderr}")
            found = json.loads(done.stdout)
            self.assertEqual(PROBE_KEYS - set(found), set(), name)
            self.assertEqual(found["verdict"], "UP")
            self.assertEqual((found["era"], found["transport"], found["protocol_version"]), SPOKEN[name], name)
            self.assertTrue(found["server"]["name"] and found["server"]["version"], found["server"])
            self.assertEqual((found["url"], found["http_status"], found["retried"], found["reason"], found["phase"]),
                             (urls[name], 200, False, None, None), name)
            self.assertEqual(found["auth"]["required"], False)
            self.assertEqual(len(found["tools"]["names"]), found["tools"]["count"])
            self.assertEqual(TIMING_KEYS - set(found["timings_ms"]), set(), name)
            self.assertEqual(TOOLS_KEYS - set(found["tools"]), set(), name)
            self.assertGreater(found["tools"]["count"], 0)
            self.assertEqual(len(found["attempts"]), 1)
            self.assertLessEqual({"verdict", "reason", "phase", "total_ms"}, set(found["attempts"][0]))
            if name == "lab-tls":
                self.assertEqual(TLS_KEYS - set(found["tls"]), set())
        done = self.stack.quorate("probe", urls[REFUSED], "--format", "json", "--no-retry")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(json.loads(done.stdout)["reason"], "connection_refused")

    def answers(self, *arguments):
        """What a verb prints: as a table, with its headings, and as JSON."""
        table = self.stack.quorate(*arguments)
        self.assertEqual((table.returncode, table.stderr), (0, ""), arguments)
        short = self.stack.quorate(*arguments, "-o", "table")
        self.assertEqual((short.returncode, short.stderr), (0, ""), arguments)
        done = self.stack.quorate(*arguments, "-o", "json")
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return table.stdout, json.loads(done.stdout)

    def expect_rows(self, arguments, headings, keys, count):
        """A list: its headings, one line each, and the same rows as JSON, each with these keys."""
        table, rows = self.answers(*arguments)
        lines = table.split("\n\n")[0].splitlines()  # a second table may follow
        for heading in headings:
            self.assertIn(heading, lines[0], arguments)
        self.assertEqual((len(lines) - 1, len(rows)), (count, count), arguments)
        for row in rows:
            self.assertEqual(set(row), keys, arguments)
        return rows

    def test_08b_every_verb_answers_as_a_table_and_as_json(self):
        status = ("ENDPOINT", "STATE", "SCOPE", "SINCE", "COVERAGE", "P95 24H", "UPTIME 30D", "LAST MINUTE", "URL")
        poll(60, lambda: {row["endpoint"]: row["state"] for row in self.expect_rows(["get"], status, ENDPOINT_KEYS, 7)},
             lambda states: states == {**dict.fromkeys(HEALTHY, "OK"), REFUSED: "P1"}, "the state of each endpoint")
        self.expect_rows(["get", "lab-tls"], status, ENDPOINT_KEYS, 1)
        for words in (["regions"], ["regions", "list"]):
            rows = self.expect_rows(words, ("REGION", "STATE", "AGENTS ALIVE", "QUEUED"), REGION_KEYS, len(REGIONS))
            self.assertEqual([(row["name"], row["state"], row["agents_alive"]) for row in rows],
                             [(name, "active", 1) for name in REGIONS])
        rows = self.expect_rows(["queues"], ("REGION", "QUEUED", "TAKEN", "OLDEST"), REGION_KEYS, len(REGIONS))
        self.assertTrue(all(row["planned_until"] and row["planning_lag_ms"] < 10_000 for row in rows), rows)
        self.expect_rows(["queues", "--region", "eu-west"], ("REGION",), REGION_KEYS, 1)
        for words in (["agents"], ["agents", "list"]):
            rows = self.expect_rows(words, ("AGENT", "REGION", "ALIVE", "STATE", "LAST SEEN"), AGENT_KEYS, len(REGIONS))
            self.assertEqual([(row["name"], row["alive"]) for row in rows], [(f"{name}-1", True) for name in REGIONS])
        self.expect_rows(["agents", "--region", "eu-west"], ("AGENT",), AGENT_KEYS, 1)
        count = self.stack.rows("SELECT count(*) AS n FROM dash.incident")[0]["n"]
        headings = ("ID", "ENDPOINT", "SEVERITY", "WORST", "SCOPE", "STARTED", "CLOSED", "MTTD", "MTTR", "REASON", "REGIONS")
        for words in (["incidents"], ["incidents", "list"]):
            self.expect_rows(words, (*headings, "MARKS"), INCIDENT_KEYS, count)
        row = self.expect_rows(["incidents", "--open"], headings, INCIDENT_KEYS, 1)[0]
        self.assertEqual((row["endpoint"], row["severity"], row["marks"]), (REFUSED, "P1", []))

        shown, one = self.answers("incidents", "show", str(row["id"]))
        self.assertIn(f"incident {row['id']} of default/{REFUSED}: P1", shown)
        self.assertEqual((set(one), set(one["incident"])), ({"incident", "events", "acks"}, INCIDENT_KEYS))
        self.assertEqual(set(one["events"][0]), EVENT_KEYS)
        explained, one = self.answers("explain", REFUSED)
        self.assertIn("rule     row ", explained)
        self.assertEqual(set(one), EXPLAIN_KEYS)
        self.assertEqual((one["decision"], one["incident"]["id"], one["configured_regions"]), ("P1", row["id"], len(REGIONS)))
        version, one = self.answers("version")
        self.assertEqual(version, f"quorate {one['version']}\n")

    def test_08bb_history_is_described_summed_up_and_replayed(self):
        _, one = self.answers("describe", "lab-legacy")
        self.assertEqual([strip["region"] for strip in one["strips"]], sorted(REGIONS))
        for strip in one["strips"]:
            self.assertIn("F" if strip["region"] == "ap-south" else ".", strip["verdicts"])
        _, rows = self.answers("uptime")
        uptime = {row["endpoint"]: row for row in rows}
        self.assertEqual(set(uptime), {*HEALTHY, REFUSED})
        self.assertEqual(uptime[REFUSED]["uptime"], 0)
        self.assertEqual(uptime["everything"]["uptime"], 1)
        # P1 for all regions is down time, P2 and P3 are not.
        self.assertTrue(0 < uptime["lab-legacy"]["uptime"] < 1, uptime["lab-legacy"])
        down = self.stack.rows("SELECT count(*) AS n FROM quorate.minute m JOIN quorate.endpoint e ON e.id = m.endpoint_id "
                               "WHERE e.name = 'lab-legacy' AND m.uptime_use = 1")[0]["n"]
        self.assertAlmostEqual(uptime["lab-legacy"]["down_minutes"], down * 5 / 60)
        _, days = self.answers("uptime", "lab-legacy", "--daily")
        self.assertAlmostEqual(sum(day["down_minutes"] for day in days), uptime["lab-legacy"]["down_minutes"], delta=0.2)
        poll(60, lambda: self.stack.rows("SELECT p95_ms FROM dash.uptime_30d WHERE endpoint = 'everything'")[0]["p95_ms"],
             lambda ms: ms is not None and ms > 0, "quantiles of the first rollup")
        health = self.stack.rows("SELECT region, max(agents_alive) AS agents FROM dash.region_health GROUP BY 1 ORDER BY 1")
        self.assertEqual([(row["region"], row["agents"]) for row in health], [(name, 1) for name in sorted(REGIONS)])

        # The same cells and the same setting: the same incidents. No P1 where all regions would have to agree on P2.
        hours = [(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=h)).isoformat(timespec="seconds")
                 .replace("+00:00", "Z") for h in (-3, 1)]
        span = ("--from", hours[0], "--to", hours[1])
        _, replayed = self.answers("replay", *span)
        stored = self.stack.rows("SELECT id, worst_severity FROM dash.incident ORDER BY id")
        self.assertEqual(sorted((row["stored_id"], row["worst_severity"]) for row in replayed),
                         [(row["id"], row["worst_severity"]) for row in stored])
        self.assertFalse(any(row["only_stored"] for row in replayed))

    def test_08c_watch_streams_decisions_as_they_are_made(self):
        with self.stack.quorate_in_background("watch", "everything", "-o", "json") as watching:
            decision = json.loads(watching.stdout.readline())
            self.assertEqual(set(decision), DECISION_KEYS)
            self.assertEqual((decision["endpoint"], decision["decision"], decision["coverage"]), ("everything", "OK", 1))
            self.assertEqual({cell.split("=")[0] for cell in decision["cells"]}, set(REGIONS))
        resume = ("watch", "everything", "--resume", decision["resume_token"])
        with self.stack.quorate_in_background(*resume, "-o", "json") as watching:
            self.assertGreater(json.loads(watching.stdout.readline())["minute"], decision["minute"])
        with self.stack.quorate_in_background(*resume, "-o", "table") as watching:
            self.assertIn("default/everything", watching.stdout.readline())

    def test_08d_what_is_not_there_is_one_line_and_status_one(self):
        for arguments in (["get", "nowhere"], ["explain", "nowhere"], ["incidents", "show", "999999"],
                          ["agents", "--region", "mars"]):
            for output in ("table", "json"):
                done = self.stack.quorate(*arguments, "-o", output)
                self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), arguments)
                self.assertIn(arguments[-1], done.stderr)

    def test_08e_get_needs_no_option_where_the_ports_are_the_usual_ones(self):
        if self.stack.offset != 0:
            self.skipTest("this instance has ports of its own")
        done = subprocess.run([QUORATE, "get"], timeout=60, text=True, stdin=subprocess.DEVNULL, capture_output=True,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for name in (*HEALTHY, REFUSED):
            self.assertIn(name, done.stdout)

    def test_08f_a_running_instance_is_not_changed_into_another_kind(self):
        for arguments, line in ((["--no-demo"], "already running with the demo"), (["--window", "6s"], "already running")):
            done = self.stack.dev("up", "--detach", *arguments)
            self.assertEqual((done.returncode, done.stdout.count("\n")), (1, 1), done.stdout)
            self.assertIn(line, done.stdout)
            self.assertIn("./dev down first", done.stdout)

    def test_09_a_bad_endpoint_file_changes_nothing_and_names_every_error(self):
        bad = self.stack.run_dir / "bad.yaml"
        bad.write_text("endpoints:\n"
                       "  - name: fine\n"
                       "    url: http://127.0.0.1:1/mcp\n"
                       "  - name: relative\n"
                       "    url: /mcp\n"
                       "  - name: fine\n"
                       "    url: http://127.0.0.1:2/mcp\n"
                       "  - name: nowhere\n"
                       "    url: http://127.0.0.1:3/mcp\n"
                       "    regions: [mars]\n"
                       "  - name: typo\n"
                       "    url: http://127.0.0.1:4/mcp\n"
                       "    intervall: 60s\n")
        before = set(self.statuses())
        done = self.stack.quorate("apply", "-f", str(bad))
        self.assertEqual(done.returncode, 1, done.stdout)
        for line, word in ((5, "url"), (6, "fine"), (10, "mars"), (13, "intervall")):
            self.assertTrue(any(f"bad.yaml:{line}:" in text and word in text for text in done.stderr.splitlines()),
                            f"line {line}, {word}: {done.stderr}")
        self.assertEqual(set(self.statuses()), before)
        done = self.stack.quorate("apply", "-f", str(bad), "-o", "json")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertEqual({error["line"] for error in json.loads(done.stdout)["errors"]}, {5, 6, 10, 13})

    def test_09b_an_apply_that_changes_nothing_says_so(self):
        file = str(self.stack.run_dir / "etc/demo.yaml")
        table = self.stack.quorate("apply", "-f", file)
        self.assertEqual(table.returncode, 0, table.stderr)
        self.assertIn("0 created, 0 changed, 7 unchanged, 0 deleted", table.stdout)
        done = self.stack.quorate("apply", "-f", file, "-o", "json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        answer = json.loads(done.stdout)
        self.assertEqual((len(answer["unchanged"]), answer["errors"]), (7, []))
        # The window of this test is short: a line for what the file makes the coordinator warn of.
        self.assertEqual(table.stderr, "".join(f"warning: {text}\n" for text in answer["warnings"]))

    def test_10_kill_9_of_an_agent_loses_and_doubles_no_minute(self):
        self.kill_and_expect_no_gap("agent-us-west")

    def test_11_kill_9_of_the_archiver_loses_and_doubles_no_minute(self):
        before = self.last_minute()
        self.kill_and_expect_no_gap("archiver")
        # What agents had recorded meanwhile is there too, not only a row made at the seal.
        lost = self.stack.rows("SELECT endpoint, region, minute FROM dash.region_minute "
                               f"WHERE reason = 'not_reported' AND minute > to_timestamp({before})")
        self.assertEqual(lost, [])

    def test_12_kill_9_of_the_coordinator_loses_and_doubles_no_minute(self):
        self.kill_and_expect_no_gap("coordinator")

    def kill_and_expect_no_gap(self, name):
        before = self.last_minute()
        self.stack.kill(name)
        # One window and the grace after it without the process, so that minutes are missed, not only late.
        poll(60, self.now, lambda now: now >= before + 3 * self.stack.window_s, "time passes")
        done = self.stack.up()
        self.assertEqual(done.returncode, 0, done.stdout)
        poll(90, self.last_minute, lambda last: last >= self.now() - 4 * self.stack.window_s
             and last >= before + 6 * self.stack.window_s, "minutes are sealed again")
        for row in self.stack.rows(
                "SELECT endpoint, count(*) AS n, count(DISTINCT minute) AS distinct_n, "
                f"extract(epoch FROM max(minute) - min(minute)) / {self.stack.window_s} + 1 AS expected "
                "FROM dash.minute GROUP BY endpoint"):
            self.assertEqual((row["n"], row["distinct_n"]), (row["expected"], row["expected"]), row)
        odd = self.stack.rows("SELECT endpoint, minute, count(*) AS n FROM dash.region_minute "
                              f"GROUP BY endpoint, minute HAVING count(*) <> {len(REGIONS)}")
        self.assertEqual(odd, [])
        # Our own fault is never theirs.
        self.assertEqual(self.open_incidents(HEALTHY), {})

    def now(self):
        return self.stack.rows("SELECT extract(epoch FROM now())::bigint AS at")[0]["at"]

    def last_minute(self):
        """Start of the newest minute that is sealed for every endpoint, in seconds of the epoch."""
        return self.stack.rows("SELECT extract(epoch FROM min(last))::bigint AS at FROM "
                               "(SELECT max(minute) AS last FROM dash.minute GROUP BY endpoint) m")[0]["at"]

    def test_12b_a_backup_is_restored_and_an_archiver_goes_on_from_it(self):
        before = self.stack.pid("archiver")
        done = self.stack.dev("drill", "restore")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"minutes of the last three days up to [^:]+:\d\d:\d\d\+00: [1-9]\d+, checksum [0-9a-f]{32}")
        self.assertIn("states of minutes that are not there: 0", done.stdout)
        self.assertIn("endpoints with minutes and without a state: 0", done.stdout)
        self.assertIn("; the archiver went on to ", done.stdout)
        self.assertEqual(self.stack.pid("archiver"), before)
        self.assertFalse((self.stack.run_dir / "private/drill").exists())

    def test_12c_a_region_is_drained_and_resumed_and_no_server_is_blamed_for_it(self):
        def ordered(*arguments):
            done = self.stack.quorate(*arguments, "--reason", "test", "-o", "json")
            self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
            return json.loads(done.stdout)

        def sees(count):
            """Whether the last minute of every healthy endpoint is judged by so many regions, and all of them looked."""
            rows = self.stack.rows("SELECT DISTINCT ON (endpoint) endpoint, decision, coverage, cells_up FROM dash.minute "
                                   "ORDER BY endpoint, minute DESC")
            return {row["endpoint"]: (row["decision"], row["coverage"], row["cells_up"]) for row in rows
                    if row["endpoint"] in HEALTHY} == dict.fromkeys(HEALTHY, ("OK", 1, count))

        notices = "SELECT count(*) AS n FROM dash.notice WHERE kind IN ('region_fault', 'visibility')"
        before = self.stack.rows(notices)[0]["n"]
        self.assertEqual(ordered("drain", "sa-east")["endpoints_changed"], len(HEALTHY) + 1)
        def states(verb):
            return {row["name"]: row["state"] for row in self.answers(verb)[1]}

        poll(60, lambda: states("regions")["sa-east"], lambda state: state == "drained", "nothing of the region is left")
        poll(60, lambda: sees(len(REGIONS) - 1), bool, "the other regions alone decide")
        done = self.stack.quorate("regions", "remove", "sa-east")
        self.assertIn("is alive: stop it first", done.stderr)
        self.assertEqual(ordered("regions", "resume", "sa-east")["endpoints_changed"], len(HEALTHY) + 1)
        poll(60, lambda: sees(len(REGIONS)), bool, "all regions decide again")
        self.assertEqual(self.open_incidents(HEALTHY), {})
        self.assertEqual(self.stack.rows(notices)[0]["n"], before)

        ordered("agents", "cordon", "sa-east-1")
        poll(30, lambda: states("agents")["sa-east-1"], lambda state: state == "cordoned", "the agent knows")
        ordered("agents", "uncordon", "sa-east-1")
        poll(30, lambda: states("agents")["sa-east-1"], lambda state: state == "working", "the agent works again")
        rows = self.expect_rows(["tenants"], ("TENANT", "TIER", "ENDPOINTS"), TENANT_KEYS, 1)
        self.assertEqual((rows[0]["name"], rows[0]["tier"], rows[0]["endpoints"]), ("default", "team", 7))
        _, config = self.answers("config", "show", "coordinator")
        self.assertEqual(config["restart_needed"], [])
        self.assertIn({"key": "postgres.conninfo", "value": "***"}, config["entries"])

    def test_13_down_leaves_no_process_and_no_port(self):
        pids = [int(file.read_text().split()[0]) for file in (self.stack.run_dir / "pids").iterdir()]
        self.assertEqual(len(pids), 13)
        self.assertEqual(self.stack.dev("down").returncode, 0)  # 1 where one of them had to be killed
        self.assertEqual([pid for pid in pids if self.stack.runs(pid)], [])
        self.assertEqual((self.stack.processes(), self.stack.listening()), ([], []))

    def test_14_without_the_demo_its_endpoints_are_paused_until_it_is_back(self):
        done = self.stack.dev("up", "--detach", "--window", f"{self.stack.window_s}s", "--no-demo")
        self.assertEqual(done.returncode, 0, done.stdout)
        poll(60, self.statuses, lambda found: {row["state"] for row in found.values()} == {"PAUSED"}, "all are paused")
        self.assertEqual(self.stack.dev("down").returncode, 0)
        done = self.stack.up()
        self.assertEqual(done.returncode, 0, done.stdout)
        poll(60, self.statuses, lambda found: all(found[name]["state"] == "OK" for name in HEALTHY), "they are watched again")


if __name__ == "__main__":
    unittest.main(failfast=False)
