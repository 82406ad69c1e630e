"""A fleet of ten agents under load, whose target writes down who asked it when; held against what Postgres says."""
import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from stack import REPO, Stack, poll

ENDPOINTS = 500
REGIONS = ("us-east", "us-west", "eu-west", "ap-south", "sa-east")  # at 127.0.1.1, 127.0.1.2, …
OURS = ("agent_dead", "missed_window", "not_reported")
UNKNOWN_MAX = 0.02  # of the cells of the windows around a disturbance
TARGET = REPO / "build/release/tests/mcp_target"
BIN = REPO / "build/release/bin"


class UnderLoad(unittest.TestCase):
    endpoints = ENDPOINTS
    in_pairs = True  # a second coordinator, and a second agent in each region

    def setUp(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        self.seed = int(os.environ.get("QUORATE_SEED", random.randrange(2**32)))
        self.random = random.Random(self.seed)
        self.stack = Stack()
        self.window = self.stack.window_s
        self.children = {}
        self.disturbances = []  # (when, what)
        print(f"seed {self.seed}: QUORATE_SEED={self.seed} repeats the order", flush=True)

    def tearDown(self):
        # The stores go last, so that nobody waits for them.
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            child.wait(30)
        self.stack.dev("down")
        failures = self._outcome.result.failures + self._outcome.result.errors
        if failures:
            print(f"the logs are kept: {self.stack.run_dir}/logs", flush=True)
        else:
            self.stack.remove()

    # ---- what runs

    def start(self, name, *command, **how):
        with (self.stack.run_dir / f"logs/{name}.log").open("a") as log:
            self.children[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, **({"stdout": log} | how))

    def start_target(self):
        (self.stack.run_dir / "logs").mkdir()
        self.access_log = self.stack.run_dir / "logs/access"
        self.start("target", TARGET, self.access_log, stdout=subprocess.PIPE, text=True)
        with self.children["target"].stdout as output:
            return int(output.readline())

    def start_second(self, kind, name):
        """One more daemon like the one of `./dev up`, under a name and on ports of its own."""
        text = (self.stack.run_dir / f"etc/{name}.yaml").read_text()
        text = re.sub(r"-1\b", "-2", text)  # its name, and the folder that goes by it
        text = re.sub(r"\bport: \d+", "port: 0", text)
        file = self.stack.run_dir / f"etc/{name}-2.yaml"
        file.write_text(text)
        self.start(f"{name}-2", BIN / f"quorate-{kind}", "--config", file)

    def start_everything(self):
        port = self.start_target()
        file = self.stack.run_dir / "endpoints.yaml"
        file.write_text("endpoints:\n" + "".join(
            f"  - {{name: e{i}, url: \"http://127.0.0.1:{port}/e{i}\"}}\n" for i in range(self.endpoints)))
        done = self.stack.dev("up", "--detach", "--no-demo", "--window", f"{self.window}s", "--endpoints", str(file))
        self.assertEqual(done.returncode, 0, done.stdout)
        if self.in_pairs:
            self.start_second("coordinator", "coordinator")
            for region in REGIONS:
                self.start_second("agent", f"agent-{region}")
        agents = (2 if self.in_pairs else 1) * len(REGIONS)

        def all_there(answer):
            return answer.returncode == 0 and sum(agent["alive"] for agent in json.loads(answer.stdout)) == agents
        poll(60, lambda: self.stack.quorate("agents", "list", "-o", "json"), all_there, f"{agents} agents are alive")
        poll(90, self.seen, lambda seen: seen == (self.endpoints, 1.0), "every endpoint is OK with coverage 1")

    def start_redis(self):
        """By the command of `./dev up`."""
        config = (self.stack.run_dir / "etc/migrate.yaml").read_text()
        socket = Path(re.search(r"unix://([^\"]+)", config).group(1))
        self.start("redis", "redis-server", "--port", "0", "--unixsocket", socket, "--dir", socket.parent, "--appendonly", "yes",
                   "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction")
        self.write_pid("redis")

    def write_pid(self, name):
        """So that `./dev down` ends it."""
        with open(f"/proc/{self.children[name].pid}/stat", encoding="ascii") as file:
            started = file.read().rsplit(") ", 1)[1].split()[19]
        (self.stack.run_dir / f"pids/{name}").write_text(f"{self.children[name].pid} {started}\n")

    def seen(self):
        row = self.stack.rows("SELECT count(*) AS n, min(coverage) AS least FROM dash.endpoint_status WHERE state = 'OK'")[0]
        return row["n"], row["least"]

    def note(self, what):
        self.disturbances.append((time.time(), what))
        print(f"{what}", flush=True)

    # ---- what came of it

    def cells(self, first, last):
        return self.stack.rows(
            "SELECT endpoint, region, extract(epoch FROM minute)::bigint AS minute, verdict, reason FROM dash.region_minute "
            f"WHERE extract(epoch FROM minute) BETWEEN {first} AND {last}")

    def probes(self):
        """(endpoint, region, minute) of each probe that the target answered in full, with how often."""
        region_at = {f"127.0.1.{i + 1}": region for i, region in enumerate(REGIONS)}
        found = collections.Counter()
        for line in self.access_log.read_text().splitlines():
            at, path, source, method = line.split(" ")
            if method == "tools/list" and source in region_at:
                found[path[1:], region_at[source], self.minute_of(int(at) / 1e6)] += 1
        return found

    def minute_of(self, at):
        return int(at // self.window * self.window)

    def around(self):
        """The minutes within one window of a disturbance."""
        return {self.minute_of(at) + step * self.window for at, _ in self.disturbances for step in (-1, 0, 1)}

    def last_minute(self):
        return self.stack.rows("SELECT extract(epoch FROM min(last))::bigint AS at FROM "
                               "(SELECT max(minute) AS last FROM dash.minute GROUP BY endpoint) m")[0]["at"]

    def cells_once(self, first, last):
        """The cells of all minutes from first to last; each that is due is there, once."""
        cells = self.cells(first, last)
        minutes = (last - first) // self.window + 1
        keys = collections.Counter((cell["endpoint"], cell["region"], cell["minute"]) for cell in cells)
        self.assertEqual(len(keys), self.endpoints * len(REGIONS) * minutes, "a cell is missing")
        self.assertEqual(max(keys.values()), 1, "a cell is there twice")
        return cells

    def nobody_is_blamed(self):
        self.assertEqual(self.stack.rows("SELECT * FROM dash.incident"), [], "a server is blamed")

    def judge(self, first, last):
        cells = self.cells_once(first, last)
        self.assertEqual([cell for cell in cells if cell["verdict"] not in ("UP", "SLOW", "UNKNOWN")], [])
        probes, around = self.probes(), self.around()
        counts, wrong = collections.Counter(), []
        for cell in cells:
            if cell["verdict"] != "UNKNOWN":
                counts["measured"] += 1
                continue
            seen = (cell["endpoint"], cell["region"], cell["minute"]) in probes
            near = cell["minute"] in around
            counts[f"UNKNOWN({cell['reason']}), {'probed' if seen else 'not probed'}, {'near' if near else 'far'}"] += 1
            if seen and not (near and cell["reason"] in OURS):
                wrong.append(cell)
        for what, count in sorted(counts.items()):
            print(f"{count:7} {what}", flush=True)
        twice = sum(1 for count in probes.values() if count > 1)
        print(f"{twice:7} of {len(probes)} cells were probed more than once", flush=True)
        self.assertEqual(wrong[:20], [], "unknown, though the target was probed")
        self.nobody_is_blamed()
        unknown = sum(count for what, count in counts.items() if what.startswith("UNKNOWN"))
        most = UNKNOWN_MAX * self.endpoints * len(REGIONS) * len(around)
        print(f"{unknown} UNKNOWN of at most {most:.0f}", flush=True)
        self.assertLessEqual(unknown, most)
