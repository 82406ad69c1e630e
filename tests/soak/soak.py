#!/usr/bin/env python3
"""`./dev soak`: thousands of endpoints for a while, some sick in changing ways, agents that restart; what must stay flat stays flat."""
import argparse
import collections
import json
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from stack import REPO, Stack, poll  # noqa: E402

REGIONS = ("us-east", "us-west", "eu-west", "ap-south", "sa-east")
TARGET = REPO / "build/release/tests/mcp_target"
WINDOW_S = 20
SICK_SHARE = 0.1
MODES = {"hang": "FAIL", "error": "FAIL", "html": "FAIL", "slow": "SLOW", "auth": "AUTH"}
SPELL_WINDOWS = (4, 12)  # how long one is sick
RESTARTED = REGIONS[:-1]  # the agent of the last one lives through it all: its memory is held against the slope
RESTART_EVERY_S = (40, 120)
WARM_UP = 0.3  # of the run: what fills up once fills up then
SLOPE_MAX = 0.01  # an hour
QUEUE_MAX_WINDOWS = 1.0  # jobs of a region's queue, in windows of its endpoints
SAMPLE_EVERY_S = 5


@dataclass
class Spell:
    """An endpoint that is sick, and from when to when."""
    endpoint: str
    mode: str
    began: float
    ended: float | None = None


