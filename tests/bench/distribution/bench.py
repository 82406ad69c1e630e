"""`./dev bench distribution`: what the ways of jobs and cells through Redis cost."""
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from cpu_time import cpu_seconds
from distribution.operators import operator_rows
from distribution.redis_server import redis_server
from rows import CannotMeasure, Row

ROUNDS = 5
MINUTES_BUFFERED = 5
DETAILS = 1 / 60 + 0.01  # plain cells tell their details once an hour; one in a hundred is not plain
SPREAD_MS = 150
CPU_GOAL_US = 2
MEMORY_GOAL = 40
RATE_GOAL = 0.8  # of the bare client's
PLAN_RATE_GOAL = 0.6  # of bare XADDs
LATENESS_GOAL_MS = 250
CORE_SHARE_GOAL = 0.6
LATENESS_SECONDS = 40
AGENT_JOBS = 200_000
AGENT_GOAL_US = 100  # of a core: 10,000 jobs/s
AGENT_SECONDS_MAX = 120


class Cores:
    """A program of the benchmark on one core, a Redis of its own on the other."""

    def __init__(self, build):
        self.build = pathlib.Path(build)
        cores = sorted(os.sched_getaffinity(0))
        self.core, self.server_core = cores[0], cores[-1]

    def run(self, program, *options):
        """The JSON objects that it printed."""
        with redis_server(self.server_core) as path:
            return self.run_at(path, program, *options)

    def run_at(self, socket, program, *options):
        command = ["taskset", "-c", str(self.core), str(self.build / "bench" / program), "--socket", str(socket), *map(str, options)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400, check=False)
        if done.returncode != 0:
            raise CannotMeasure(f"{' '.join(command)}: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]


def record_rows(build):
    """100,000 endpoints x 5 regions, in the planner's slot order as agents write; the bare client sends the same calls."""
    cores = Cores(build)

    def record(*options):
        return cores.run("bench_distribution_record", "--details", DETAILS, *options)[0]

    full = record("--minutes", MINUTES_BUFFERED)
    spread = record("--spread-ms", SPREAD_MS)
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(record())
        bare.append(record("--bare"))
    name = "distribution.record"
    yield Row(f"{name}.cpu", full["server_cpu_us"], "us", most=CPU_GOAL_US)
    yield Row(f"{name}.memory", full["bytes"], "B", most=MEMORY_GOAL)
    yield Row(f"{name}.spread.cpu", spread["server_cpu_us"], "us")
    yield Row(f"{name}.rate", statistics.median(run["per_s"] for run in ours), "1/s")
    yield Row(f"{name}.bare.rate", statistics.median(run["per_s"] for run in bare), "1/s")
    yield Row(f"{name}.ratio", statistics.median(b["per_s"] / a["per_s"] for a, b in zip(ours, bare)), "ratio", most=1 / RATE_GOAL)


def plan_rows(build):
    """Ticks of the dispatcher, and after each the same jobs as bare pipelined XADDs."""
    rounds = Cores(build).run("bench_distribution_plan", "--rounds", ROUNDS)
    name = "distribution.plan"
    yield Row(f"{name}.cpu", statistics.median(run["cpu_us"] for run in rounds), "us")
    yield Row(f"{name}.rate", statistics.median(run["per_s"] for run in rounds), "1/s")
    yield Row(f"{name}.bare.rate", statistics.median(run["bare_per_s"] for run in rounds), "1/s")
    yield Row(f"{name}.ratio", statistics.median(run["bare_per_s"] / run["per_s"] for run in rounds), "ratio", most=1 / PLAN_RATE_GOAL)


def lateness_rows(build):
    """One coordinator in real time; a job is late from two seconds before its slot on."""
    (run,) = Cores(build).run("bench_distribution_lateness", "--seconds", LATENESS_SECONDS)
    name = "distribution.lateness"
    yield Row(f"{name}.rate", run["per_s"], "1/s")
    yield Row(f"{name}.p50", run["p50_ms"], "ms")
    yield Row(f"{name}.p99", run["p99_ms"], "ms", most=LATENESS_GOAL_MS)
    yield Row(f"{name}.core_share", run["core_share"], "", most=CORE_SHARE_GOAL)


def agent_rows(build):
    """The agent's own binary empties a queue of jobs that it makes cells of without a probe."""
    cores = Cores(build)
    with redis_server(cores.server_core) as socket, tempfile.TemporaryDirectory(prefix="quorate-bench-") as folder:
        cores.run_at(socket, "bench_distribution_feed", "--region", "bench", "--jobs", AGENT_JOBS)
        config = pathlib.Path(folder) / "agent.yaml"
        config.write_text(
            f"region: bench\nname: bench-1\nredis: {{url: 'unix://{socket}'}}\nload_max: 1\nhealth: {{port: 0}}\n", encoding="utf-8"
        )
        command = ["taskset", "-c", str(cores.core), str(cores.build / "bin" / "quorate-agent"), "--config", str(config)]
        began = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
            try:
                _wait_until_empty(socket, agent)
                seconds, cpu = time.monotonic() - began, cpu_seconds(agent.pid)
            finally:
                agent.terminate()
    yield Row("distribution.agent.rate", AGENT_JOBS / seconds, "1/s")
    yield Row("distribution.agent.cpu", cpu / AGENT_JOBS * 1e6, "us", most=AGENT_GOAL_US)


def _wait_until_empty(socket, agent):
    give_up = time.monotonic() + AGENT_SECONDS_MAX
    while time.monotonic() < give_up and agent.poll() is None:
        depth = subprocess.run(
            ["redis-cli", "-s", str(socket), "XLEN", "{rbench}:jobs"], capture_output=True, text=True, timeout=10, check=False
        )
        if depth.stdout.strip() == "0":
            return
        time.sleep(0.05)
    raise CannotMeasure("the agent does not empty its queue")


def measure(build, only=""):
    """Yields the rows of each section, as it is done."""
    sections = {
        "distribution.record": lambda: record_rows(build),
        "distribution.plan": lambda: plan_rows(build),
        "distribution.lateness": lambda: lateness_rows(build),
        "distribution.agent": lambda: agent_rows(build),
        "distribution.operators": lambda: operator_rows(build, Cores(build)),
    }
    for section, rows in sections.items():
        if not only or f"{section}.".startswith(f"{only}."):
            yield from rows()
