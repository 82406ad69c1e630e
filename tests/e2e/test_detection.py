#!/usr/bin/env python3
"""How soon an outage is seen and how soon its end: real MCP servers are broken at random moments, each for a while."""
import collections
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
import unittest
import urllib.request
from dataclasses import dataclass, field

from stack import REPO, Stack, is_free, poll

ENDPOINTS = 20
OUTAGES = int(os.environ.get("QUORATE_OUTAGES", ENDPOINTS))
WINDOW_S = 4
REGIONS = ("us-east", "us-west", "eu-west", "ap-south", "sa-east")  # at 127.0.1.1, 127.0.1.2, …
LAB = REPO / "tests/support/lab/lab.mjs"
APART = 10.5  # windows from a close to the next outage: a sooner one would reopen the incident
LONGEST = 16  # windows that an outage or its close may take before the test gives up


@dataclass(frozen=True)
class Kind:
    """How a server is broken, and what the contract says of it."""
    name: str
    severity: str
    detected: int  # windows, beside the timeouts in force
    closed: int


# Of P2 the contract bounds nothing: two failing minutes of one region, after the one in which it began.
KINDS = (Kind("kill", "P1", 2, 4), Kind("hang", "P1", 2, 4), Kind("hang-list", "P1", 2, 4), Kind("slow", "P3", 4, 6),
         Kind("one-region", "P2", 3, 4))


def timeouts_in_force():
    """Seconds that a failing look may take: two timeouts and the gap between them."""
    gap = min(2.0, WINDOW_S / 10)
    return 2 * min(10.0, (WINDOW_S - gap) / 2) + gap


@dataclass
class Outage:
    endpoint: str
    kind: Kind
    began: float
    region: str = ""
    ended: float | None = None
    event: dict = field(default_factory=dict)  # what dash says of it

    def in_windows(self, what):
        since = self.began if what == "detected" else self.ended
        return (self.event[what] - since) / WINDOW_S