class Soak:
    def __init__(self, minutes, endpoints, seed):
        self.seconds, self.count, self.random = minutes * 60, endpoints, random.Random(seed)
        self.stack = Stack()
        self.stack.window_s = WINDOW_S
        self.target, self.agents, self.spells, self.restarts = None, {}, [], []
        self.memory = collections.defaultdict(list)  # (name, pid) -> [(seconds, KiB)]
        self.deepest = 0

    # ---- what runs

    def start(self):
        logs = self.stack.run_dir / "logs"
        logs.mkdir()
        self.target = subprocess.Popen([TARGET, logs / "access"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        port = int(self.target.stdout.readline())
        file = self.stack.run_dir / "endpoints.yaml"
        file.write_text("endpoints:\n" + "".join(
            f"  - {{name: e{i}, url: \"http://127.0.0.1:{port}/e{i}\", latency_slo: 500ms, timeout: 3s}}\n" for i in range(self.count)))
        done = self.stack.dev("up", "--detach", "--no-demo", "--window", f"{WINDOW_S}s", "--endpoints", str(file))
        if done.returncode != 0:
            raise SystemExit(done.stdout)
        poll(300, self.well, lambda well: well == self.count, "every endpoint is OK")

    def well(self):
        return self.stack.rows("SELECT count(*) AS n FROM dash.endpoint_status WHERE state = 'OK' AND coverage = 1")[0]["n"]

    def stop(self):
        for agent in self.agents.values():
            agent.terminate()
        for agent in self.agents.values():
            agent.wait(30)
        self.stack.dev("down")
        if self.target:
            self.target.kill()
            self.target.wait()

    def restart_agent(self):
        """Half of them by SIGKILL, half as in an upgrade."""
        region = self.random.choice(RESTARTED)
        name, hard = f"agent-{region}", self.random.random() < 0.5
        running = self.agents.get(region)
        pid = running.pid if running else self.stack.pid(name)
        self.restarts.append((time.time(), region))
        if running:
            running.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
            running.wait(30)
        else:
            subprocess.run(["kill", "-KILL" if hard else "-TERM", str(pid)], check=True)
            poll(30, lambda: self.stack.runs(pid), lambda runs: not runs, f"{name} ends")
        with (self.stack.run_dir / f"logs/{name}.log").open("a") as log:
            self.agents[region] = subprocess.Popen(
                [REPO / "build/release/bin/quorate-agent", "--config", self.stack.run_dir / f"etc/{name}.yaml"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.restarts.append((time.time(), region))

    # ---- sickness

    def order(self, endpoint, mode):
        self.target.stdin.write(f"/{endpoint} {mode}\n")

    def sicken(self, sick):
        """So many are sick at any time; each for its own spell, then another one is."""
        now = time.time()
        for endpoint, (spell, until) in list(sick.items()):
            if until <= now:
                self.order(endpoint, "up")
                spell.ended = now
                del sick[endpoint]
        while len(sick) < self.count * SICK_SHARE:
            endpoint, mode = f"e{self.random.randrange(self.count)}", self.random.choice(list(MODES))
            if endpoint in sick:
                continue
            spell = Spell(endpoint, mode, now)
            self.order(endpoint, mode)
            self.spells.append(spell)
            sick[endpoint] = (spell, now + self.random.uniform(*SPELL_WINDOWS) * WINDOW_S)

    # ---- what is watched meanwhile

    def pids(self):
        names = {"coordinator": self.stack.pid("coordinator"), "archiver": self.stack.pid("archiver"),
                 "redis": self.stack.pid("redis"), "target": self.target.pid}
        for region in REGIONS:
            agent = self.agents.get(region)
            names[f"agent-{region}"] = agent.pid if agent else self.stack.pid(f"agent-{region}")
        return names

    def sample(self, began):
        for name, pid in self.pids().items():
            text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            found = re.search(r"^VmRSS:\s+(\d+) kB", text, re.M)
            if found:
                self.memory[name, pid].append((time.monotonic() - began, int(found[1])))
        answer = self.stack.quorate("queues", "-o", "json")
        if answer.returncode == 0:
            depths = [row["queue_depth"] for row in json.loads(answer.stdout)]
            self.deepest = max(self.deepest, *depths)

    def run(self):
        sick, began = {}, time.monotonic()
        due_restart, due_sample = began + self.random.uniform(*RESTART_EVERY_S), began
        while time.monotonic() < began + self.seconds:
            self.sicken(sick)
            if time.monotonic() >= due_restart:
                self.restart_agent()
                due_restart = time.monotonic() + self.random.uniform(*RESTART_EVERY_S)
            if time.monotonic() >= due_sample:
                self.sample(began)
                due_sample = time.monotonic() + SAMPLE_EVERY_S
            time.sleep(0.2)
        for endpoint, (spell, _) in sick.items():
            self.order(endpoint, "up")
            spell.ended = time.time()

    # ---- what came of it

    def judge(self, first, last):
        wrong = [*self.judge_memory(), *self.judge_cells(first, last)]
        most = QUEUE_MAX_WINDOWS * self.count
        print(f"deepest queue of a region: {self.deepest} jobs, of {self.count} a window")
        if self.deepest > most:
            wrong.append(f"a queue held {self.deepest} jobs, more than {most:.0f}")
        return wrong

    def judge_memory(self):
        """The slope of each process that lived through most of the run; an agent that was restarted fills up anew."""
        for (name, pid), samples in sorted(self.memory.items()):
            after = [(at, kib) for at, kib in samples if at - samples[0][0] >= WARM_UP * self.seconds]
            if len(after) < 10 or name == "target":
                continue
            slope = per_hour(after)
            typical = statistics.median(kib for _, kib in after)
            print(f"{name:18} pid {pid:8} {typical / 1024:8.1f} MiB, {100 * slope / typical:+7.2f} % an hour over "
                  f"{(after[-1][0] - after[0][0]) / 60:.1f} min")
            if name != "redis" and slope / typical > SLOPE_MAX:
                yield f"{name} (pid {pid}) grows by {100 * slope / typical:.2f} % an hour"

    def judge_cells(self, first, last):
        rows = self.stack.rows(
            "SELECT count(*) AS n, count(DISTINCT (endpoint, region, minute)) AS keys FROM dash.region_minute "
            f"WHERE extract(epoch FROM minute) BETWEEN {first} AND {last}")[0]
        wanted = self.count * len(REGIONS) * ((last - first) // WINDOW_S + 1)
        print(f"{rows['n']} cells of {wanted}")
        if (rows["n"], rows["keys"]) != (wanted, wanted):
            yield f"{rows['n']} cells and {rows['keys']} keys, not {wanted}"
        odd = self.stack.rows(
            "SELECT endpoint, region, extract(epoch FROM minute)::bigint AS minute, verdict, reason FROM dash.region_minute "
            f"WHERE extract(epoch FROM minute) BETWEEN {first} AND {last} AND verdict NOT IN ('UP', 'UNKNOWN')")
        by_endpoint = collections.defaultdict(list)
        for spell in self.spells:
            by_endpoint[spell.endpoint].append(spell)
        blamed = [cell for cell in odd if not explained(cell, by_endpoint[cell["endpoint"]])]
        counts = collections.Counter((cell["verdict"], cell["reason"]) for cell in odd)
        for (verdict, reason), count in sorted(counts.items(), key=str):
            print(f"{count:8} {verdict} {reason or ''}")
        unknown = self.stack.rows(
            "SELECT reason, region, extract(epoch FROM minute)::bigint AS minute, count(*) AS n FROM dash.region_minute "
            f"WHERE extract(epoch FROM minute) BETWEEN {first} AND {last} AND verdict = 'UNKNOWN' GROUP BY 1, 2, 3")
        far = [row for row in unknown if not self.near_restart(row)]
        print(f"{sum(row['n'] for row in unknown):8} UNKNOWN, {sum(row['n'] for row in far)} of them away from a restart of their agent")
        if blamed:
            yield f"{len(blamed)} cells blame a server that was well, such as {blamed[0]}"
        if far:
            yield f"UNKNOWN away from a restart: {far[:5]}"
        yield from self.judge_incidents(by_endpoint)

    def near_restart(self, row):
        return any(region == row["region"] and row["minute"] - WINDOW_S <= at <= row["minute"] + 2 * WINDOW_S
                   for at, region in self.restarts)

    def judge_incidents(self, by_endpoint):
        rows = self.stack.rows("SELECT endpoint, worst_severity, extract(epoch FROM started_at) AS started, closed_at FROM dash.incident")
        counts = collections.Counter(row["worst_severity"] for row in rows)
        print(f"incidents: {dict(sorted(counts.items()))}; sick spells: {collections.Counter(s.mode for s in self.spells)}")
        for row in rows:
            if not any(s.began - WINDOW_S <= row["started"] <= s.ended + 2 * WINDOW_S for s in by_endpoint[row["endpoint"]]):
                yield f"an incident of a server that was well: {row}"


def explained(cell, spells):
    """Whether the endpoint was sick in that way while the cell was measured."""
    wanted = {spell.mode for spell in spells
              if spell.began - 1 <= cell["minute"] + 2 * WINDOW_S and spell.ended + 1 >= cell["minute"]}
    return any(MODES[mode] == cell["verdict"] for mode in wanted)


def per_hour(samples):
    """The median of the slopes between pairs (Theil and Sen), so that a step or a peak does not count."""
    step = max(1, len(samples) // 60)
    thinned = samples[::step]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(thinned) for b in thinned[i + len(thinned) // 3:] if b[0] > a[0]]
    return 3600 * statistics.median(slopes)


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--endpoints", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    print(f"{options.endpoints} endpoints, {len(REGIONS)} regions, windows of {WINDOW_S} s, {options.minutes:g} minutes, seed {options.seed}",
          flush=True)
    soak = Soak(options.minutes, options.endpoints, options.seed)
    wrong = ["it did not run to its end"]
    try:
        soak.start()
        first = int(time.time() // WINDOW_S + 1) * WINDOW_S
        soak.run()
        last = int(time.time() // WINDOW_S - 1) * WINDOW_S
        poll(120, lambda: soak.stack.rows("SELECT extract(epoch FROM min(last))::bigint AS at FROM (SELECT max(minute) AS last "
                                          "FROM dash.minute GROUP BY endpoint) m")[0]["at"],
             lambda sealed: sealed and sealed >= last, "the last window is sealed")
        wrong = soak.judge(first, last)
    finally:
        soak.stop()
        if wrong:
            print(f"the logs are kept: {soak.stack.run_dir}/logs", flush=True)
        else:
            soak.stack.remove()
    for line in wrong:
        print(f"WRONG: {line}")
    print(f"soak: {'clean' if not wrong else f'{len(wrong)} violations'}, {len(soak.restarts) // 2} restarts, {len(soak.spells)} sick spells")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
