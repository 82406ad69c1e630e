"""What operators wait for, and what they cost: a large file applied, listed, and decisions watched by many."""
import contextlib
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from cpu_time import cpu_seconds
from distribution.redis_server import redis_server
from rows import CannotMeasure, Row

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy"))
from postgres import postgres  # noqa: E402  the tests' own, beside us

ENDPOINTS = 10_000
ROUNDS = 3
APPLY_GOAL_S = 5
LIST_GOAL_S = 1
WATCHERS = 100
DECISIONS_PER_S = 1000
WATCH_SECONDS = 20
WATCH_GOAL = 0.1  # of a core, beside what the coordinator does anyway
BATCHES_PER_S = 5
REGIONS = ("us-east", "us-west", "eu-west", "ap-south", "sa-east")
START_SECONDS = 60

# Batches of sealed minutes as an archiver writes them, five cells each, in real time.
_FEED = """
DO $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    FOR i IN 0..{batches} - 1 LOOP
        WITH made AS (
            INSERT INTO quorate.batch (minute_min, minute_max, minutes, sealed_at)
            SELECT at, at, {each}, now() FROM bench_minute RETURNING id)
        INSERT INTO quorate.minute
        SELECT (SELECT at FROM bench_minute), made.id, e.id, 0, 0, 7, 1, 0, decode(repeat('01', 28 * 5), 'hex'), '{{}}'
        FROM made, (SELECT id FROM quorate.endpoint ORDER BY id OFFSET {each} * (i % {turns}) LIMIT {each}) e;
        IF i % {turns} = {turns} - 1 THEN
            UPDATE bench_minute SET at = at + interval '1 minute';
        END IF;
        COMMIT;
        PERFORM pg_sleep(greatest(0, extract(epoch FROM began + (i + 1) * interval '{pause} s' - clock_timestamp())));
    END LOOP;
END
$$;
"""


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Served:
    """A coordinator with its stores, asked through the program."""

    def __init__(self, build, folder, redis, database):
        self.binaries = pathlib.Path(build) / "bin"
        self.folder, self.database = pathlib.Path(folder), database
        self.port, self.health = _free_port(), _free_port()
        conninfo = database.conninfo("quorate")
        self.config = self._write("coordinator.yaml", f"regions: [{', '.join(REGIONS)}]\nredis: {{url: 'unix://{redis}'}}\n"
                                  f"postgres: {{conninfo: '{conninfo}'}}\ngrpc: {{port: {self.port}}}\nhealth: {{port: {self.health}}}\n"
                                  "log: {level: error}\n")
        archiver = self._write("archiver.yaml", f"redis: {{url: 'unix://{redis}'}}\npostgres: {{conninfo: '{conninfo}'}}\n")
        self._run("quorate-archiver", "--config", archiver, "--migrate")
        self.file = self._write("endpoints.yaml", "endpoints:\n" + "".join(
            f"  - {{name: e{i}, url: 'https://mcp-{i}.example.com/mcp', labels: {{team: 'team-{i % 50}'}}}}\n" for i in range(ENDPOINTS)))

    def _write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.folder / name

    def _run(self, program, *arguments):
        """@return what it printed, and how many seconds it took"""
        began = time.monotonic()
        done = subprocess.run([self.binaries / program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=False)
        if done.returncode != 0:
            raise CannotMeasure(f"{program} {arguments[0]}: {done.stderr.strip()}")
        return done.stdout, time.monotonic() - began

    def quorate(self, *arguments):
        return self._run("quorate", *arguments, "--server", f"127.0.0.1:{self.port}")

    @contextlib.contextmanager
    def coordinator(self):
        """Yields the process once it is ready."""
        with subprocess.Popen([self.binaries / "quorate-coordinator", "--config", self.config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL) as process:
            try:
                self._wait_until_ready(process)
                yield process
            finally:
                process.terminate()

    def _wait_until_ready(self, process):
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up and process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.health}/readyz", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise CannotMeasure("the coordinator does not become ready")

    def feed(self):
        """Decisions, DECISIONS_PER_S of them for WATCH_SECONDS."""
        each = DECISIONS_PER_S // BATCHES_PER_S
        text = _FEED.format(batches=WATCH_SECONDS * BATCHES_PER_S, each=each, turns=ENDPOINTS // each, pause=1 / BATCHES_PER_S)
        try:
            self.database.psql(text, "quorate")
        except AssertionError as error:  # so says the tests' helper
            raise CannotMeasure(str(error)[:500]) from error


def _core_share(served, process):
    """Of the coordinator while decisions come."""
    before, began = cpu_seconds(process.pid), time.monotonic()
    served.feed()
    return (cpu_seconds(process.pid) - before) / (time.monotonic() - began)


def _watched(served, process, build):
    """The same with the watchers, each of whom gets every decision."""
    command = [pathlib.Path(build) / "bench" / "bench_distribution_watchers", "--server", f"127.0.0.1:{served.port}",
               "--clients", str(WATCHERS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watchers:
        try:
            if watchers.stdout.readline() != "ready\n":
                raise CannotMeasure("the watchers do not begin")
            share = _core_share(served, process)
            time.sleep(1)  # the last batch comes within 200 ms
            said, _ = watchers.communicate(timeout=60)
        finally:
            watchers.kill()
    got = json.loads(said)["decisions"] if said else 0
    if got != DECISIONS_PER_S * WATCH_SECONDS:
        raise CannotMeasure(f"a watcher got {got} of {DECISIONS_PER_S * WATCH_SECONDS} decisions")
    return share


def operator_rows(build, cores):
    """A file of 10,000 endpoints applied to an empty catalogue, and listed; then 100 watchers."""
    with redis_server(cores.server_core) as redis, postgres() as database, tempfile.TemporaryDirectory(prefix="quorate-bench-") as folder:
        database.psql("CREATE DATABASE quorate")
        served = Served(build, folder, redis, database)
        with served.coordinator() as process:
            said, apply_s = served.quorate("apply", "-f", served.file)
            if f"{ENDPOINTS} created" not in said:
                raise CannotMeasure(f"apply: {said[:200]}")
            listed = []
            for _ in range(ROUNDS):
                said, seconds = served.quorate("get", "-o", "json")
                listed.append(seconds)
                if len(json.loads(said)) != ENDPOINTS:
                    raise CannotMeasure("get does not list all endpoints")
            database.psql("SELECT quorate.make_minute_partitions();"
                          "CREATE TABLE bench_minute AS SELECT date_trunc('hour', now()) AS at", "quorate")
            alone = _core_share(served, process)
            watched = _watched(served, process, build)
    name = "distribution.operators"
    yield Row(f"{name}.apply", apply_s, "s", most=APPLY_GOAL_S)
    yield Row(f"{name}.list", statistics.median(listed), "s", most=LIST_GOAL_S)
    yield Row(f"{name}.watch.alone", alone, "")
    yield Row(f"{name}.watch.core_share", watched - alone, "", most=WATCH_GOAL)
