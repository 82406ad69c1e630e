#!/usr/bin/env python3
"""Five regions at their distances: what the paths do, that distance costs no throughput, and what a cut link, a cut path to the
endpoints and a slow one come to. Skipped, by name, where network namespaces are not permitted; nowhere else."""
import collections
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from stack import REPO, Stack, poll

RTT_MS = {"us-east": 20, "us-west": 70, "eu-west": 90, "ap-south": 220, "sa-east": 150}
NEAR, FAR = "us-east", "ap-south"
CUT, BLOCKED, SLOWED, SPOOLING = "us-west", "sa-east", "us-east", "eu-west"
ADDRESSES = {"core": "10.90.0.1", "endpoints": "10.90.0.2"}
DATAGRAMS = 1500  # of each path
LOAD = 600        # endpoints, watched from the nearest and the farthest region
WINDOWS = 2       # that the load is measured for
STEADY = "http://10.90.0.2:7500"
METER = Path(__file__).with_name("path_meter.py")
SKIPPED = 77      # as CMakeLists.txt says

# What each fault can touch: one endpoint sees neither the path that is cut nor the one that is slow.
WATCHED = {"everywhere": tuple(RTT_MS),
           "not-from-blocked": tuple(r for r in RTT_MS if r != BLOCKED),
           "not-from-slowed": tuple(r for r in RTT_MS if r != SLOWED)}


class RegionsStack(Stack):
    """An instance of ./dev regions."""
    window_s = 6

    def regions(self, *arguments, seconds=300):
        return self.dev("regions", *arguments, seconds=seconds)

    def must(self, *arguments):
        done = self.regions(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def rows(self, query):
        text = f"SELECT coalesce(json_agg(row_to_json(q)), '[]') FROM ({query}) q"
        return json.loads(self.must("psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", text))

    def netns(self, place):
        return f"quorate-{self.offset}-{place}"

    def in_place(self, place, *command):
        return ["ip", "netns", "exec", self.netns(place), *command]

    def metric(self, region, name):
        """A metric of the region's agent, all its labels added up."""
        text = subprocess.run(self.in_place(region, "curl", "-sS", "-m", "5", "http://127.0.0.1:9102/metrics"), check=True,
                              stdout=subprocess.PIPE, text=True, timeout=10).stdout
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith((name + "{", name + " ")))