class Server:
    """One lab server of its own process: `modern` or `legacy` of it is watched."""

    def __init__(self, folder, name, era, rng):
        self.name, self.era, self.folder = name, era, folder
        self.ports = [free_port(rng) for _ in range(4)]
        self.url = f"http://127.0.0.1:{self.ports[era == 'modern']}/mcp"
        self.process = None

    def start(self):
        self.begin()
        self.wait_until_ready()

    def begin(self):
        (self.folder / self.name).mkdir(exist_ok=True)
        legacy, modern, tls, control = self.ports
        self.process = subprocess.Popen(
            ["node", LAB, "--dir", self.folder, "--end-with-stdin", f"--legacy-port={legacy}", f"--modern-port={modern}",
             f"--tls-port={tls}", f"--control-port={control}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_until_ready(self):
        line = self.process.stdout.readline()
        assert line and json.loads(line)["ready"], f"{self.name} did not start: {line}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def set(self, state, source=None):
        """Returns when it is in force."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[3]}/state", method="PUT",
                                         data=json.dumps({"state": state, "from": source}).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200


def free_port(rng):
    """Below the range from which the kernel takes its own, so that a killed server finds its port again."""
    while True:
        port = rng.randrange(24_000, 32_000)
        if port not in TAKEN and is_free(port):
            TAKEN.add(port)
            return port


TAKEN = set()


class Detection(unittest.TestCase):
    def setUp(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        self.seed = int(os.environ.get("QUORATE_SEED", random.randrange(2**32)))
        self.random = random.Random(self.seed)
        print(f"seed {self.seed}: QUORATE_SEED={self.seed} repeats the order", flush=True)
        self.stack = Stack()
        self.stack.window_s = WINDOW_S
        self.servers = {}
        self.outages = []

    def tearDown(self):
        for server in self.servers.values():
            if server.process.poll() is None:
                server.kill()
        self.stack.dev("down")
        failures = self._outcome.result.failures + self._outcome.result.errors
        if failures:
            print(f"the logs are kept: {self.stack.run_dir}/logs", flush=True)
        else:
            self.stack.remove()

    def start_everything(self):
        folder = self.stack.run_dir / "servers"
        folder.mkdir()
        for i in range(ENDPOINTS):
            name = f"s{i:02}"
            self.servers[name] = Server(folder, name, ("modern", "legacy")[i % 2], self.random)
        first, *rest = self.servers.values()
        first.start()  # it makes the certificates that all have
        for server in rest:
            server.begin()
        for server in rest:
            server.wait_until_ready()
        file = self.stack.run_dir / "endpoints.yaml"
        file.write_text("endpoints:\n" + "".join(
            f"  - {{name: {server.name}, url: \"{server.url}\", latency_slo: 500ms}}\n" for server in self.servers.values()))
        done = self.stack.dev("up", "--detach", "--no-demo", "--window", f"{WINDOW_S}s", "--endpoints", str(file))
        self.assertEqual(done.returncode, 0, done.stdout)
        poll(90, self.seen, lambda seen: seen == (ENDPOINTS, 1.0), "every endpoint is OK with coverage 1")

    def seen(self):
        row = self.stack.rows("SELECT count(*) AS n, min(coverage) AS least FROM dash.endpoint_status WHERE state = 'OK'")[0]
        return row["n"], row["least"]

    # ---- breaking and mending

    def begin(self, name, kind):
        server = self.servers[name]
        outage = Outage(name, kind, 0.0)
        before = time.time()
        if kind.name == "kill":
            server.kill()
        elif kind.name == "slow":
            server.set("slow=900ms")
        elif kind.name == "one-region":
            at = self.random.randrange(len(REGIONS))
            outage.region = REGIONS[at]
            server.set("down", f"127.0.1.{at + 1}")
        else:
            server.set(kind.name)
        outage.began = before
        self.outages.append(outage)
        return outage

    def mend(self, outage):
        server = self.servers[outage.endpoint]
        if outage.kind.name == "kill":
            server.start()
        else:
            server.set("up")
        outage.ended = time.time()

    # ---- what dash says

    def incidents(self):
        """Of each endpoint its incidents, the oldest first."""
        rows = self.stack.rows(
            "SELECT i.endpoint, i.worst_severity, i.regions, i.flaps, "
            "  (SELECT json_agg(json_build_object('at', extract(epoch FROM e.at), 'to', e.to_severity) ORDER BY e.at, e.minute) "
            "   FROM dash.incident_event e WHERE e.incident_id = i.id) AS events "
            "FROM dash.incident i ORDER BY i.started_at")
        found = collections.defaultdict(list)
        for row in rows:
            found[row["endpoint"]].append(row)
        return found

    def read(self, outage, incident):
        """What an incident says of its outage; the severity is the first that it had."""
        events = incident["events"]
        outage.event = {"severity": events[0]["to"], "worst": incident["worst_severity"],
                        "regions": incident["regions"], "detected": events[0]["at"], "flaps": incident["flaps"]}
        if events[-1]["to"] is None:
            outage.event["closed"] = events[-1]["at"]

    # ---- the scenario

    def plan(self):
        """Each endpoint's kinds, one after the other; every kind comes equally often, up to one."""
        kinds = [KINDS[i % len(KINDS)] for i in range(OUTAGES)]
        self.random.shuffle(kinds)
        names = list(self.servers)
        return {name: kinds[i::len(names)] for i, name in enumerate(names)}

    def test_outages_are_seen_named_and_closed_in_time(self):
        self.start_everything()
        todo = {name: collections.deque(kinds) for name, kinds in self.plan().items()}
        due = {name: time.time() + self.random.uniform(0, 6) * WINDOW_S for name in todo}
        running, asked = {}, 0.0
        while any(todo.values()) or running:
            now = time.time()
            for name in [name for name in todo if todo[name] and name not in running and due[name] <= now]:
                running[name] = self.begin(name, todo[name].popleft())
                due[name] = time.time() + self.random.uniform(6, 8) * WINDOW_S
            for outage in [o for o in running.values() if o.ended is None and due[o.endpoint] <= now]:
                self.mend(outage)
                due[outage.endpoint] = time.time() + LONGEST * WINDOW_S
            if now >= asked + 0.5:
                asked, found = now, self.incidents()
                for name, outage in list(running.items()):
                    number = sum(1 for o in self.outages if o.endpoint == name)
                    if len(found[name]) >= number:
                        self.read(outage, found[name][number - 1])
                    if outage.ended and "closed" in outage.event:
                        due[name] = outage.event["closed"] + self.random.uniform(APART, APART + 2) * WINDOW_S
                        del running[name]
                    elif outage.ended and due[name] <= now:
                        self.fail(f"{outage.kind.name} of {name}: not opened and closed {LONGEST} windows after its end: {outage}")
            time.sleep(0.05)
        self.judge(self.incidents())

    def judge(self, found):
        self.print_percentiles()
        grace = timeouts_in_force() / WINDOW_S
        wrong = []
        for outage in self.outages:
            event, kind = outage.event, outage.kind
            if (event["severity"], event["worst"]) != (kind.severity, kind.severity):
                wrong.append(("class", outage))
            if outage.region and event["regions"] != [outage.region]:
                wrong.append(("region", outage))
            if not 0 <= outage.in_windows("detected") <= kind.detected + grace:
                wrong.append(("detected", outage))
            if not 0 <= outage.in_windows("closed") <= kind.closed + grace:
                wrong.append(("closed", outage))
        for what, outage in wrong:
            print(f"wrong {what}: {outage}", flush=True)
        self.assertEqual(wrong, [])
        self.assertEqual(sum(len(incidents) for incidents in found.values()), OUTAGES, "incidents without an outage")
        self.assertEqual([i for incidents in found.values() for i in incidents if i["flaps"]], [])

    def print_percentiles(self):
        print(f"{OUTAGES} outages on {ENDPOINTS} endpoints; windows of {WINDOW_S} s, of which a failing look may take "
              f"{timeouts_in_force() / WINDOW_S:.2f}", flush=True)
        print(f"{'':12}{'n':>4}  {'seen after: p50':>16} {'p90':>6} {'p99':>6} {'max':>6}  "
              f"{'closed after: p50':>18} {'p90':>6} {'p99':>6} {'max':>6}  (windows)")
        for name, some in [*((kind.name, [o for o in self.outages if o.kind is kind]) for kind in KINDS), ("all", self.outages)]:
            if some:
                figures = [percentiles([o.in_windows(what) for o in some]) for what in ("detected", "closed")]
                seen, closed = (f"{a:>{wide}.2f} {b:>6.2f} {c:>6.2f} {d:>6.2f}" for (a, b, c, d), wide in zip(figures, (16, 18)))
                print(f"{name:12}{len(some):>4}  {seen}  {closed}", flush=True)


def percentiles(values):
    cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else [values[0]] * 99
    return cuts[49], cuts[89], cuts[98], max(values)


if __name__ == "__main__":
    unittest.main()
