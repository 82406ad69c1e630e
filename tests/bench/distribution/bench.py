"""`./dev bench distribution`: what the ways of jobs and cells through Redis cost."""
import json
import os
import pathlib
import statistics
import subprocess

from distribution.redis_server import redis_server
from rows import CannotMeasure, Row

ROUNDS = 5
MINUTES_BUFFERED = 5
DETAILS = 1 / 60 + 0.01  # plain cells tell their details once an hour; one in a hundred is not plain
SPREAD_MS = 150
CPU_GOAL_US = 2
MEMORY_GOAL = 40
RATE_GOAL = 0.8  # of the bare client's


class Recorder:
    """`bench_distribution_record` on one core, a Redis of its own on the other."""

    def __init__(self, build):
        self.program = pathlib.Path(build) / "bench" / "bench_distribution_record"
        cores = sorted(os.sched_getaffinity(0))
        self.core, self.server_core = cores[0], cores[-1]

    def run(self, *options):
        with redis_server(self.server_core) as path:
            command = ["taskset", "-c", str(self.core), str(self.program), "--socket", str(path), *map(str, options)]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise CannotMeasure(f"{' '.join(command)}: {done.stderr.strip()}")
        return json.loads(done.stdout)


def record_rows(build):
    """100,000 endpoints x 5 regions, in the planner's slot order as agents write; the bare client sends the same calls."""
    recorder = Recorder(build)
    full = recorder.run("--minutes", MINUTES_BUFFERED, "--details", DETAILS)
    spread = recorder.run("--details", DETAILS, "--spread-ms", SPREAD_MS)
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(recorder.run("--details", DETAILS))
        bare.append(recorder.run("--details", DETAILS, "--bare"))
    name = "distribution.record"
    yield Row(f"{name}.cpu", full["server_cpu_us"], "us", most=CPU_GOAL_US)
    yield Row(f"{name}.memory", full["bytes"], "B", most=MEMORY_GOAL)
    yield Row(f"{name}.spread.cpu", spread["server_cpu_us"], "us")
    yield Row(f"{name}.rate", statistics.median(run["per_s"] for run in ours), "1/s")
    yield Row(f"{name}.bare.rate", statistics.median(run["per_s"] for run in bare), "1/s")
    yield Row(f"{name}.ratio", statistics.median(b["per_s"] / a["per_s"] for a, b in zip(ours, bare)), "ratio", most=1 / RATE_GOAL)


def measure(build, only=""):
    """Yields the rows of each section, as it is done."""
    sections = {"distribution.record": lambda: record_rows(build)}
    for section, rows in sections.items():
        if not only or f"{section}.".startswith(f"{only}."):
            yield from rows()