def why_no_namespaces():
    """The reason, where not even a namespace can be made."""
    name = f"quorate-try-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode == 0:
        done = subprocess.run(["ip", "netns", "exec", name, "ip", "link", "set", "lo", "up"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
    subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)
    return done.stdout.strip() or "refused" if done.returncode != 0 else None


class Regions(unittest.TestCase):
    """The tests run in the order of their names and share one instance."""

    @classmethod
    def setUpClass(cls):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        cls.stack = RegionsStack()
        cls.window = cls.stack.window_s
        cls.failed = False
        cls.began = time.monotonic()

    @classmethod
    def tearDownClass(cls):
        done = cls.stack.regions("down")
        if cls.failed or done.returncode != 0:
            print(f"the logs are kept: {cls.stack.run_dir}/regions/logs\n{done.stdout}", flush=True)
        else:
            cls.stack.remove()

    def run(self, result=None):
        if type(self).failed:
            result.addSkip(self, "an earlier test failed")
            return result
        before = len(result.failures) + len(result.errors)
        super().run(result)
        type(self).failed = len(result.failures) + len(result.errors) > before
        return result

    def say(self, text):
        print(f"  {time.monotonic() - self.began:5.1f} s  {text}", flush=True)

    # ---- questions

    def apply(self, text, *options):
        file = self.stack.run_dir / "endpoints.yaml"
        file.write_text(text)
        self.stack.must("quorate", "apply", "-f", str(file), *options)

    def minute_of(self, at):
        return int(at // self.window * self.window)

    def sealed(self, last):
        """Until every watched endpoint has the decision of that minute."""
        def least():
            return self.stack.rows("SELECT count(*) AS n FROM dash.minute WHERE tenant = 'default' AND "
                                   f"extract(epoch FROM minute) = {last}")[0]["n"]
        poll(4 * self.window + 20, least, lambda n: n == len(WATCHED), f"the minute {last} is sealed")

    def incidents(self):
        return self.stack.rows("SELECT endpoint, worst_severity, regions, reason, closed_at FROM dash.incident ORDER BY id")

    def cells(self, where):
        return self.stack.rows("SELECT endpoint, region, extract(epoch FROM minute)::bigint AS minute, verdict, reason, late, total_ms "
                               f"FROM dash.region_minute WHERE {where}")

    def of_minutes(self, region, first, last):
        """The cells that a region has of the watched endpoints."""
        return self.cells(f"region = '{region}' AND tenant = 'default' AND extract(epoch FROM minute) BETWEEN {first} AND {last}")

    def decisions(self, minute):
        return self.stack.rows("SELECT endpoint, decision, scope, rule_row FROM dash.minute WHERE tenant = 'default' AND "
                               f"extract(epoch FROM minute) = {minute} ORDER BY endpoint")

    @staticmethod
    def kinds(cells):
        found = collections.Counter(f"{cell['verdict']}({cell['reason']})" if cell["reason"] else cell["verdict"] for cell in cells)
        return ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))

    # ---- the scenario

    def test_1_it_starts(self):
        done = self.stack.regions("up", "--detach", "--no-demo", "--window", f"{self.window}s", seconds=1200)
        self.assertEqual(done.returncode, 0, done.stdout)
        again = self.stack.regions("up", "--detach")
        self.assertEqual(again.returncode, 1, again.stdout)
        self.assertIn("run already", again.stdout)
        status = self.stack.must("status")
        self.say("by " + status.rsplit("links by ", 1)[1].split(",")[0])
        agents = json.loads(self.stack.must("quorate", "agents", "list", "-o", "json"))
        self.assertEqual({agent["region"] for agent in agents if agent["alive"]}, set(RTT_MS))

    def test_2_the_paths_are_as_long_and_as_lossy_as_asked(self):
        lost = sent = 0
        wrong = []
        with contextlib.ExitStack() as ends:
            ports = {}
            for place, address in ADDRESSES.items():
                echo = subprocess.Popen(self.stack.in_place(place, sys.executable, METER, "echo", address), text=True,
                                        stdout=subprocess.PIPE)
                ends.callback(lambda echo=echo: (echo.kill(), echo.communicate()))
                ports[place] = echo.stdout.readline().strip()
            meters = {(region, place): subprocess.Popen(
                self.stack.in_place(region, sys.executable, METER, "measure", address, ports[place], str(DATAGRAMS)),
                text=True, stdout=subprocess.PIPE) for region in RTT_MS for place, address in ADDRESSES.items()}
            for meter in meters.values():
                ends.callback(lambda meter=meter: (meter.kill(), meter.communicate()))
            for (region, place), meter in meters.items():
                found = json.loads(meter.communicate(timeout=60)[0])
                asked, is_now = RTT_MS[region], found["median_ms"]
                self.say(f"{region:8} to the {place:6}: {asked:3} ms asked, {is_now:6.1f} ms measured; "
                         f"{found['lost']} of {found['sent']} lost")
                lost, sent = lost + found["lost"], sent + found["sent"]
                if abs(is_now - asked) > 0.1 * asked + 2:
                    wrong.append((region, place, is_now))
        self.assertEqual(wrong, [], "more than 10 % + 2 ms off")
        # Both ways lose 0.1 % of the packets: 30 of 15,000 round trips, with a standard deviation of 5.5.
        self.say(f"loss: {100 * lost / sent:.2f} % of the round trips, 0.20 % expected")
        self.assertTrue(5 <= lost <= 65, f"{lost} of {sent} lost")

    def test_3_distance_costs_no_throughput(self):
        self.apply("endpoints:\n" + "".join(
            f"  - {{name: e{i}, tenant: load, url: \"{STEADY}/e{i}\", regions: [{NEAR}, {FAR}]}}\n" for i in range(LOAD)) + "".join(
            f"  - {{name: {name}, url: \"{STEADY}/{name}\", latency_slo: 1500ms, era: modern, regions: [{', '.join(regions)}]}}\n"
            for name, regions in WATCHED.items()))
        started = time.time()

        def full():
            return self.stack.rows("SELECT count(*) AS n FROM dash.endpoint_status WHERE tenant = 'load' AND state = 'OK' "
                                   "AND coverage = 1")[0]["n"]
        poll(60, full, lambda n: n == LOAD, "the load is watched from both regions")
        self.say(f"{LOAD} endpoints watched after {time.time() - started:.0f} s")
        # A short window has all its slots in its first tenth: between two such bursts the count stands still.
        first = self.minute_of(time.time()) + self.window
        last = first + (WINDOWS - 1) * self.window
        name = "quorate_agent_recorded_total"

        def counts_before_the_next(minute):
            time.sleep(max(0.0, minute + 0.8 * self.window - time.time()))
            return {region: self.stack.metric(region, name) for region in (NEAR, FAR)}
        before = counts_before_the_next(first - self.window)
        after = counts_before_the_next(last)
        rate = {region: (after[region] - before[region]) / (WINDOWS * self.window) for region in (NEAR, FAR)}

        def sealed():
            return self.stack.rows(f"SELECT count(*) AS n FROM dash.minute WHERE tenant = 'load' AND extract(epoch FROM minute) = {last}")[0]["n"]
        poll(30, sealed, lambda n: n == LOAD, "the last minute of the load is sealed")
        measured = collections.Counter(cell["region"] for cell in self.cells(
            f"tenant = 'load' AND extract(epoch FROM minute) BETWEEN {first} AND {last}") if cell["verdict"] != "UNKNOWN")
        burst = LOAD / (self.window / 10)
        for region in (NEAR, FAR):
            self.say(f"{region:8} {RTT_MS[region]:3} ms: {rate[region]:6.1f} cells/s recorded, in bursts of {burst:.0f} jobs/s; {measured[region]} of "
                     f"{WINDOWS * LOAD} cells measured (a cell at a time would be {1000 / RTT_MS[region]:.1f}/s)")
        self.assertGreaterEqual(measured[FAR], measured[NEAR] - LOAD // 100)
        self.assertGreaterEqual(measured[FAR], 0.99 * WINDOWS * LOAD)
        self.assertGreaterEqual(rate[FAR], 0.95 * rate[NEAR])
        self.assertGreater(rate[FAR], 10 * 1000 / RTT_MS[FAR])
        self.apply(f"endpoints:\n  - {{name: e0, tenant: load, url: \"{STEADY}/e0\", paused: true}}\n", "--prune", "--yes")

    def test_4_a_cut_region_is_unknown_and_a_slow_path_is_p3(self):
        cls = type(self)

        def all_seen():
            return {row["endpoint"]: (row["state"], row["coverage"]) for row in self.stack.rows(
                "SELECT endpoint, state, coverage FROM dash.endpoint_status WHERE tenant = 'default'")}
        poll(60, all_seen, lambda seen: seen == {name: ("OK", 1) for name in WATCHED}, "all is OK")
        self.say("the watched endpoints are OK; the link of %s is cut, %s has 800 ms more to the endpoints" % (CUT, SLOWED))
        self.stack.must("cut", CUT)
        self.stack.must("slow", SLOWED, "800ms", "--to", "endpoints")
        cls.cut_first = self.minute_of(time.time()) + self.window
        cls.cut_last = cls.cut_first + 4 * self.window
        # The last window of the five is over, and with it what could still be recorded of it.
        self.sealed(cls.cut_last)
        cells = self.of_minutes(CUT, cls.cut_first, cls.cut_last)
        self.say(f"{CUT}: {self.kinds(cells)}")
        self.assertEqual(len(cells), 5 * len(WATCHED))
        self.assertEqual([c for c in cells if c["verdict"] != "UNKNOWN" or c["reason"] not in ("not_reported", "agent_dead")], [])
        notices = poll(20, self.notices, lambda rows: len(rows) == len(WATCHED), "a notice for each endpoint")
        self.assertEqual([(n["kind"], n["region"], n["closed_at"]) for n in notices], [("visibility", CUT, None)] * len(WATCHED))
        self.assertEqual(sorted(n["endpoint"] for n in notices), sorted(WATCHED))
        self.assertEqual(self.stack.rows("SELECT * FROM dash.minute WHERE decision IN ('P1', 'P2') AND tenant = 'default'"), [])
        seen = {i["endpoint"]: i for i in self.incidents()}
        for name in WATCHED:
            if SLOWED in WATCHED[name]:
                self.assertEqual((seen[name]["worst_severity"], seen[name]["regions"]), ("P3", [SLOWED]), name)
        self.assertEqual(set(seen), {name for name in WATCHED if SLOWED in WATCHED[name]})
        slow = [c["total_ms"] for c in self.cells(f"region = '{SLOWED}' AND verdict = 'SLOW' AND tenant = 'default'")]
        self.say(f"{SLOWED}: P3, {len(slow)} cells SLOW of {min(slow):.0f} to {max(slow):.0f} ms")

    def notices(self):
        return self.stack.rows("SELECT endpoint, kind, region, opened_at, closed_at, detail FROM dash.notice ORDER BY opened_at")

    def test_5_both_are_healed_and_a_cut_path_to_the_endpoints_is_p2(self):
        cls = type(self)
        self.stack.must("heal", CUT)
        self.stack.must("heal", SLOWED)
        self.stack.must("cut", BLOCKED, "--to", "endpoints")
        self.say(f"{CUT} and {SLOWED} are healed; {BLOCKED} does not reach the endpoints")
        # Just before the slots of a minute, when the agent has the jobs in hand; a link of ours, as `cut --to core` does it.
        kept = self.minute_of(time.time() + 2) + self.window
        time.sleep(max(0.0, kept - 0.7 - time.time()))
        subprocess.run(["ip", "-n", self.stack.netns("core"), "link", "set", SPOOLING, "down"], check=True)
        self.say(f"{SPOOLING} does not reach the core, and has its jobs in hand")
        touched = {name for name in WATCHED if BLOCKED in WATCHED[name]}

        def p2():
            return {i["endpoint"]: (i["regions"], i["closed_at"]) for i in self.incidents() if i["worst_severity"] == "P2"}
        found = poll(6 * self.window + 20, p2, lambda seen: set(seen) == touched, "P2 where that path leads")
        self.say(f"P2: {found}")
        self.assertEqual(found["not-from-slowed"], ([BLOCKED], None))
        self.assertEqual(found["everywhere"], (sorted((BLOCKED, SLOWED)), None), "its incident was a P3 before")
        failed = self.cells(f"region = '{BLOCKED}' AND verdict = 'FAIL' AND tenant = 'default'")
        self.assertEqual({c["reason"] for c in failed}, {"timeout_connect"})
        self.stack.must("heal", BLOCKED, "--to", "endpoints")
        self.say(f"{BLOCKED} is healed")

        # What an agent kept or missed while it was cut off comes in late, and decides nothing.
        self.sealed(kept)
        self.assertEqual({(c["verdict"], c["reason"]) for c in self.of_minutes(SPOOLING, kept, kept)}, {("UNKNOWN", "not_reported")})
        decided = self.decisions(kept)
        self.stack.must("heal", SPOOLING)

        def late(region, first, last):
            return [cell for cell in self.of_minutes(region, first, last) if cell["late"]]
        cells = poll(30, lambda: late(SPOOLING, kept, kept), lambda cells: len(cells) == len(WATCHED), "what was kept on disk comes in")
        self.say(f"late cells of {SPOOLING}: {self.kinds(cells)}")
        self.assertEqual({c["verdict"] for c in cells}, {"UP"})
        self.assertEqual(self.decisions(kept), decided)
        cells = poll(30, lambda: late(CUT, cls.cut_first, cls.cut_last), lambda cells: cells, "cells of the cut minutes come in late")
        self.say(f"late cells of {CUT}: {self.kinds(cells)}")
        self.assertEqual([c for c in cells if c["verdict"] != "UNKNOWN" or c["reason"] not in ("missed_window", "agent_unhealthy")], [])

        def open_ones():
            return [i for i in self.incidents() if i["closed_at"] is None]
        poll(10 * self.window, open_ones, lambda rows: rows == [], "all incidents are closed")
        self.say("P2 and P3 are closed")
        notices = self.notices()
        self.assertEqual([n for n in notices if n["closed_at"] is None], [])
        self.assertEqual(len(notices), len(WATCHED), notices)
        self.assertEqual(sorted(i["endpoint"] for i in self.incidents()), sorted(WATCHED))
        self.assertEqual(self.stack.rows("SELECT * FROM dash.minute WHERE decision = 'P1' AND tenant = 'default'"), [])

    def test_6_nothing_is_left_behind(self):
        pids = [int(file.read_text().split()[0]) for file in (self.stack.run_dir / "regions/pids").iterdir()]
        self.assertGreater(len(pids), 10)
        private = (self.stack.run_dir / "regions/private").resolve()
        self.assertTrue(private.exists())
        done = self.stack.regions("down")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual([pid for pid in pids if self.stack.runs(pid)], [])
        names = subprocess.run(["ip", "netns", "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertNotIn(f"quorate-{self.stack.offset}-", names)
        self.assertFalse(private.exists(), "data are left")
        self.say("down: no process, namespace or device is left")


if __name__ == "__main__":
    if reason := why_no_namespaces():
        print(f"SKIPPED e2e.regions: network namespaces are not permitted here: {reason}", flush=True)
        sys.exit(SKIPPED)
    unittest.main()
